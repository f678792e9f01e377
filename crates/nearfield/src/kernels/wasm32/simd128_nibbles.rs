//! Codes of four bits with simd128: 32 a step, in four sums. It multiplies no bytes: nibbles are taken
//! out of 16 bits at a time, and the query is widened to them once for all rows.

use crate::kernels::Ahead;
use crate::kernels::nibbles::{self, Nibbles};
use std::arch::wasm32::{
    i16x8_splat, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_shuffle, i32x4_splat,
    u16x8_shr, v128, v128_and, v128_load,
};

pub(super) fn dot_nibbles(query: &[u8], row: &[u8]) -> i32 {
    // SAFETY: this file is compiled only where the module has simd128.
    unsafe { nibbles::dots::<Nibbles128, 1>(query, &[row], &Ahead::NONE)[0] }
}

pub(super) fn dot_nibbles_x4(query: &[u8], rows: &[&[u8]; 4], ahead: &Ahead) -> [i32; 4] {
    // SAFETY: as above.
    unsafe { nibbles::dots::<Nibbles128, 4>(query, rows, ahead) }
}

/// Four sums.
#[derive(Clone, Copy)]
struct Nibbles128(v128);

impl Nibbles for Nibbles128 {
    const STEP: usize = 16;
    /// For low nibbles of even and odd bytes, then for high ones, 16 bits each.
    type Query = [v128; 4];
    type Wide = v128;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(i32x4_splat(0))
    }

    #[inline(always)]
    unsafe fn wide() -> v128 {
        i32x4_splat(0)
    }

    #[inline(always)]
    unsafe fn query(low: *const u8, high: *const u8) -> [v128; 4] {
        // SAFETY: the caller can read sixteen codes from either; a v128 load needs no alignment.
        let (low, high) = unsafe { (v128_load(low.cast()), v128_load(high.cast())) };
        let byte = i16x8_splat(255);
        [
            v128_and(low, byte),
            u16x8_shr(low, 8),
            v128_and(high, byte),
            u16x8_shr(high, 8),
        ]
    }

    #[inline(always)]
    unsafe fn plus(
        self,
        [low_even, low_odd, high_even, high_odd]: [v128; 4],
        row: *const u8,
    ) -> Self {
        // SAFETY: as above.
        let row = unsafe { v128_load(row.cast()) };
        let nibble = i16x8_splat(15);
        let low_even = i32x4_dot_i16x8(low_even, v128_and(row, nibble));
        let high_even = i32x4_dot_i16x8(high_even, v128_and(u16x8_shr(row, 4), nibble));
        let low_odd = i32x4_dot_i16x8(low_odd, v128_and(u16x8_shr(row, 8), nibble));
        let high_odd = i32x4_dot_i16x8(high_odd, u16x8_shr(row, 12));
        let even = i32x4_add(low_even, high_even);
        Self(i32x4_add(
            self.0,
            i32x4_add(even, i32x4_add(low_odd, high_odd)),
        ))
    }

    #[inline(always)]
    unsafe fn widen(self, wide: v128) -> v128 {
        i32x4_add(wide, self.0)
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(wide: [v128; N]) -> [i32; N] {
        wide.map(|wide| {
            let two = i32x4_add(wide, i32x4_shuffle::<2, 3, 0, 1>(wide, wide));
            i32x4_extract_lane::<0>(two) + i32x4_extract_lane::<1>(two)
        })
    }
}
