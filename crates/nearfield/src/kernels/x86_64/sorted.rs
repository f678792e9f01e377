//! An integer put among ascending ones, with AVX2 and with AVX-512: no search for its place, no branch on it.
//!
//! ```text
//! x = 5    2 3 7 9    each place takes the smaller of its own and of the larger of x and the one before
//!          2 3 5 7
//! ```
//! Only what stands in groups that are wholly below x is passed over.

use crate::kernels::{Inserter, SORTED_BLOCK};
use std::arch::x86_64::{
    __m256i, _mm256_blend_epi32, _mm256_blendv_epi8, _mm256_castsi256_pd, _mm256_cmpgt_epi64,
    _mm256_loadu_si256, _mm256_movemask_pd, _mm256_permute4x64_epi64, _mm256_set1_epi64x,
    _mm256_storeu_si256, _mm256_xor_si256, _mm512_alignr_epi64, _mm512_cmplt_epu64_mask,
    _mm512_loadu_epi64, _mm512_max_epu64, _mm512_min_epu64, _mm512_set1_epi64, _mm512_storeu_epi64,
};

/// By AVX2.
// SAFETY: a table is handed out only after its instructions were detected.
pub const AVX2: Option<Inserter> = Some(|all, x| unsafe { insert_avx2(all, x) });
/// By AVX-512 F.
// SAFETY: as above.
pub const AVX512: Option<Inserter> = Some(|all, x| unsafe { insert_avx512(all, x) });

/// Integers that are passed over together.
const GROUP: usize = 4 * SORTED_BLOCK;

/// How many integers of the first groups, whole ones, are below `x` for their last ones are.
fn passed(all: &[u64], x: u64) -> usize {
    let (groups, _) = all.as_chunks::<GROUP>();
    let below = groups.iter().filter(|group| group[GROUP - 1] < x).count();
    below * GROUP
}

/// The integer before place `at`, or the least.
fn before(all: &[u64], at: usize) -> i64 {
    at.checked_sub(1).map_or(0, |at| all[at].cast_signed())
}

#[target_feature(enable = "avx512f,popcnt")]
fn insert_avx512(all: &mut [u64], x: u64) -> usize {
    let mut at = passed(all, x);
    let mut last = _mm512_set1_epi64(before(all, at));
    let x = _mm512_set1_epi64(x.cast_signed());
    let (blocks, rest) = all[at..].as_chunks_mut::<SORTED_BLOCK>();
    assert!(rest.is_empty(), "integers are whole blocks");
    for block in blocks {
        let place = block.as_mut_ptr().cast();
        // SAFETY: eight integers are there to be read.
        let own = unsafe { _mm512_loadu_epi64(place) };
        let shifted = _mm512_alignr_epi64::<7>(own, last);
        let new = _mm512_min_epu64(own, _mm512_max_epu64(shifted, x));
        // SAFETY: and to be written.
        unsafe { _mm512_storeu_epi64(place, new) };
        at += _mm512_cmplt_epu64_mask(own, x).count_ones() as usize;
        last = own;
    }
    at
}

#[target_feature(enable = "avx2,popcnt")]
fn insert_avx2(all: &mut [u64], x: u64) -> usize {
    /// Integers of a register.
    const WIDTH: usize = 4;
    let mut at = passed(all, x);
    let mut last = _mm256_set1_epi64x(before(all, at));
    let x = _mm256_set1_epi64x(x.cast_signed());
    // Comparisons are of signed integers.
    let sign = _mm256_set1_epi64x(i64::MIN);
    let signed = _mm256_xor_si256(x, sign);
    let below = |own| _mm256_cmpgt_epi64(signed, _mm256_xor_si256(own, sign));
    let (blocks, rest) = all[at..].as_chunks_mut::<WIDTH>();
    assert!(
        rest.is_empty() && blocks.len().is_multiple_of(SORTED_BLOCK / WIDTH),
        "integers are whole blocks"
    );
    for block in blocks {
        let place: *mut __m256i = block.as_mut_ptr().cast();
        // SAFETY: four integers are there to be read.
        let own = unsafe { _mm256_loadu_si256(place) };
        let joined = _mm256_blend_epi32::<0b1100_0000>(own, last);
        let shifted = _mm256_permute4x64_epi64::<0b10_01_00_11>(joined);
        let larger = _mm256_blendv_epi8(shifted, x, below(shifted));
        let kept = below(own);
        // SAFETY: and to be written.
        unsafe { _mm256_storeu_si256(place, _mm256_blendv_epi8(larger, own, kept)) };
        at += _mm256_movemask_pd(_mm256_castsi256_pd(kept)).count_ones() as usize;
        last = own;
    }
    at
}
