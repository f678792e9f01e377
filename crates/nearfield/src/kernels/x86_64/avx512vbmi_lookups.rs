//! Lookups of eight bits with AVX-512 VBMI: one instruction looks 128 bytes up, so that two and a choice by the
//! codes' highest bit look up a whole table.

use super::avx512_lookups::{plus_wide, score};
use crate::kernels::wide_lookups::parts;
use crate::kernels::{STRIP_ENTRIES, ScanTerms, WIDE_TABLE_BYTES};
use std::arch::x86_64::{
    _mm256_loadu_si256, _mm512_add_epi16, _mm512_castsi256_si512, _mm512_castsi512_si256,
    _mm512_cvtepu8_epi16, _mm512_loadu_si512, _mm512_mask_blend_epi8, _mm512_movepi8_mask,
    _mm512_permutex2var_epi8, _mm512_setzero_si512,
};

/// Positions whose sums fit 16 bits.
const WIDE: usize = 256;
const _: () = assert!(WIDE * u8::MAX as usize <= u16::MAX as usize);

/// Scores a strip and says which entries are below the bound.
///
/// # Panics
/// Where strip and tables do not fit each other.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,fma")]
pub(super) fn scan_strip(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    let (codes, factors) = parts(tables, strip);
    let tables = tables.as_chunks::<WIDE_TABLE_BYTES>().0;
    let codes = codes.as_chunks::<STRIP_ENTRIES>().0;
    // SAFETY: this function's features are all that is used. Four times 64 bytes are read of a table of 256, and
    // 32 of as many codes; half of a register is undefined and never looked at.
    unsafe {
        let zero = _mm512_setzero_si512();
        let mut sums = [zero; 2];
        for (tables, codes) in tables.chunks(WIDE).zip(codes.chunks(WIDE)) {
            let mut wide = zero;
            for (table, codes) in tables.iter().zip(codes) {
                let part = |at: usize| _mm512_loadu_si512(table.as_ptr().add(64 * at).cast());
                let codes = _mm512_castsi256_si512(_mm256_loadu_si256(codes.as_ptr().cast()));
                let low = _mm512_permutex2var_epi8(part(0), codes, part(1));
                let high = _mm512_permutex2var_epi8(part(2), codes, part(3));
                let found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high);
                let found = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(found));
                wide = _mm512_add_epi16(wide, found);
            }
            sums = plus_wide(sums, wide);
        }
        score(sums, factors, terms, scores)
    }
}
