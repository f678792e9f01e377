//! Rows of codes scored by one call, with AVX2 and with AVX-512: where rows are a line or a few, what is around four sums
//! costs more than they do.
//!
//! ```text
//! row    codes, zeros | scale | bias | sum      four rows' terms are turned over into three registers
//! ```
//! Scores are those that codes define (`codec::codes`), operation for operation.

use crate::kernels::nibbles::{self, Nibbles};
use crate::kernels::products::{self, Products};
use crate::kernels::{Ahead, CodeRows, ROW_SCORES, ROWS_AHEAD, RowScores, RowsAsked, is_short};
use std::arch::x86_64::{
    _mm_castps_si128, _mm_castsi128_ps, _mm_cvtepi32_ps, _mm_loadu_si128, _mm_movehl_ps,
    _mm_movelh_ps, _mm_mul_ps, _mm_set1_epi32, _mm_set1_ps, _mm_slli_epi32, _mm_storeu_ps,
    _mm_sub_epi32, _mm_sub_ps, _mm_unpackhi_epi32, _mm_unpacklo_epi32,
};

/// What a query's codes have for zero, 64, as a power of two.
const ZERO_BITS: i32 = 6;
/// Bytes at a row's end that are read at once, its terms among them.
const TERMS_READ: usize = 16;

/// The sums of four rows of codes of eight bits.
///
/// # Safety
/// The machine has the instructions of `P`.
#[inline(always)]
pub unsafe fn bytes<P: Products>(query: &[u8], rows: &[&[u8]; 4], ahead: &Ahead) -> [i32; 4] {
    let codes = rows.map(|row| bytemuck::cast_slice(&row[..query.len()]));
    // SAFETY: see above.
    unsafe { products::dots::<P, 4>(query, &codes, ahead) }
}

/// Twice those of four rows of codes of four bits.
///
/// # Safety
/// The machine has the instructions of `P`.
#[inline(always)]
pub unsafe fn halves<P: Nibbles>(query: &[u8], rows: &[&[u8]; 4], ahead: &Ahead) -> [i32; 4] {
    let codes = rows.map(|row| &row[..query.len() / 2]);
    // SAFETY: see above.
    unsafe { nibbles::dots::<P, 4>(query, &codes, ahead) }.map(|dot| 2 * dot)
}

/// Scores rows four by four, whose sums `sums` makes.
#[inline(always)]
pub fn scores(
    query: &[u8],
    rows: &CodeRows<'_>,
    asked: RowsAsked<'_>,
    out: &mut RowScores,
    sums: impl Fn(&[u8], &[&[u8]; 4], &Ahead) -> [i32; 4],
) -> u32 {
    let (stride, slots) = (rows.stride, asked.slots);
    assert!(
        slots.len() <= ROW_SCORES && stride >= TERMS_READ,
        "{} rows of {stride} bytes: too many or too short",
        slots.len()
    );
    let Some(&last) = slots.last() else { return 0 };
    let row = |slot: u32| &rows.bytes[slot as usize * stride..][..stride];
    let start = rows.bytes.as_ptr().addr();
    let address = |slot: u32| start.wrapping_add((slot as usize).wrapping_mul(stride));
    let later = |at: usize| slots.get(at).or_else(|| asked.ahead.get(at - slots.len()));
    let short = is_short(stride);
    let mut near = 0;
    for (first, out) in (0..slots.len()).step_by(4).zip(out.as_chunks_mut::<4>().0) {
        let four: [_; 4] = std::array::from_fn(|at| row(*slots.get(first + at).unwrap_or(&last)));
        let ahead = match later(first + ROWS_AHEAD) {
            Some(&next) if !short => Ahead::of(rows.read, stride, || {
                std::array::from_fn(|at| address(*later(first + ROWS_AHEAD + at).unwrap_or(&next)))
            }),
            _ => Ahead::NONE,
        };
        *out = scores_of(&four, sums(query, &four, &ahead), rows);
        let above = out.map(|score| score > asked.limit);
        near |= (0..4).fold(0, |bits, at| bits | u32::from(!above[at]) << (first + at));
    }
    // Of the last four, those that stand for none.
    near & u32::MAX >> (ROW_SCORES - slots.len())
}

/// The scores of four rows with these sums.
#[inline(always)]
fn scores_of(four: &[&[u8]; 4], dots: [i32; 4], rows: &CodeRows<'_>) -> [f32; 4] {
    let terms = four.map(|row| row.last_chunk::<TERMS_READ>().expect("long enough"));
    let mut scores = [0.0; 4];
    // SAFETY: SSE2 is part of x86-64; whole registers are read from arrays of their size and written to one.
    unsafe {
        // Each is four bytes of something else, scale, bias and sum.
        let [a, b, c, d] = terms.map(|terms| _mm_loadu_si128(terms.as_ptr().cast()));
        let (low, high) = (_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
        let scale = _mm_movehl_ps(_mm_castsi128_ps(high), _mm_castsi128_ps(low));
        let (low, high) = (_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
        let (low, high) = (_mm_castsi128_ps(low), _mm_castsi128_ps(high));
        let bias = _mm_movelh_ps(low, high);
        let sum = _mm_castps_si128(_mm_movehl_ps(high, low));
        let dots = _mm_loadu_si128(dots.as_ptr().cast());
        let dots = _mm_sub_epi32(dots, _mm_set1_epi32(rows.less));
        let dots = _mm_cvtepi32_ps(_mm_sub_epi32(dots, _mm_slli_epi32::<ZERO_BITS>(sum)));
        let factor = _mm_mul_ps(_mm_set1_ps(rows.factor), scale);
        let score = _mm_sub_ps(bias, _mm_mul_ps(factor, dots));
        _mm_storeu_ps(scores.as_mut_ptr(), score);
    }
    scores
}

/// The entries of one instruction set, which its table names.
macro_rules! row_entries {
    ($products:ty, $nibbles:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn score_bytes(
            query: &[u8],
            rows: &CodeRows<'_>,
            asked: RowsAsked<'_>,
            out: &mut RowScores,
        ) -> u32 {
            // SAFETY: this function's features are those of the products.
            rows::scores(query, rows, asked, out, |query, rows, ahead| unsafe {
                rows::bytes::<$products>(query, rows, ahead)
            })
        }

        #[target_feature(enable = $features)]
        fn score_halves(
            query: &[u8],
            rows: &CodeRows<'_>,
            asked: RowsAsked<'_>,
            out: &mut RowScores,
        ) -> u32 {
            // SAFETY: as above.
            rows::scores(query, rows, asked, out, |query, rows, ahead| unsafe {
                rows::halves::<$nibbles>(query, rows, ahead)
            })
        }
    };
}
pub(super) use row_entries;
