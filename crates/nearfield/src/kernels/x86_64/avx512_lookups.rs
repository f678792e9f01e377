//! Lookups with AVX-512 BW: four positions a step, one in each quarter of a register. A body of its own
//! beside that of `lookups`: sums, scores and comparisons stay in registers to the end.
//!
//! ```text
//! bytes    four steps of lookups at most           16 bits   even and odd entries apart, a quarter a position
//! sums     quarters added, 32 entries in order ─► f32 ─► scores ─► a bit for each below the bound
//! ```

use crate::kernels::strips::parts;
use crate::kernels::{
    STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, StripScans, StripsTeller, TABLE_BYTES, TABLE_MAX,
};
use std::arch::x86_64::{
    __m512, __m512i, _CMP_LT_OQ, _mm512_add_epi8, _mm512_add_epi16, _mm512_add_epi32,
    _mm512_add_ps, _mm512_and_si512, _mm512_castsi512_si256, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_cvtepu16_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_maskz_loadu_epi64, _mm512_mul_ps, _mm512_set1_epi8, _mm512_set1_ps,
    _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_shuffle_i64x2, _mm512_slli_epi16,
    _mm512_srli_epi16, _mm512_storeu_ps, _mm512_sub_epi16, _mm512_unpackhi_epi16,
    _mm512_unpacklo_epi16,
};

/// One query after the other is what was measured.
pub(super) const TOGETHER: Option<StripScans> = None;
pub(super) const TELLER: Option<StripsTeller> = None;
/// Positions a step takes.
pub(super) const STEP_POSITIONS: usize = 4;
pub(super) const STEP: usize = STEP_POSITIONS * TABLE_BYTES;
/// Steps added in bytes: four lookups are at most 4 · 63 = 252.
pub(super) const SPAN_STEPS: usize = 4;
pub(super) const SPAN: usize = SPAN_STEPS * STEP;
/// Bytes of tables whose sums fit 16 bits once quarters are added: 1,024 · 63 = 64,512.
const WIDE: usize = 1024 * TABLE_BYTES;
/// The first half of a register: the two positions that whole steps may leave.
pub(super) const HALF: u8 = 0b1111;
const _: () = assert!(SPAN_STEPS * TABLE_MAX as usize <= u8::MAX as usize);
const _: () = assert!(WIDE / TABLE_BYTES * TABLE_MAX as usize <= u16::MAX as usize);
const _: () = assert!(STRIP_ENTRIES == 32 && WIDE.is_multiple_of(SPAN));

/// Sums of bytes: entries 0 … 15, and 16 … 31, a position in each quarter.
#[derive(Clone, Copy)]
pub(super) struct Bytes(pub(super) __m512i, pub(super) __m512i);

impl Bytes {
    /// These and the lookups of four positions.
    ///
    /// # Safety
    /// The machine has AVX-512 F and BW.
    #[inline(always)]
    pub(super) unsafe fn plus(self, table: __m512i, codes: __m512i) -> Self {
        // SAFETY: the caller has the instructions.
        unsafe {
            let four = _mm512_set1_epi8(15);
            let low = _mm512_and_si512(codes, four);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), four);
            Self(
                _mm512_add_epi8(self.0, _mm512_shuffle_epi8(table, low)),
                _mm512_add_epi8(self.1, _mm512_shuffle_epi8(table, high)),
            )
        }
    }
}

/// Sums of 16 bits of sixteen entries: all bytes as they stand, a carry of odd ones in them, and the
/// odd ones alone, which gives the even ones in the end.
#[derive(Clone, Copy)]
struct Wide(__m512i, __m512i);

impl Wide {
    /// # Safety
    /// As [`Bytes::plus`].
    #[inline(always)]
    unsafe fn plus(self, bytes: __m512i) -> Self {
        // SAFETY: the caller has the instructions.
        unsafe {
            Self(
                _mm512_add_epi16(self.0, bytes),
                _mm512_add_epi16(self.1, _mm512_srli_epi16::<8>(bytes)),
            )
        }
    }

    /// Entries 0 … 7 in the quarters of one register, 8 … 15 in those of the other; added, quarters 0
    /// and 1 hold what the former have left, 2 and 3 the latter.
    ///
    /// # Safety
    /// As [`Bytes::plus`].
    #[inline(always)]
    unsafe fn halves(self) -> __m512i {
        // SAFETY: the caller has the instructions.
        unsafe {
            // Sums of 16 bits wrap in the first alone: less the odd ones' share, they are what they are.
            let even = _mm512_sub_epi16(self.0, _mm512_slli_epi16::<8>(self.1));
            let first = _mm512_unpacklo_epi16(even, self.1);
            let last = _mm512_unpackhi_epi16(even, self.1);
            _mm512_add_epi16(
                _mm512_shuffle_i64x2::<0b01_00_01_00>(first, last),
                _mm512_shuffle_i64x2::<0b11_10_11_10>(first, last),
            )
        }
    }
}

/// Scores a strip and says which entries are below the bound.
///
/// # Panics
/// Where strip and tables do not fit each other.
#[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
pub(super) fn scan_strip(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    let (codes, factors) = parts(tables, strip);
    // SAFETY: this function's features are all that is used. `parts` asserts that tables are whole pairs
    // of positions and that the strip has as many bytes of codes: the loops read whole steps, of SPAN or
    // STEP bytes, that end by `end ≤ tables.len()`, and where half a step is left its first half alone.
    unsafe {
        let load = |at: usize| {
            (
                _mm512_loadu_si512(tables.as_ptr().add(at).cast()),
                _mm512_loadu_si512(codes.as_ptr().add(at).cast()),
            )
        };
        let zero = _mm512_setzero_si512();
        let (mut at, mut sums) = (0, [zero; 2]);
        while at < tables.len() {
            let end = tables.len().min(at + WIDE);
            let mut wide = [Wide(zero, zero); 2];
            while at + SPAN <= end {
                let mut bytes = Bytes(zero, zero);
                for step in 0..SPAN_STEPS {
                    let (table, codes) = load(at + step * STEP);
                    bytes = bytes.plus(table, codes);
                }
                wide = [wide[0].plus(bytes.0), wide[1].plus(bytes.1)];
                at += SPAN;
            }
            let mut bytes = Bytes(zero, zero);
            while at + STEP <= end {
                let (table, codes) = load(at);
                bytes = bytes.plus(table, codes);
                at += STEP;
            }
            if at < end {
                // Tables of zeros add nothing, whatever is looked up.
                let table = _mm512_maskz_loadu_epi64(HALF, tables.as_ptr().add(at).cast());
                let codes = _mm512_maskz_loadu_epi64(HALF, codes.as_ptr().add(at).cast());
                bytes = bytes.plus(table, codes);
                at = end;
            }
            let low = wide[0].plus(bytes.0).halves();
            let high = wide[1].plus(bytes.1).halves();
            let all = _mm512_add_epi16(
                _mm512_shuffle_i64x2::<0b10_00_10_00>(low, high),
                _mm512_shuffle_i64x2::<0b11_01_11_01>(low, high),
            );
            sums = plus_wide(sums, all);
        }
        score(sums, factors, terms, scores)
    }
}

/// Sums of sixteen entries each, with those of all entries in 16 bits added.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn plus_wide(sums: [__m512i; 2], wide: __m512i) -> [__m512i; 2] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let first = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(wide));
        let last = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(wide));
        [
            _mm512_add_epi32(sums[0], first),
            _mm512_add_epi32(sums[1], last),
        ]
    }
}

/// From sums of sixteen entries each to scores, and a bit for each below the bound.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn score(
    sums: [__m512i; 2],
    factors: &[u8; STRIP_TERMS_BYTES],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    // SAFETY: the caller has the instructions. Sixteen scores are written at 0 and 16 of 32.
    unsafe {
        let all = scored(sums, factors, terms);
        for (half, scored) in all.into_iter().enumerate() {
            _mm512_storeu_ps(scores.as_mut_ptr().add(16 * half), scored);
        }
        let [low, high] = below(all, terms.bound);
        u32::from(low) | u32::from(high) << 16
    }
}

/// From sums of sixteen entries each to their scores.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn scored(
    sums: [__m512i; 2],
    factors: &[u8; STRIP_TERMS_BYTES],
    terms: ScanTerms,
) -> [__m512; 2] {
    // SAFETY: the caller has the instructions. Sixteen factors are read at four bytes an entry of
    // `STRIP_TERMS_BYTES`.
    unsafe {
        let [base, low, step] =
            [terms.base, terms.low, terms.step].map(|term| _mm512_set1_ps(term));
        let half = |half: usize| {
            let factors = factors.as_ptr().add(4 * 16 * half);
            let add = _mm512_loadu_ps(factors.cast());
            let scale = _mm512_loadu_ps(factors.add(4 * STRIP_ENTRIES).cast());
            let product = _mm512_add_ps(low, _mm512_mul_ps(step, _mm512_cvtepi32_ps(sums[half])));
            _mm512_add_ps(_mm512_add_ps(base, add), _mm512_mul_ps(scale, product))
        };
        [half(0), half(1)]
    }
}

/// A bit for each score below the bound.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn below(scores: [__m512; 2], bound: f32) -> [u16; 2] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let bound = _mm512_set1_ps(bound);
        [
            _mm512_cmp_ps_mask::<_CMP_LT_OQ>(scores[0], bound),
            _mm512_cmp_ps_mask::<_CMP_LT_OQ>(scores[1], bound),
        ]
    }
}
