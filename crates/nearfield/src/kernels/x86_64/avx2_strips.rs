//! Strips scanned with AVX2, for one query or for several at once, for all of which codes are loaded and taken apart
//! once. Sums, scores and comparisons stay in registers to the end.
//!
//! ```text
//! step     two positions, one in either half of a register
//! span     four steps: their codes taken apart are eight registers, and each query's lookups of them are added in
//!          bytes
//! wide     16 bits: the bytes as they stand, a carry of odd ones in them, and the odd ones alone
//! sums     halves added, 32 entries in order ─► 32 bits ─► scores ─► a bit for each below the bound, or what is told
//! ```
//! Sixteen registers hold the wide sums of one query; of several these lie in the nearest cache and are read and
//! written once a span.

use crate::ids::NO_SLOT;
use crate::kernels::strips::{parts, told_strips};
use crate::kernels::{
    SCAN_QUERIES, STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, StripScans, StripsTeller,
    TABLE_BYTES, TABLE_MAX, ToldRoom,
};
use std::arch::x86_64::{
    __m256, __m256i, _CMP_LT_OQ, _mm_loadl_epi64, _mm256_add_epi8, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cmpeq_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32, _mm256_extracti128_si256, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_movemask_ps, _mm256_mul_ps, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_permutevar8x32_epi32, _mm256_set1_epi8, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi16,
    _mm256_srai_epi32, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_epi16,
    _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpacklo_epi16, _mm256_unpacklo_epi32,
    _mm256_xor_si256,
};

/// What the table has beside its scan of one strip.
pub(super) const TOGETHER: Option<StripScans> = Some(|tables, strip, terms, scores| {
    // SAFETY: a table is handed out only after its instructions were detected.
    unsafe { scan_strips(tables, strip, terms, scores) }
});
pub(super) const TELLER: Option<StripsTeller> = Some(|tables, strips, slots, terms, out| {
    // SAFETY: as above.
    unsafe { tell_strips(tables, (strips, slots), terms, out) }
});

/// Entries of a register of 32 bits, and the registers of a strip's.
const LANES: usize = 8;
const QUARTERS: usize = STRIP_ENTRIES / LANES;
/// Bytes of two positions.
const STEP: usize = 2 * TABLE_BYTES;
/// Steps added in bytes: four lookups are at most 4 · 63 = 252.
const SPAN_STEPS: usize = 4;
const SPAN: usize = SPAN_STEPS * STEP;
/// Bytes of tables whose sums fit 16 bits once halves are added: 1,024 · 63 = 64,512.
const WIDE: usize = 1024 * TABLE_BYTES;
const _: () = assert!(SPAN_STEPS * TABLE_MAX as usize <= u8::MAX as usize);
const _: () = assert!(WIDE / TABLE_BYTES * TABLE_MAX as usize <= u16::MAX as usize);
const _: () = assert!(STRIP_ENTRIES == 32 && WIDE.is_multiple_of(SPAN));

/// Of entries 0 … 15 and of 16 … 31, a position in either half.
type Both = [__m256i; 2];

/// The codes of a step, one a byte.
///
/// # Safety
/// The machine has AVX2, and `STEP` bytes can be read.
#[inline(always)]
unsafe fn apart(codes: *const u8) -> Both {
    // SAFETY: the caller has the instructions and the bytes.
    unsafe {
        let codes = _mm256_loadu_si256(codes.cast());
        let four = _mm256_set1_epi8(15);
        [
            _mm256_and_si256(codes, four),
            _mm256_and_si256(_mm256_srli_epi16::<4>(codes), four),
        ]
    }
}

/// The lookups of a step.
///
/// # Safety
/// As [`apart`].
#[inline(always)]
unsafe fn look_up(tables: *const u8, codes: Both) -> Both {
    // SAFETY: the caller has the instructions and the bytes.
    unsafe {
        let table = _mm256_loadu_si256(tables.cast());
        [
            _mm256_shuffle_epi8(table, codes[0]),
            _mm256_shuffle_epi8(table, codes[1]),
        ]
    }
}

/// Sums of 16 bits of sixteen entries: all bytes as they stand, and the odd ones alone.
#[derive(Clone, Copy)]
struct Wide(__m256i, __m256i);

impl Wide {
    /// # Safety
    /// The machine has AVX2.
    #[inline(always)]
    unsafe fn plus(self, bytes: __m256i) -> Self {
        // SAFETY: the caller has the instructions.
        unsafe {
            Self(
                _mm256_add_epi16(self.0, bytes),
                _mm256_add_epi16(self.1, _mm256_srli_epi16::<8>(bytes)),
            )
        }
    }

    /// Those of all entries, in their order.
    ///
    /// # Safety
    /// As [`plus`](Self::plus).
    #[inline(always)]
    unsafe fn sums(self) -> __m256i {
        // SAFETY: the caller has the instructions.
        unsafe {
            // Sums of 16 bits wrap in the first alone: less the odd ones' share, they are what they are.
            let even = _mm256_sub_epi16(self.0, _mm256_slli_epi16::<8>(self.1));
            let first = _mm256_unpacklo_epi16(even, self.1);
            let last = _mm256_unpackhi_epi16(even, self.1);
            _mm256_add_epi16(
                _mm256_permute2x128_si256::<0x20>(first, last),
                _mm256_permute2x128_si256::<0x31>(first, last),
            )
        }
    }
}

/// The sums of a strip's entries for each query, eight to a register.
///
/// # Safety
/// The machine has AVX2; all tables are as long as the codes, and whole steps.
#[inline(always)]
unsafe fn sums<const N: usize>(tables: [&[u8]; N], codes: &[u8]) -> [[__m256i; QUARTERS]; N] {
    let len = codes.len();
    // SAFETY: the caller has the instructions. The loops read whole spans and steps that end by `end ≤ len`.
    unsafe {
        let zero = _mm256_setzero_si256();
        let (mut at, mut sums) = (0, [[zero; QUARTERS]; N]);
        while at < len {
            let end = len.min(at + WIDE);
            let mut wide = [[Wide(zero, zero); 2]; N];
            while at + SPAN <= end {
                let mut own = [[zero; 2]; SPAN_STEPS];
                for (step, own) in own.iter_mut().enumerate() {
                    *own = apart(codes.as_ptr().add(at + step * STEP));
                }
                for (wide, tables) in wide.iter_mut().zip(tables) {
                    let mut bytes = look_up(tables.as_ptr().add(at), own[0]);
                    for (step, own) in own.iter().enumerate().skip(1) {
                        let more = look_up(tables.as_ptr().add(at + step * STEP), *own);
                        bytes = [
                            _mm256_add_epi8(bytes[0], more[0]),
                            _mm256_add_epi8(bytes[1], more[1]),
                        ];
                    }
                    *wide = [wide[0].plus(bytes[0]), wide[1].plus(bytes[1])];
                }
                at += SPAN;
            }
            while at < end {
                let own = apart(codes.as_ptr().add(at));
                for (wide, tables) in wide.iter_mut().zip(tables) {
                    let bytes = look_up(tables.as_ptr().add(at), own);
                    *wide = [wide[0].plus(bytes[0]), wide[1].plus(bytes[1])];
                }
                at += STEP;
            }
            for (sums, wide) in sums.iter_mut().zip(wide) {
                for (half, wide) in wide.into_iter().enumerate() {
                    let wide = wide.sums();
                    let first = _mm256_castsi256_si128(wide);
                    let last = _mm256_extracti128_si256::<1>(wide);
                    let [a, b] = [2 * half, 2 * half + 1];
                    sums[a] = _mm256_add_epi32(sums[a], _mm256_cvtepu16_epi32(first));
                    sums[b] = _mm256_add_epi32(sums[b], _mm256_cvtepu16_epi32(last));
                }
            }
        }
        sums
    }
}

/// From sums to scores.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn scored(
    sums: [__m256i; QUARTERS],
    factors: &[u8; STRIP_TERMS_BYTES],
    terms: ScanTerms,
) -> [__m256; QUARTERS] {
    // SAFETY: the caller has the instructions. Eight factors are read at four bytes an entry of
    // `STRIP_TERMS_BYTES`.
    unsafe {
        let base = _mm256_set1_ps(terms.base);
        let (low, step) = (_mm256_set1_ps(terms.low), _mm256_set1_ps(terms.step));
        let mut scores = [base; QUARTERS];
        for (at, (score, sum)) in scores.iter_mut().zip(sums).enumerate() {
            let factors = factors.as_ptr().add(4 * LANES * at);
            let add = _mm256_loadu_ps(factors.cast());
            let scale = _mm256_loadu_ps(factors.add(4 * STRIP_ENTRIES).cast());
            let product = _mm256_add_ps(low, _mm256_mul_ps(step, _mm256_cvtepi32_ps(sum)));
            *score = _mm256_add_ps(_mm256_add_ps(base, add), _mm256_mul_ps(scale, product));
        }
        scores
    }
}

/// A bit for each score below the bound.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn below(scores: [__m256; QUARTERS], bound: f32) -> u32 {
    let mut below = 0;
    for (at, scores) in scores.into_iter().enumerate() {
        // SAFETY: the caller has the instructions.
        let mask = unsafe {
            let under = _mm256_cmp_ps::<_CMP_LT_OQ>(scores, _mm256_set1_ps(bound));
            _mm256_movemask_ps(under)
        };
        below |= mask.cast_unsigned() << (LANES * at);
    }
    below
}

/// Scores a strip for so many queries and says which entries are below the bound of each.
///
/// # Panics
/// Where strip and tables do not fit each other.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn scan<const N: usize>(
    tables: [&[u8]; N],
    strip: &[u8],
    terms: &[ScanTerms; N],
    scores: &mut [[f32; STRIP_ENTRIES]; N],
) -> [u32; N] {
    let (mut codes, mut factors) = parts(tables[0], strip);
    for tables in &tables[1..] {
        (codes, factors) = parts(tables, strip);
    }
    // SAFETY: the caller has the instructions. `parts` asserts that each query's tables are whole pairs of positions
    // and as long as the strip's codes. Eight scores are written at 0, 8, 16 and 24 of 32.
    unsafe {
        let (sums, mut told) = (sums(tables, codes), [0; N]);
        for query in 0..N {
            let scored = scored(sums[query], factors, terms[query]);
            for (at, eight) in scored.into_iter().enumerate() {
                _mm256_storeu_ps(scores[query].as_mut_ptr().add(LANES * at), eight);
            }
            told[query] = below(scored, terms[query].bound);
        }
        told
    }
}

/// Scores a strip and says which entries are below the bound.
///
/// # Panics
/// Where strip and tables do not fit each other.
#[target_feature(enable = "avx2,fma,popcnt")]
pub(super) fn scan_strip(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    let scores = std::array::from_mut(scores);
    // SAFETY: this function's features are all that is used.
    unsafe { scan([tables], strip, &[terms], scores)[0] }
}

/// Scores a strip for each query and says which entries are below its bound.
///
/// # Panics
/// Where strip and tables do not fit each other.
#[target_feature(enable = "avx2,fma,popcnt")]
pub(super) fn scan_strips(
    tables: [&[u8]; SCAN_QUERIES],
    strip: &[u8],
    terms: &[ScanTerms; SCAN_QUERIES],
    scores: &mut [[f32; STRIP_ENTRIES]; SCAN_QUERIES],
) -> [u32; SCAN_QUERIES] {
    // SAFETY: this function's features are all that is used.
    unsafe { scan(tables, strip, terms, scores) }
}

/// By mask, the lanes that it names, in their order; then zeros.
static NAMED: [[u8; LANES]; 1 << LANES] = {
    let mut named = [[0; LANES]; 1 << LANES];
    let mut mask = 0;
    while mask < named.len() {
        let (mut lane, mut count) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                named[mask][count] = lane;
                count += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    named
};

/// Writes the entries of a mask, each score above its slot; how many there are. Eight places are written, whatever
/// these hold.
///
/// # Safety
/// The machine has AVX2, and eight integers may be written from `out` on.
#[inline(always)]
unsafe fn pack(mask: u8, scores: __m256, slots: __m256i, out: *mut u64) -> usize {
    // SAFETY: the caller has the instructions and the places. Eight bytes are read of an array of eight.
    unsafe {
        let bits = _mm256_castps_si256(scores);
        // Negative numbers count downwards, positive ones follow them.
        let sign = _mm256_or_si256(_mm256_srai_epi32::<31>(bits), _mm256_set1_epi32(i32::MIN));
        let ordered = _mm256_xor_si256(bits, sign);
        let named = NAMED[usize::from(mask)].as_ptr();
        let named = _mm256_cvtepu8_epi32(_mm_loadl_epi64(named.cast()));
        let ordered = _mm256_permutevar8x32_epi32(ordered, named);
        let slots = _mm256_permutevar8x32_epi32(slots, named);
        let first = _mm256_unpacklo_epi32(slots, ordered);
        let last = _mm256_unpackhi_epi32(slots, ordered);
        let low = _mm256_permute2x128_si256::<0x20>(first, last);
        let high = _mm256_permute2x128_si256::<0x31>(first, last);
        _mm256_storeu_si256(out.cast(), low);
        _mm256_storeu_si256(out.add(LANES / 2).cast(), high);
        mask.count_ones() as usize
    }
}

/// Scores strips and tells the entries below the bound.
///
/// # Panics
/// Where strips, tables and slots do not fit each other.
#[target_feature(enable = "avx2,fma,popcnt")]
pub(super) fn tell_strips<'a>(
    tables: &[u8],
    (strips, slots): (&[u8], &[[u32; STRIP_ENTRIES]]),
    terms: ScanTerms,
    out: &'a mut ToldRoom,
) -> &'a [u64] {
    let mut count = 0;
    for (strip, slots) in told_strips(tables, strips, slots) {
        let (codes, factors) = parts(tables, strip);
        // SAFETY: this function's features are all that is used; `parts` asserts the lengths. Eight slots are read at
        // 0, 8, 16 and 24 of 32. Every quarter of a strip adds eight to `count` at most and writes eight places from
        // there: no more than TELL_STRIPS times all quarters.
        unsafe {
            let [sums] = sums([tables], codes);
            let scores = scored(sums, factors, terms);
            let masks = below(scores, terms.bound);
            if masks == 0 {
                continue;
            }
            for (at, (scores, mask)) in scores.into_iter().zip(masks.to_le_bytes()).enumerate() {
                let slots = _mm256_loadu_si256(slots.as_ptr().add(LANES * at).cast());
                // A place without a slot is told only where a file lies.
                let none = _mm256_set1_epi32(NO_SLOT.cast_signed());
                let none = _mm256_castsi256_ps(_mm256_cmpeq_epi32(slots, none));
                let none = _mm256_movemask_ps(none).to_le_bytes()[0];
                let out = out.as_mut_ptr().cast::<u64>();
                count += pack(mask & !none, scores, slots, out.add(count));
            }
        }
    }
    // SAFETY: so many were written, from the first on.
    unsafe { std::slice::from_raw_parts(out.as_ptr().cast(), count) }
}
