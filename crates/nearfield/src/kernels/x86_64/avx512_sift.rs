//! Lists sifted with AVX-512 F: eight integers a register, and those that stay packed by one instruction.

use crate::kernels::Sift;
use crate::kernels::sift::{LANES, Sifted, sift};
use std::arch::x86_64::{
    _mm512_cmple_epu64_mask, _mm512_loadu_si512, _mm512_maskz_compress_epi64, _mm512_max_epu64,
    _mm512_min_epu64, _mm512_reduce_max_epu64, _mm512_reduce_min_epu64, _mm512_set1_epi64,
    _mm512_storeu_si512,
};

/// What the table has.
pub(super) const SIFT: Sift = |list, k| {
    // SAFETY: a table is handed out only after its instructions were detected.
    unsafe { entry(list, k) }
};

/// Leaves the smallest first, where guesses find them.
#[target_feature(enable = "avx512f,avx2,popcnt")]
fn entry(list: &mut [u64], k: usize) -> Option<u64> {
    // SAFETY: this function's features are those of the set.
    unsafe { sift::<Sift512>(list, k) }
}

/// Eight integers a register.
struct Sift512;

// SAFETY (all blocks): the caller of a `Sifted` function has AVX-512 F. Registers are read from arrays of as many
// integers.
impl Sifted for Sift512 {
    #[inline(always)]
    unsafe fn ends(list: &[[u64; LANES]], (least, most): (u64, u64)) -> (u64, u64) {
        // SAFETY: see the impl.
        unsafe {
            let mut low = _mm512_set1_epi64(least.cast_signed());
            let mut high = _mm512_set1_epi64(most.cast_signed());
            for eight in list {
                let eight = _mm512_loadu_si512(eight.as_ptr().cast());
                low = _mm512_min_epu64(low, eight);
                high = _mm512_max_epu64(high, eight);
            }
            (_mm512_reduce_min_epu64(low), _mm512_reduce_max_epu64(high))
        }
    }

    #[inline(always)]
    unsafe fn count(list: &[[u64; LANES]], bound: u64) -> usize {
        let mut count = 0;
        for eight in list {
            // SAFETY: see the impl.
            let mask = unsafe {
                let eight = _mm512_loadu_si512(eight.as_ptr().cast());
                _mm512_cmple_epu64_mask(eight, _mm512_set1_epi64(bound.cast_signed()))
            };
            count += mask.count_ones() as usize;
        }
        count
    }

    #[inline(always)]
    unsafe fn keep(list: &mut [[u64; LANES]], bound: u64) -> usize {
        let (count, at) = (list.len(), list.as_flattened_mut().as_mut_ptr());
        let mut kept = 0;
        for read in 0..count {
            // SAFETY: see the impl. No more are kept than were read, so that a register is written where all that
            // stood there was read before.
            unsafe {
                let eight = _mm512_loadu_si512(at.add(read * LANES).cast());
                let bound = _mm512_set1_epi64(bound.cast_signed());
                let mask = _mm512_cmple_epu64_mask(eight, bound);
                let packed = _mm512_maskz_compress_epi64(mask, eight);
                _mm512_storeu_si512(at.add(kept).cast(), packed);
                kept += mask.count_ones() as usize;
            }
        }
        kept
    }
}
