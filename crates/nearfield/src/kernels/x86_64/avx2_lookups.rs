//! Lookups with AVX2: two positions a step, one in either half of a register.

use crate::kernels::STRIP_ENTRIES;
use crate::kernels::lookups::Lookups;
use std::arch::x86_64::{
    __m256i, _CMP_LT_OQ, _mm_add_epi16, _mm_storeu_si128, _mm_unpackhi_epi16, _mm_unpacklo_epi16,
    _mm256_add_epi8, _mm256_add_epi16, _mm256_and_si256, _mm256_castsi256_si128, _mm256_cmp_ps,
    _mm256_extracti128_si256, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_movemask_ps,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_ps, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srli_epi16,
};

/// Entries 0 … 15 and 16 … 31, of the first position in the low halves and of the second in the high.
#[derive(Clone, Copy)]
pub(super) struct LookupsAvx2(__m256i, __m256i);

// SAFETY (all blocks): the caller of a `Lookups` method has AVX2, and loads where it may.
impl Lookups for LookupsAvx2 {
    const STEP: usize = 32;
    /// Of either sixteen, the even entries and the odd ones.
    type Wide = [__m256i; 4];

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: see the impl.
        unsafe { Self(_mm256_setzero_si256(), _mm256_setzero_si256()) }
    }

    #[inline(always)]
    unsafe fn wide() -> [__m256i; 4] {
        // SAFETY: see the impl.
        unsafe { [_mm256_setzero_si256(); 4] }
    }

    #[inline(always)]
    unsafe fn plus(self, tables: *const u8, codes: *const u8) -> Self {
        // SAFETY: see the impl.
        unsafe {
            let table = _mm256_loadu_si256(tables.cast());
            let codes = _mm256_loadu_si256(codes.cast());
            let four = _mm256_set1_epi8(15);
            let low = _mm256_and_si256(codes, four);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), four);
            Self(
                _mm256_add_epi8(self.0, _mm256_shuffle_epi8(table, low)),
                _mm256_add_epi8(self.1, _mm256_shuffle_epi8(table, high)),
            )
        }
    }

    #[inline(always)]
    unsafe fn widen(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: see the impl.
        unsafe {
            let byte = _mm256_set1_epi16(255);
            [
                _mm256_add_epi16(a, _mm256_and_si256(self.0, byte)),
                _mm256_add_epi16(b, _mm256_srli_epi16::<8>(self.0)),
                _mm256_add_epi16(c, _mm256_and_si256(self.1, byte)),
                _mm256_add_epi16(d, _mm256_srli_epi16::<8>(self.1)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store(wide: [__m256i; 4]) -> [u16; STRIP_ENTRIES] {
        let mut out = [0; STRIP_ENTRIES];
        // SAFETY: see the impl. Eight sums are written at 0, 8, 16 and 24 of 32.
        unsafe {
            let [even, odd, even_of_high, odd_of_high] = wide.map(|wide| {
                _mm_add_epi16(
                    _mm256_castsi256_si128(wide),
                    _mm256_extracti128_si256::<1>(wide),
                )
            });
            let parts = [
                _mm_unpacklo_epi16(even, odd),
                _mm_unpackhi_epi16(even, odd),
                _mm_unpacklo_epi16(even_of_high, odd_of_high),
                _mm_unpackhi_epi16(even_of_high, odd_of_high),
            ];
            for (at, part) in parts.into_iter().enumerate() {
                _mm_storeu_si128(out.as_mut_ptr().add(8 * at).cast(), part);
            }
        }
        out
    }

    #[inline(always)]
    unsafe fn below(scores: &[f32; STRIP_ENTRIES], bound: f32) -> u32 {
        let mut below = 0;
        for (at, eight) in scores.as_chunks::<8>().0.iter().enumerate() {
            // SAFETY: see the impl. Eight scores are read from an array of them.
            let mask = unsafe {
                let scores = _mm256_loadu_ps(eight.as_ptr());
                _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(scores, _mm256_set1_ps(bound)))
            };
            below |= mask.cast_unsigned() << (8 * at);
        }
        below
    }
}
