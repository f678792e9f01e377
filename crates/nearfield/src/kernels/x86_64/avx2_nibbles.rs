//! Codes of four bits with AVX2: 64 a step, in sixteen sums of 16 bits.

use super::avx2::fold_sums;
use crate::kernels::nibbles::Nibbles;
use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_setzero_si256, _mm256_srli_epi16,
};

/// Sixteen sums.
#[derive(Clone, Copy)]
pub(super) struct NibblesAvx2(__m256i);

// SAFETY (all blocks): the caller of a `Nibbles` method has AVX2, and loads where it may.
impl Nibbles for NibblesAvx2 {
    const STEP: usize = 32;
    type Query = (__m256i, __m256i);
    /// Eight sums.
    type Wide = __m256i;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_setzero_si256()) }
    }

    #[inline(always)]
    unsafe fn wide() -> __m256i {
        // SAFETY: see the impl.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn query(low: *const u8, high: *const u8) -> (__m256i, __m256i) {
        // SAFETY: see the impl.
        unsafe {
            (
                _mm256_loadu_si256(low.cast()),
                _mm256_loadu_si256(high.cast()),
            )
        }
    }

    #[inline(always)]
    unsafe fn plus(self, (low, high): (__m256i, __m256i), row: *const u8) -> Self {
        // SAFETY: see the impl. The sums stay below 2¹⁵ for as long as SPAN says.
        unsafe {
            let row = _mm256_loadu_si256(row.cast());
            let nibble = _mm256_set1_epi8(15);
            let low = _mm256_maddubs_epi16(low, _mm256_and_si256(row, nibble));
            let row = _mm256_srli_epi16::<4>(row);
            let high = _mm256_maddubs_epi16(high, _mm256_and_si256(row, nibble));
            Self(_mm256_add_epi16(self.0, _mm256_add_epi16(low, high)))
        }
    }

    #[inline(always)]
    unsafe fn widen(self, wide: __m256i) -> __m256i {
        // SAFETY: see the impl.
        unsafe { _mm256_add_epi32(wide, _mm256_madd_epi16(self.0, _mm256_set1_epi16(1))) }
    }

    #[inline(always)]
    unsafe fn fold<const N: usize>(wide: [__m256i; N]) -> [i32; N] {
        // SAFETY: see the impl.
        unsafe { wide.map(|wide| fold_sums(wide)) }
    }
}
