//! Lookups with NEON.

use crate::kernels::lookups::Lookups;
use crate::kernels::{STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms};
use std::arch::aarch64::{
    uint8x16_t, uint16x8_t, uint32x4_t, vaddq_f32, vaddq_u8, vaddvq_u32, vaddw_high_u8, vaddw_u8,
    vandq_u8, vandq_u32, vcltq_f32, vcvtq_f32_u32, vdupq_n_f32, vdupq_n_u8, vdupq_n_u16,
    vget_low_u8, vget_low_u16, vld1q_f32, vld1q_u8, vld1q_u32, vmovl_high_u16, vmovl_u16,
    vmulq_f32, vqtbl1q_u8, vreinterpretq_f32_u8, vshrq_n_u8, vst1q_f32,
};

/// Entries 0 … 15 and 16 … 31.
#[derive(Clone, Copy)]
pub(super) struct LookupsNeon(uint8x16_t, uint8x16_t);

// SAFETY (all blocks): the caller of a `Lookups` method has NEON, and loads where it may.
impl Lookups for LookupsNeon {
    type Four = uint8x16_t;
    type Codes = [uint8x16_t; 2];
    /// Eight entries each, in order.
    type Wide = [uint16x8_t; 4];

    #[inline(always)]
    unsafe fn wide() -> [uint16x8_t; 4] {
        // SAFETY: see the impl.
        unsafe { [vdupq_n_u16(0); 4] }
    }

    #[inline(always)]
    unsafe fn four() -> uint8x16_t {
        // SAFETY: see the impl.
        unsafe { vdupq_n_u8(15) }
    }

    #[inline(always)]
    unsafe fn apart(codes: *const u8, four: uint8x16_t) -> [uint8x16_t; 2] {
        // SAFETY: see the impl.
        unsafe {
            let codes = vld1q_u8(codes);
            [vandq_u8(codes, four), vshrq_n_u8::<4>(codes)]
        }
    }

    #[inline(always)]
    unsafe fn look_up(table: *const u8, [low, high]: [uint8x16_t; 2]) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let table = vld1q_u8(table);
            Self(vqtbl1q_u8(table, low), vqtbl1q_u8(table, high))
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: see the impl.
        unsafe { Self(vaddq_u8(self.0, other.0), vaddq_u8(self.1, other.1)) }
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
    unsafe fn hold(wide: [uint16x8_t; 4], held: &mut [f32; STRIP_ENTRIES]) {
        // SAFETY: see the impl. Four numbers are read and written at 0, 4, … 28 of 32.
        unsafe {
            for (at, sum) in fours(wide).into_iter().enumerate() {
                let held = held.as_mut_ptr().add(4 * at);
                vst1q_f32(held, vaddq_f32(vld1q_f32(held), vcvtq_f32_u32(sum)));
            }
        }
    }

    #[inline(always)]
    unsafe fn score(
        wide: [uint16x8_t; 4],
        holds: bool,
        factors: &[u8; STRIP_TERMS_BYTES],
        terms: ScanTerms,
        scores: &mut [f32; STRIP_ENTRIES],
    ) -> u32 {
        // SAFETY: see the impl. Four factors are read at four bytes an entry of `STRIP_TERMS_BYTES`, and four scores
        // read and written at 0, 4, … 28 of 32.
        unsafe {
            let (base, bound) = (vdupq_n_f32(terms.base), vdupq_n_f32(terms.bound));
            let (low, step) = (vdupq_n_f32(terms.low), vdupq_n_f32(terms.step));
            let places = vld1q_u32([1, 2, 4, 8].as_ptr());
            let mut told = 0;
            for (at, sum) in fours(wide).into_iter().enumerate() {
                let factors = factors.as_ptr().add(16 * at);
                let out = scores.as_mut_ptr().add(4 * at);
                let mut sum = vcvtq_f32_u32(sum);
                if holds {
                    sum = vaddq_f32(sum, vld1q_f32(out));
                }
                let add = vreinterpretq_f32_u8(vld1q_u8(factors));
                let scale = vreinterpretq_f32_u8(vld1q_u8(factors.add(4 * STRIP_ENTRIES)));
                let product = vaddq_f32(low, vmulq_f32(step, sum));
                let score = vaddq_f32(vaddq_f32(base, add), vmulq_f32(scale, product));
                vst1q_f32(out, score);
                told |= vaddvq_u32(vandq_u32(vcltq_f32(score, bound), places)) << (4 * at);
            }
            told
        }
    }
}

/// Sums of 32 bits, of four entries each.
///
/// # Safety
/// The machine has NEON.
#[inline(always)]
unsafe fn fours([a, b, c, d]: [uint16x8_t; 4]) -> [uint32x4_t; 8] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let low = |eight| vmovl_u16(vget_low_u16(eight));
        let high = |eight| vmovl_high_u16(eight);
        [
            low(a),
            high(a),
            low(b),
            high(b),
            low(c),
            high(c),
            low(d),
            high(d),
        ]
    }
}
