//! NEON: sixteen lanes in four registers, fused; codes 16 a step.

use super::neon_lookups::LookupsNeon;
use super::neon_nibbles::NibblesNeon;
use crate::kernels::floats::FloatColumns;
use crate::kernels::lanes::{self, Lanes, table};
use crate::kernels::lookups::{self, lookup_entries};
use crate::kernels::nibbles::{self, nibble_entries};
use crate::kernels::panels::PANEL;
use crate::kernels::products::{self, Products};
use crate::kernels::queries::{TABLES, TURN};
use crate::kernels::rows::{self, row_entries};
use crate::kernels::sift::SIFT;
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, CodeRows, Isa, Kernels, RowScores, RowsAsked};
use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, vadd_f32, vaddq_f32, vaddvq_s32, vdupq_n_f32, vdupq_n_s32,
    vfmaq_f32, vget_high_f32, vget_lane_f32, vget_low_f32, vget_low_s8, vld1q_f32, vld1q_s8,
    vmlal_high_s8, vmull_high_s8, vmull_s8, vmulq_f32, vpadalq_s16, vpaddq_s16,
    vreinterpretq_s8_s32, vst1q_f32, vst1q_s32, vsubq_f32,
};

table!(Isa::Neon, Neon, CodesNeon, ColumnsNeon, "neon");
nibble_entries!(NibblesNeon, "neon");
row_entries!(CodesNeon, NibblesNeon, "neon");
lookup_entries!(LookupsNeon, "neon");

/// Lanes 0 … 3, 4 … 7, 8 … 11 and 12 … 15.
#[derive(Clone, Copy)]
struct Neon(float32x4_t, float32x4_t, float32x4_t, float32x4_t);

// SAFETY (all blocks): the caller of a `Lanes` method has NEON, and loads where it may.
impl Lanes for Neon {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe {
            let zero = vdupq_n_f32(0.0);
            Self(zero, zero, zero, zero)
        }
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: see the impl.
        unsafe {
            Self(
                vld1q_f32(at),
                vld1q_f32(at.add(4)),
                vld1q_f32(at.add(8)),
                vld1q_f32(at.add(12)),
            )
        }
    }

    #[inline(always)]
    unsafe fn minus(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            Self(
                vsubq_f32(self.0, other.0),
                vsubq_f32(self.1, other.1),
                vsubq_f32(self.2, other.2),
                vsubq_f32(self.3, other.3),
            )
        }
    }

    #[inline(always)]
    unsafe fn plus_product(self, a: Self, b: Self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            Self(
                vfmaq_f32(self.0, a.0, b.0),
                vfmaq_f32(self.1, a.1, b.1),
                vfmaq_f32(self.2, a.2, b.2),
                vfmaq_f32(self.3, a.3, b.3),
            )
        }
    }

    #[inline(always)]
    unsafe fn fold(self) -> f32 {
        // SAFETY: see the impl.
        unsafe {
            let four = vaddq_f32(vaddq_f32(self.0, self.2), vaddq_f32(self.1, self.3));
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }
}

// SAFETY (all blocks): the caller of a `FloatColumns` method has NEON, and stores where it may.
impl FloatColumns for Neon {
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn plus_rounded(self, x: f32, columns: Self) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let x = vdupq_n_f32(x);
            Self(
                vaddq_f32(self.0, vmulq_f32(x, columns.0)),
                vaddq_f32(self.1, vmulq_f32(x, columns.1)),
                vaddq_f32(self.2, vmulq_f32(x, columns.2)),
                vaddq_f32(self.3, vmulq_f32(x, columns.3)),
            )
        }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut f32) {
        // SAFETY: see the impl.
        unsafe {
            vst1q_f32(out, self.0);
            vst1q_f32(out.add(4), self.1);
            vst1q_f32(out.add(8), self.2);
            vst1q_f32(out.add(12), self.3);
        }
    }
}

/// Four sums.
#[derive(Clone, Copy)]
struct CodesNeon(int32x4_t);

// SAFETY (all blocks): the caller of a `Products` method has NEON, and loads where it may.
impl Products for CodesNeon {
    const STEP: usize = 16;
    /// Seven bits are the same number signed.
    type Query = int8x16_t;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vdupq_n_s32(0)) }
    }

    #[inline(always)]
    unsafe fn query(at: *const u8) -> int8x16_t {
        // SAFETY: see the impl.
        unsafe { vld1q_s8(at.cast()) }
    }

    #[inline(always)]
    unsafe fn plus(self, query: int8x16_t, row: *const i8) -> Self {
        // SAFETY: see the impl. Two products are at most 2 · 127 · 128 = 32,512 either way: the
        // 16-bit sums do not wrap.
        unsafe {
            let row = vld1q_s8(row);
            let low = vmull_s8(vget_low_s8(query), vget_low_s8(row));
            Self(vpadalq_s16(self.0, vmlal_high_s8(low, query, row)))
        }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { rows.map(|row| vaddvq_s32(row.0)) }
    }
}

/// Columns 0 … 3, 4 … 7, 8 … 11 and 12 … 15.
#[derive(Clone, Copy)]
pub(super) struct ColumnsNeon(pub(super) [int32x4_t; 4]);

// SAFETY (all blocks): the caller of a `Columns` method has NEON, and loads and stores where it may.
impl Columns for ColumnsNeon {
    const ROWS: usize = 4;
    type Panel = [int8x16_t; 4];

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self([vdupq_n_s32(0); 4]) }
    }

    #[inline(always)]
    unsafe fn panel(at: *const i8) -> Self::Panel {
        // SAFETY: see the impl.
        unsafe {
            [
                vld1q_s8(at),
                vld1q_s8(at.add(16)),
                vld1q_s8(at.add(32)),
                vld1q_s8(at.add(48)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn plus(self, row: i32, panel: Self::Panel) -> Self {
        // SAFETY: see the impl. Seven bits are the same number signed; two products fit 16 bits, as
        // in `CodesNeon`.
        unsafe {
            let row = vreinterpretq_s8_s32(vdupq_n_s32(row));
            let mut sums = self.0;
            for (sum, columns) in sums.iter_mut().zip(panel) {
                let low = vmull_s8(vget_low_s8(row), vget_low_s8(columns));
                let high = vmull_high_s8(row, columns);
                *sum = vpadalq_s16(*sum, vpaddq_s16(low, high));
            }
            Self(sums)
        }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut i32) {
        // SAFETY: see the impl.
        unsafe {
            for (at, sum) in self.0.into_iter().enumerate() {
                vst1q_s32(out.add(4 * at), sum);
            }
        }
    }
}
