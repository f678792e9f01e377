//! Strips scanned for several queries at once, with AVX-512 VBMI and VNNI: codes are loaded and taken apart once for
//! all of them.
//!
//! ```text
//! strip    e₀e₁₆ e₁e₁₇ … e₁₅e₃₁ of four positions    a register, as are a query's four tables
//! indices  e₀ of the four, e₁ of the four, …          16 · position + code: one instruction looks them up in all four tables
//! sums     an entry's four lookups lie side by side: one instruction adds them to its sum of 32 bits
//! ```

use super::avx512_lookups::score;
use crate::kernels::lookups::check;
use crate::kernels::{
    SCAN_QUERIES, STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, TABLE_BYTES, TABLE_MAX,
};
use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi64,
    _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_srli_epi16,
    _mm512_ternarylogic_epi32,
};

/// Positions a step takes.
const STEP_POSITIONS: usize = 4;
const STEP: usize = STEP_POSITIONS * TABLE_BYTES;
/// The first half of a register: the two positions that whole steps may leave.
const HALF: u8 = 0b1111;
/// `a | b & c`.
const OR_AND: i32 = 0b1111_1000;
const _: () = assert!(STRIP_ENTRIES == 32 && TABLE_MAX <= i8::MAX.unsigned_abs());

/// Where a byte of indices is taken from, and the position that is added to its code.
static PLACES: [[u8; STEP]; 2] = {
    let mut places = [[0; STEP]; 2];
    let mut place = 0;
    while place < STEP {
        let (position, entry) = (place / TABLE_BYTES, place % TABLE_BYTES);
        let at = entry * STEP_POSITIONS + position;
        [places[0][at], places[1][at]] = [place.to_le_bytes()[0], (place - entry).to_le_bytes()[0]];
        place += 1;
    }
    places
};

/// Codes of four positions as indices: of entries 0 … 15, and of 16 … 31.
///
/// # Safety
/// The machine has AVX-512 F, BW and VBMI.
#[inline(always)]
unsafe fn indices(codes: __m512i, [places, positions]: [__m512i; 2]) -> [__m512i; 2] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let codes = _mm512_permutexvar_epi8(places, codes);
        [codes, _mm512_srli_epi16::<4>(codes)].map(|codes| {
            _mm512_ternarylogic_epi32::<OR_AND>(positions, codes, _mm512_set1_epi8(15))
        })
    }
}

/// Scores a strip for each query and says which entries are below its bound.
///
/// # Panics
/// Where strip and tables do not fit each other.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni,avx2,fma")]
pub(super) fn scan_strip(
    tables: [&[u8]; SCAN_QUERIES],
    strip: &[u8],
    terms: &[ScanTerms; SCAN_QUERIES],
    scores: &mut [[f32; STRIP_ENTRIES]; SCAN_QUERIES],
) -> [u32; SCAN_QUERIES] {
    for tables in tables {
        check(tables, strip);
    }
    let len = tables[0].len();
    let (codes, factors) = strip.split_at(len);
    let factors: &[u8; STRIP_TERMS_BYTES] = factors.try_into().expect("checked");
    // SAFETY: this function's features are all that is used. `check` asserts that all tables are as long, whole
    // pairs of positions, and that the strip has as many bytes of codes: the loop reads whole steps that end by
    // `len`, and where half a step is left its first half alone. Places are read from arrays of a register each.
    unsafe {
        let places = [0, 1].map(|at: usize| _mm512_loadu_si512(PLACES[at].as_ptr().cast()));
        let (zero, ones) = (_mm512_setzero_si512(), _mm512_set1_epi8(1));
        let mut sums = [[zero; 2]; SCAN_QUERIES];
        let mut at = 0;
        while at + STEP <= len {
            let indices = indices(_mm512_loadu_si512(codes.as_ptr().add(at).cast()), places);
            for (sums, tables) in sums.iter_mut().zip(tables) {
                let tables = _mm512_loadu_si512(tables.as_ptr().add(at).cast());
                for (sums, indices) in sums.iter_mut().zip(indices) {
                    let found = _mm512_permutexvar_epi8(indices, tables);
                    *sums = _mm512_dpbusd_epi32(*sums, found, ones);
                }
            }
            at += STEP;
        }
        if at < len {
            // Tables of zeros add nothing, whatever is looked up.
            let half = |bytes: &[u8]| _mm512_maskz_loadu_epi64(HALF, bytes.as_ptr().add(at).cast());
            let indices = indices(half(codes), places);
            for (sums, tables) in sums.iter_mut().zip(tables) {
                for (sums, indices) in sums.iter_mut().zip(indices) {
                    let found = _mm512_permutexvar_epi8(indices, half(tables));
                    *sums = _mm512_dpbusd_epi32(*sums, found, ones);
                }
            }
        }
        let mut below = [0; SCAN_QUERIES];
        for (query, below) in below.iter_mut().enumerate() {
            *below = score(sums[query], factors, terms[query], &mut scores[query]);
        }
        below
    }
}
