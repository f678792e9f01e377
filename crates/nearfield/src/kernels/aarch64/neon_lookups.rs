//! Lookups with NEON: a position a step.

use crate::kernels::STRIP_ENTRIES;
use crate::kernels::lookups::Lookups;
use std::arch::aarch64::{
    uint8x16_t, uint16x8_t, vaddq_u8, vaddw_high_u8, vaddw_u8, vandq_u8, vdupq_n_u8, vdupq_n_u16,
    vget_low_u8, vld1q_u8, vqtbl1q_u8, vshrq_n_u8, vst1q_u16,
};

/// Entries 0 … 15 and 16 … 31.
#[derive(Clone, Copy)]
pub(super) struct LookupsNeon(uint8x16_t, uint8x16_t);

// SAFETY (all blocks): the caller of a `Lookups` method has NEON, and loads where it may.
impl Lookups for LookupsNeon {
    const STEP: usize = 16;
    /// Eight entries each, in order.
    type Wide = [uint16x8_t; 4];

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vdupq_n_u8(0), vdupq_n_u8(0)) }
    }

    #[inline(always)]
    unsafe fn wide() -> [uint16x8_t; 4] {
        // SAFETY: see the impl.
        unsafe { [vdupq_n_u16(0); 4] }
    }

    #[inline(always)]
    unsafe fn plus(self, tables: *const u8, codes: *const u8) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let (table, codes) = (vld1q_u8(tables), vld1q_u8(codes));
            let low = vqtbl1q_u8(table, vandq_u8(codes, vdupq_n_u8(15)));
            let high = vqtbl1q_u8(table, vshrq_n_u8::<4>(codes));
            Self(vaddq_u8(self.0, low), vaddq_u8(self.1, high))
        }
    }

    #[inline(always)]
    unsafe fn widen(self, [a, b, c, d]: [uint16x8_t; 4]) -> [uint16x8_t; 4] {
        // SAFETY: see the impl.
        unsafe {
            [
                vaddw_u8(a, vget_low_u8(self.0)),
                vaddw_high_u8(b, self.0),
                vaddw_u8(c, vget_low_u8(self.1)),
                vaddw_high_u8(d, self.1),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store(wide: [uint16x8_t; 4]) -> [u16; STRIP_ENTRIES] {
        let mut out = [0; STRIP_ENTRIES];
        for (at, part) in wide.into_iter().enumerate() {
            // SAFETY: see the impl. Eight sums are written at 0, 8, 16 and 24 of 32.
            unsafe { vst1q_u16(out.as_mut_ptr().add(8 * at), part) };
        }
        out
    }
}
