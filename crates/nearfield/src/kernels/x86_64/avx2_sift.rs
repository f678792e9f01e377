//! Lists sifted with AVX2: four integers a register, and those that stay packed by a table of the places of each
//! mask.

use crate::kernels::Sift;
use crate::kernels::sift::{LANES, Sifted, sift};
use std::arch::x86_64::{
    __m256i, _mm_loadl_epi64, _mm256_blendv_epi8, _mm256_castsi256_pd, _mm256_cmpgt_epi64,
    _mm256_cvtepu8_epi32, _mm256_loadu_si256, _mm256_movemask_pd, _mm256_permutevar8x32_epi32,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_storeu_si256, _mm256_sub_epi64,
    _mm256_xor_si256,
};

/// What the table has.
pub(super) const SIFT: Sift = |list, k| {
    // SAFETY: a table is handed out only after its instructions were detected.
    unsafe { entry(list, k) }
};

/// Leaves the smallest first, where guesses find them.
#[target_feature(enable = "avx2,fma,popcnt")]
fn entry(list: &mut [u64], k: usize) -> Option<u64> {
    // SAFETY: this function's features are those of the set.
    unsafe { sift::<Sift256>(list, k) }
}

/// Four integers a register.
struct Sift256;

const HALF: usize = LANES / 2;

/// By mask of four integers, the halves of those that it names, in their order; then the first's.
static NAMED: [[u8; 8]; 1 << HALF] = {
    let mut named = [[0; 8]; 1 << HALF];
    let mut mask = 0;
    while mask < named.len() {
        let (mut lane, mut count) = (0, 0);
        while lane < 4 {
            if mask >> lane & 1 == 1 {
                named[mask][count] = 2 * lane;
                named[mask][count + 1] = 2 * lane + 1;
                count += 2;
            }
            lane += 1;
        }
        mask += 1;
    }
    named
};

/// Integers whose order without a sign is that of these with one.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn signed(integers: __m256i) -> __m256i {
    // SAFETY: the caller has the instructions.
    unsafe { _mm256_xor_si256(integers, _mm256_set1_epi64x(i64::MIN)) }
}

/// A number without a sign in every lane, as [`signed`].
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn all(integer: u64) -> __m256i {
    // SAFETY: the caller has the instructions.
    unsafe { signed(_mm256_set1_epi64x(integer.cast_signed())) }
}

// SAFETY (all blocks): the caller of a `Sifted` function has AVX2. Registers are read from arrays of as many integers.
impl Sifted for Sift256 {
    #[inline(always)]
    unsafe fn ends(list: &[[u64; LANES]], (least, most): (u64, u64)) -> (u64, u64) {
        // SAFETY: see the impl. Four integers are written to an array of four.
        unsafe {
            let (mut low, mut high) = (all(least), all(most));
            for four in list.as_flattened().as_chunks::<HALF>().0 {
                let four = signed(_mm256_loadu_si256(four.as_ptr().cast()));
                low = _mm256_blendv_epi8(low, four, _mm256_cmpgt_epi64(low, four));
                high = _mm256_blendv_epi8(high, four, _mm256_cmpgt_epi64(four, high));
            }
            let [low, high] = [low, high].map(|ends| {
                let mut out = [0_u64; HALF];
                _mm256_storeu_si256(out.as_mut_ptr().cast(), signed(ends));
                out
            });
            let least = low.into_iter().fold(least, u64::min);
            (least, high.into_iter().fold(most, u64::max))
        }
    }

    #[inline(always)]
    unsafe fn count(list: &[[u64; LANES]], bound: u64) -> usize {
        let mut out = [0_u64; HALF];
        // SAFETY: see the impl. Four integers are written to an array of four.
        unsafe {
            let (bound, mut above) = (all(bound), _mm256_setzero_si256());
            for four in list.as_flattened().as_chunks::<HALF>().0 {
                let four = signed(_mm256_loadu_si256(four.as_ptr().cast()));
                above = _mm256_sub_epi64(above, _mm256_cmpgt_epi64(four, bound));
            }
            _mm256_storeu_si256(out.as_mut_ptr().cast(), above);
        }
        let above = out.into_iter().sum::<u64>();
        list.as_flattened().len() - usize::try_from(above).expect("no more than there are")
    }

    #[inline(always)]
    unsafe fn keep(list: &mut [[u64; LANES]], bound: u64) -> usize {
        let list = list.as_flattened_mut();
        let (count, at, mut kept) = (list.len() / HALF, list.as_mut_ptr(), 0);
        for read in 0..count {
            // SAFETY: see the impl. No more are kept than were read, so that a register is written where all that
            // stood there was read before.
            unsafe {
                let four = _mm256_loadu_si256(at.add(read * HALF).cast());
                let above = _mm256_cmpgt_epi64(signed(four), all(bound));
                let mask = !_mm256_movemask_pd(_mm256_castsi256_pd(above)).cast_unsigned() & 15;
                let named = NAMED[mask as usize].as_ptr();
                let named = _mm256_cvtepu8_epi32(_mm_loadl_epi64(named.cast()));
                let packed = _mm256_permutevar8x32_epi32(four, named);
                _mm256_storeu_si256(at.add(kept).cast(), packed);
                kept += mask.count_ones() as usize;
            }
        }
        kept
    }
}
