//! Lookups with simd128: a position a step. Indices are below sixteen, so the swizzle of fixed-width
//! SIMD serves: what the relaxed one leaves open never happens.

use crate::kernels::lookups::{self, Lookups};
use crate::kernels::{STRIP_ENTRIES, ScanTerms};
use std::arch::wasm32::{
    f32x4_lt, f32x4_splat, i8x16_add, i8x16_splat, i8x16_swizzle, i16x8_add,
    i16x8_extend_high_u8x16, i16x8_extend_low_u8x16, i16x8_splat, i32x4_bitmask, u8x16_shr, v128,
    v128_and, v128_load, v128_store,
};

pub(super) fn scan_strip(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    // SAFETY: this file is compiled only where the module has simd128.
    unsafe { lookups::scan::<Lookups128>(tables, strip, terms, scores) }
}

/// Entries 0 … 15 and 16 … 31.
#[derive(Clone, Copy)]
struct Lookups128(v128, v128);

impl Lookups for Lookups128 {
    const STEP: usize = 16;
    /// Eight entries each, in order.
    type Wide = [v128; 4];

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(i8x16_splat(0), i8x16_splat(0))
    }

    #[inline(always)]
    unsafe fn wide() -> [v128; 4] {
        [i16x8_splat(0); 4]
    }

    #[inline(always)]
    unsafe fn plus(self, tables: *const u8, codes: *const u8) -> Self {
        // SAFETY: the caller can read sixteen bytes from either; a v128 load needs no alignment.
        let (table, codes) = unsafe { (v128_load(tables.cast()), v128_load(codes.cast())) };
        let low = i8x16_swizzle(table, v128_and(codes, i8x16_splat(15)));
        let high = i8x16_swizzle(table, u8x16_shr(codes, 4));
        Self(i8x16_add(self.0, low), i8x16_add(self.1, high))
    }

    #[inline(always)]
    unsafe fn widen(self, [a, b, c, d]: [v128; 4]) -> [v128; 4] {
        [
            i16x8_add(a, i16x8_extend_low_u8x16(self.0)),
            i16x8_add(b, i16x8_extend_high_u8x16(self.0)),
            i16x8_add(c, i16x8_extend_low_u8x16(self.1)),
            i16x8_add(d, i16x8_extend_high_u8x16(self.1)),
        ]
    }

    #[inline(always)]
    unsafe fn store(wide: [v128; 4]) -> [u16; STRIP_ENTRIES] {
        let mut out = [0_u16; STRIP_ENTRIES];
        for (at, part) in wide.into_iter().enumerate() {
            // SAFETY: eight sums are written at 0, 8, 16 and 24 of 32; no alignment is needed.
            unsafe { v128_store(out.as_mut_ptr().add(8 * at).cast(), part) };
        }
        out
    }

    #[inline(always)]
    unsafe fn below(scores: &[f32; STRIP_ENTRIES], bound: f32) -> u32 {
        let mut below = 0;
        for (at, four) in scores.as_chunks::<4>().0.iter().enumerate() {
            // SAFETY: four scores are read from an array of them; no alignment is needed.
            let scores = unsafe { v128_load(four.as_ptr().cast()) };
            below |= u32::from(i32x4_bitmask(f32x4_lt(scores, f32x4_splat(bound)))) << (4 * at);
        }
        below
    }
}
