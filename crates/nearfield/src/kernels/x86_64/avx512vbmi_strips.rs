//! Strips scanned with AVX-512 VBMI and VNNI, for one query or for several at once, for all of which codes are loaded
//! and taken apart once.
//!
//! ```text
//! one      lookups of four steps added in bytes, as without these, then an entry's four positions put side by side
//!          and added to its sum of 32 bits: nothing is widened, and no sum outgrows its place
//! several  as below
//! strip    e₀e₁₆ e₁e₁₇ … e₁₅e₃₁ of four positions    a register, as are a query's four tables
//! indices  e₀ of the four, e₁ of the four, …          16 · position + code: one instruction looks them up in all four tables
//! sums     an entry's four lookups lie side by side: one instruction adds them to its sum of 32 bits
//! ```

use super::avx512_lookups::{
    Bytes, HALF, SPAN, SPAN_STEPS, STEP, STEP_POSITIONS, below, score, scored,
};
use crate::ids::NO_SLOT;
use crate::kernels::strips::{parts, told_strips};
use crate::kernels::{SCAN_QUERIES, STRIP_ENTRIES, ScanTerms, TABLE_BYTES, TABLE_MAX, ToldRoom};
use std::arch::x86_64::{
    __m512, __m512i, _mm512_castps_si512, _mm512_dpbusd_epi32, _mm512_loadu_si512,
    _mm512_mask_cmpneq_epi32_mask, _mm512_maskz_compress_epi32, _mm512_maskz_loadu_epi64,
    _mm512_permutex2var_epi32, _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_srai_epi32, _mm512_srli_epi16, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32,
};

/// `a | b & c`.
const OR_AND: i32 = 0b1111_1000;
/// `a ^ (b | c)`.
const XOR_OR: i32 = 0b0001_1110;
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

/// Sums of 32 bits and what four positions add to each, in bytes.
///
/// # Safety
/// The machine has AVX-512 F, VBMI and VNNI.
#[inline(always)]
unsafe fn plus(sums: [__m512i; 2], bytes: Bytes, places: __m512i) -> [__m512i; 2] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let ones = _mm512_set1_epi8(1);
        [
            _mm512_dpbusd_epi32(sums[0], _mm512_permutexvar_epi8(places, bytes.0), ones),
            _mm512_dpbusd_epi32(sums[1], _mm512_permutexvar_epi8(places, bytes.1), ones),
        ]
    }
}

/// The sums of a strip's entries, by tables as long as its codes.
///
/// # Safety
/// The machine has AVX-512 F, BW, VBMI and VNNI, tables are whole pairs of positions, and there are as many bytes of codes.
#[inline(always)]
unsafe fn sums(tables: &[u8], codes: &[u8]) -> [__m512i; 2] {
    // SAFETY: the caller has the instructions. The loops read whole steps, of SPAN or STEP bytes, that end by
    // `tables.len()`, and where half a step is left its first half alone. Places are read from an array of a register.
    unsafe {
        let load = |at: usize| {
            (
                _mm512_loadu_si512(tables.as_ptr().add(at).cast()),
                _mm512_loadu_si512(codes.as_ptr().add(at).cast()),
            )
        };
        let places = _mm512_loadu_si512(PLACES[0].as_ptr().cast());
        let zero = _mm512_setzero_si512();
        let (mut at, mut sums) = (0, [zero; 2]);
        while at + SPAN <= tables.len() {
            let mut bytes = Bytes(zero, zero);
            for step in 0..SPAN_STEPS {
                let (table, codes) = load(at + step * STEP);
                bytes = bytes.plus(table, codes);
            }
            sums = plus(sums, bytes, places);
            at += SPAN;
        }
        let mut bytes = Bytes(zero, zero);
        while at + STEP <= tables.len() {
            let (table, codes) = load(at);
            bytes = bytes.plus(table, codes);
            at += STEP;
        }
        if at < tables.len() {
            // Tables of zeros add nothing, whatever is looked up.
            let table = _mm512_maskz_loadu_epi64(HALF, tables.as_ptr().add(at).cast());
            let codes = _mm512_maskz_loadu_epi64(HALF, codes.as_ptr().add(at).cast());
            bytes = bytes.plus(table, codes);
        }
        plus(sums, bytes, places)
    }
}

/// Scores a strip and says which entries are below the bound.
///
/// # Panics
/// Where strip and tables do not fit each other.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni,avx2,fma")]
pub(super) fn scan_strip(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    let (codes, factors) = parts(tables, strip);
    // SAFETY: this function's features are all that is used; `parts` asserts the lengths.
    unsafe { score(sums(tables, codes), factors, terms, scores) }
}

/// Where packed integers take slots (below 16) and scores from: of entries 0 … 7, and of 8 … 15.
static PACKED: [[u32; 16]; 2] = {
    let mut packed = [[0; 16]; 2];
    let (mut entry, mut place) = (0, 0);
    while entry < 16 {
        let at = 2 * (entry % 8);
        packed[entry / 8][at] = place;
        packed[entry / 8][at + 1] = 16 + place;
        (entry, place) = (entry + 1, place + 1);
    }
    packed
};

/// Writes the entries of a mask, each score above its slot; how many there are. Sixteen places are written, whatever these hold.
///
/// # Safety
/// The machine has AVX-512 F, and sixteen integers may be written from `out` on.
#[inline(always)]
unsafe fn pack(mask: u16, scores: __m512, slots: __m512i, out: *mut u64) -> usize {
    // SAFETY: the caller has the instructions and the places. Indices are read from arrays of a register each.
    unsafe {
        let bits = _mm512_castps_si512(scores);
        // Negative numbers count downwards, positive ones follow them.
        let sign = _mm512_srai_epi32::<31>(bits);
        let top = _mm512_set1_epi32(i32::MIN);
        let ordered = _mm512_ternarylogic_epi32::<XOR_OR>(bits, sign, top);
        let ordered = _mm512_maskz_compress_epi32(mask, ordered);
        let slots = _mm512_maskz_compress_epi32(mask, slots);
        for (half, places) in PACKED.iter().enumerate() {
            let places = _mm512_loadu_si512(places.as_ptr().cast());
            let packed = _mm512_permutex2var_epi32(slots, places, ordered);
            _mm512_storeu_si512(out.add(8 * half).cast(), packed);
        }
        mask.count_ones() as usize
    }
}

/// Scores strips and tells the entries below the bound.
///
/// # Panics
/// Where strips, tables and slots do not fit each other.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni,avx2,fma")]
pub(super) fn tell_strips<'a>(
    tables: &[u8],
    (strips, slots): (&[u8], &[[u32; STRIP_ENTRIES]]),
    terms: ScanTerms,
    out: &'a mut ToldRoom,
) -> &'a [u64] {
    let mut count = 0;
    for (strip, slots) in told_strips(tables, strips, slots) {
        let (codes, factors) = parts(tables, strip);
        // SAFETY: this function's features are all that is used; `parts` asserts the lengths. Sixteen slots are read
        // at 0 and 16 of 32. Every half strip adds sixteen to `count` at most and writes sixteen places from there:
        // no more than TELL_STRIPS times both halves.
        unsafe {
            let scores = scored(sums(tables, codes), factors, terms);
            let masks = below(scores, terms.bound);
            if masks == [0; 2] {
                continue;
            }
            for half in 0..2 {
                let slots = _mm512_loadu_si512(slots.as_ptr().add(16 * half).cast());
                let none = _mm512_set1_epi32(NO_SLOT.cast_signed());
                // A place without a slot is told only where a file lies.
                let mask = _mm512_mask_cmpneq_epi32_mask(masks[half], slots, none);
                let out = out.as_mut_ptr().cast::<u64>();
                count += pack(mask, scores[half], slots, out.add(count));
            }
        }
    }
    // SAFETY: so many were written, from the first on.
    unsafe { std::slice::from_raw_parts(out.as_ptr().cast(), count) }
}

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
pub(super) fn scan_strips(
    tables: [&[u8]; SCAN_QUERIES],
    strip: &[u8],
    terms: &[ScanTerms; SCAN_QUERIES],
    scores: &mut [[f32; STRIP_ENTRIES]; SCAN_QUERIES],
) -> [u32; SCAN_QUERIES] {
    let (mut codes, mut factors) = parts(tables[0], strip);
    for tables in &tables[1..] {
        (codes, factors) = parts(tables, strip);
    }
    let len = codes.len();
    // SAFETY: this function's features are all that is used. `parts` asserts that all tables are as long, whole
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
