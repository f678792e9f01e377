//! NEON with the dot product of bytes (`FEAT_DotProd`): codes 16 a step, multiplied and added to
//! 32-bit sums by one instruction. Floats go as with NEON.

use super::neon::{self, ColumnsNeon};
use crate::kernels::nibbles::{self, Nibbles, nibble_entries};
use crate::kernels::products::{self, Products, table_of_codes};
use crate::kernels::rows::{self, row_entries};
use crate::kernels::tiles::{self, Columns};
use crate::kernels::{Ahead, CodeRows, Isa, Kernels, RowScores, RowsAsked};
use std::arch::aarch64::{
    int8x16_t, int32x4_t, vaddq_s32, vaddvq_s32, vandq_u8, vdupq_n_s32, vdupq_n_u8, vld1q_s8,
    vld1q_u8, vreinterpretq_s8_s32, vreinterpretq_s8_u8, vshrq_n_u8,
};
use std::arch::asm;

table_of_codes!(
    Isa::NeonDotprod,
    CodesDotprod,
    ColumnsDotprod,
    "neon,dotprod",
    neon::KERNELS,
    // SAFETY: a table is handed out only after its instructions were detected.
    dot_u7u4: |query, row| unsafe { dot_nibbles(query, row) },
    // SAFETY: as above.
    dot_u7u4_x4: |query, rows, ahead| unsafe { dot_nibbles_x4(query, rows, ahead) },
    // SAFETY: as above.
    score_u7i8: |query, rows, asked, out| unsafe { score_bytes(query, rows, asked, out) },
    // SAFETY: as above.
    score_u7u4: |query, rows, asked, out| unsafe { score_halves(query, rows, asked, out) }
);
nibble_entries!(NibblesDotprod, "neon,dotprod");
row_entries!(CodesDotprod, NibblesDotprod, "neon,dotprod");

/// `sums`, each with the four products of its bytes added. The intrinsic of this instruction is not
/// stable Rust yet.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn sdot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the features above have the instruction; it reads and writes these registers alone.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Four sums.
#[derive(Clone, Copy)]
struct CodesDotprod(int32x4_t);

// SAFETY (all blocks): the caller of a `Products` method has NEON with dot products, and loads where
// it may.
impl Products for CodesDotprod {
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
        // SAFETY: see the impl.
        unsafe { Self(sdot(self.0, query, vld1q_s8(row))) }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { rows.map(|row| vaddvq_s32(row.0)) }
    }
}

/// Four sums of low nibbles' products and four of high ones': two chains hide the instruction's latency.
#[derive(Clone, Copy)]
struct NibblesDotprod(int32x4_t, int32x4_t);

// SAFETY (all blocks): the caller of a `Nibbles` method has NEON with dot products, and loads where it may.
impl Nibbles for NibblesDotprod {
    const STEP: usize = 16;
    /// Sums of 32 bits hold those of the longest row.
    const SPAN: usize = usize::MAX;
    /// Seven bits are the same number signed, and so are four.
    type Query = (int8x16_t, int8x16_t);
    type Wide = int32x4_t;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vdupq_n_s32(0), vdupq_n_s32(0)) }
    }

    #[inline(always)]
    unsafe fn wide() -> int32x4_t {
        // SAFETY: see the impl.
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    unsafe fn query(low: *const u8, high: *const u8) -> (int8x16_t, int8x16_t) {
        // SAFETY: see the impl.
        unsafe { (vld1q_s8(low.cast()), vld1q_s8(high.cast())) }
    }

    #[inline(always)]
    unsafe fn plus(self, (low, high): (int8x16_t, int8x16_t), row: *const u8) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let row = vld1q_u8(row);
            let of_low = vreinterpretq_s8_u8(vandq_u8(row, vdupq_n_u8(15)));
            let of_high = vreinterpretq_s8_u8(vshrq_n_u8::<4>(row));
            Self(sdot(self.0, low, of_low), sdot(self.1, high, of_high))
        }
    }

    #[inline(always)]
    unsafe fn widen(self, wide: int32x4_t) -> int32x4_t {
        // SAFETY: see the impl.
        unsafe { vaddq_s32(wide, vaddq_s32(self.0, self.1)) }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(wide: [int32x4_t; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { wide.map(|wide| vaddvq_s32(wide)) }
    }
}

/// As with NEON, but for the products.
#[derive(Clone, Copy)]
struct ColumnsDotprod(ColumnsNeon);

// SAFETY (all blocks): the caller of a `Columns` method has NEON with dot products, and loads and
// stores where it may.
impl Columns for ColumnsDotprod {
    const ROWS: usize = ColumnsNeon::ROWS;
    type Panel = <ColumnsNeon as Columns>::Panel;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(ColumnsNeon::zero()) }
    }

    #[inline(always)]
    unsafe fn panel(at: *const i8) -> Self::Panel {
        // SAFETY: see the impl.
        unsafe { ColumnsNeon::panel(at) }
    }

    #[inline(always)]
    unsafe fn plus(self, row: i32, panel: Self::Panel) -> Self {
        // SAFETY: see the impl. Seven bits are the same number signed.
        unsafe {
            let row = vreinterpretq_s8_s32(vdupq_n_s32(row));
            let mut sums = self.0.0;
            for (sum, columns) in sums.iter_mut().zip(panel) {
                *sum = sdot(*sum, row, columns);
            }
            Self(ColumnsNeon(sums))
        }
    }

    #[inline(always)]
    unsafe fn store(self, out: *mut i32) {
        // SAFETY: see the impl.
        unsafe { self.0.store(out) }
    }
}
