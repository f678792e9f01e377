//! Lists sifted with simd128: two integers a register where they are counted, one after the other elsewhere.

use crate::kernels::Sift;
use crate::kernels::sift::{LANES, Plain, Sifted, sift};
use std::arch::wasm32::{
    i64x2_add, i64x2_extract_lane, i64x2_gt, i64x2_splat, v128_load, v128_xor,
};

/// What the table has.
pub(super) const SIFT: Sift = |list, k| {
    // SAFETY: this file is compiled only where the module has simd128.
    unsafe { sift::<Sift128>(list, k) }
};

struct Sift128;

impl Sifted for Sift128 {
    unsafe fn ends(list: &[[u64; LANES]], ends: (u64, u64)) -> (u64, u64) {
        // SAFETY: plain Rust runs everywhere.
        unsafe { Plain::ends(list, ends) }
    }

    unsafe fn count(list: &[[u64; LANES]], bound: u64) -> usize {
        // Integers whose order with a sign is that of these without one.
        let sign = i64x2_splat(i64::MIN);
        let bound = v128_xor(i64x2_splat(bound.cast_signed()), sign);
        let mut beyond = [i64x2_splat(0); 2];
        for eight in list {
            for (at, pair) in eight.as_chunks::<2>().0.iter().enumerate() {
                // SAFETY: two integers are read of an array of two; a v128 load needs no alignment.
                let pair = unsafe { v128_load(pair.as_ptr().cast()) };
                let sum = &mut beyond[at % 2];
                *sum = i64x2_add(*sum, i64x2_gt(v128_xor(pair, sign), bound));
            }
        }
        let both = i64x2_add(beyond[0], beyond[1]);
        // Each that is beyond counts as minus one.
        let less = i64x2_extract_lane::<0>(both) + i64x2_extract_lane::<1>(both);
        (list.len() * LANES).wrapping_add_signed(less as isize)
    }

    unsafe fn keep(list: &mut [[u64; LANES]], bound: u64) -> usize {
        // SAFETY: as above.
        unsafe { Plain::keep(list, bound) }
    }
}
