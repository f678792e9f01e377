//! Codes of four bits with NEON: 32 a step, in eight sums of 16 bits.

use crate::kernels::nibbles::Nibbles;
use std::arch::aarch64::{
    uint8x16_t, uint16x8_t, uint32x4_t, vaddvq_u32, vandq_u8, vdupq_n_u8, vdupq_n_u16, vdupq_n_u32,
    vget_low_u8, vld1q_u8, vmlal_high_u8, vmlal_u8, vpadalq_u16, vshrq_n_u8,
};

/// Eight sums.
#[derive(Clone, Copy)]
pub(super) struct NibblesNeon(uint16x8_t);

// SAFETY (all blocks): the caller of a `Nibbles` method has NEON, and loads where it may.
impl Nibbles for NibblesNeon {
    const STEP: usize = 16;
    type Query = (uint8x16_t, uint8x16_t);
    /// Four sums.
    type Wide = uint32x4_t;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vdupq_n_u16(0)) }
    }

    #[inline(always)]
    unsafe fn wide() -> uint32x4_t {
        // SAFETY: see the impl.
        unsafe { vdupq_n_u32(0) }
    }

    #[inline(always)]
    unsafe fn query(low: *const u8, high: *const u8) -> (uint8x16_t, uint8x16_t) {
        // SAFETY: see the impl.
        unsafe { (vld1q_u8(low), vld1q_u8(high)) }
    }

    #[inline(always)]
    unsafe fn plus(self, (low, high): (uint8x16_t, uint8x16_t), row: *const u8) -> Self {
        // SAFETY: see the impl. The sums stay below 2¹⁶ for as long as SPAN says.
        unsafe {
            let row = vld1q_u8(row);
            let (of_low, of_high) = (vandq_u8(row, vdupq_n_u8(15)), vshrq_n_u8::<4>(row));
            let sums = vmlal_u8(self.0, vget_low_u8(low), vget_low_u8(of_low));
            let sums = vmlal_high_u8(sums, low, of_low);
            let sums = vmlal_u8(sums, vget_low_u8(high), vget_low_u8(of_high));
            Self(vmlal_high_u8(sums, high, of_high))
        }
    }

    #[inline(always)]
    unsafe fn widen(self, wide: uint32x4_t) -> uint32x4_t {
        // SAFETY: see the impl.
        unsafe { vpadalq_u16(wide, self.0) }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(wide: [uint32x4_t; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { wide.map(|wide| vaddvq_u32(wide).cast_signed()) }
    }
}
