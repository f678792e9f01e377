//! Rows of codes scored by one call: where rows are a line or a few, what is around four sums costs more than they do.
//! A set says how the sums of four rows are made; what is around them is here, once.
//!
//! ```text
//! row    codes, zeros | scale | bias | sum
//! ```
//! Scores are those that codes define (`codec::codes`), operation for operation.

use super::{Ahead, CodeRows, ROW_SCORES, ROWS_AHEAD, RowScores, RowsAsked, is_short};

/// What a query's codes have for zero.
const QUERY_ZERO: i32 = 64;
/// Bytes at a row's end: scale, bias and sum.
const TERMS_BYTES: usize = 12;

/// Scores rows of codes of eight bits, whose sums `dots` makes of a query's codes and of rows'.
#[inline(always)]
pub(super) fn bytes(
    query: &[u8],
    rows: &CodeRows<'_>,
    asked: RowsAsked<'_>,
    out: &mut RowScores,
    dots: impl Fn(&[u8], &[&[i8]; 4], &Ahead) -> [i32; 4],
) -> u32 {
    scores(rows, asked, out, |rows, ahead| {
        let codes = rows.map(|row| bytemuck::cast_slice(&row[..query.len()]));
        dots(query, &codes, ahead)
    })
}

/// The same of rows of codes of four bits, two a byte.
#[inline(always)]
pub(super) fn halves(
    query: &[u8],
    rows: &CodeRows<'_>,
    asked: RowsAsked<'_>,
    out: &mut RowScores,
    dots: impl Fn(&[u8], &[&[u8]; 4], &Ahead) -> [i32; 4],
) -> u32 {
    scores(rows, asked, out, |rows, ahead| {
        let codes = rows.map(|row| &row[..query.len() / 2]);
        dots(query, &codes, ahead).map(|dot| 2 * dot)
    })
}

/// Scores rows four by four, whose sums `sums` makes.
#[inline(always)]
fn scores(
    rows: &CodeRows<'_>,
    asked: RowsAsked<'_>,
    out: &mut RowScores,
    sums: impl Fn(&[&[u8]; 4], &Ahead) -> [i32; 4],
) -> u32 {
    let slots = asked.slots;
    assert!(
        slots.len() <= ROW_SCORES,
        "{} rows: more than {ROW_SCORES}",
        slots.len()
    );
    let Some(&last) = slots.last() else { return 0 };
    let later = |at: usize| slots.get(at).or_else(|| asked.ahead.get(at - slots.len()));
    let short = is_short(rows.stride);
    let mut near = 0;
    for (first, out) in (0..slots.len()).step_by(4).zip(out.as_chunks_mut::<4>().0) {
        let four = std::array::from_fn(|at| rows.row(*slots.get(first + at).unwrap_or(&last)));
        let ahead = match later(first + ROWS_AHEAD) {
            Some(&next) if !short => Ahead::of(rows.read, rows.stride, || {
                std::array::from_fn(|at| {
                    rows.address(*later(first + ROWS_AHEAD + at).unwrap_or(&next))
                })
            }),
            _ => Ahead::NONE,
        };
        *out = scores_of(&four, sums(&four, &ahead), rows);
        let above = out.map(|score| score > asked.limit);
        near |= (0..4).fold(0, |bits, at| bits | u32::from(!above[at]) << (first + at));
    }
    // Of the last four, those that stand for none.
    near & u32::MAX >> (ROW_SCORES - slots.len())
}

/// The scores of four rows with these sums.
#[inline(always)]
#[allow(clippy::cast_precision_loss, reason = "rounded the same everywhere")]
fn scores_of(four: &[&[u8]; 4], dots: [i32; 4], rows: &CodeRows<'_>) -> [f32; 4] {
    let terms = four.map(|row| *row.last_chunk::<TERMS_BYTES>().expect("long enough"));
    let words = terms.map(|terms| {
        let words: [[u8; 4]; 3] = bytemuck::cast(terms);
        words
    });
    // Wrapping: a hostile map may hold any sum.
    let dots: [_; 4] = std::array::from_fn(|at| {
        let zero = i32::from_le_bytes(words[at][2]).wrapping_mul(QUERY_ZERO);
        dots[at].wrapping_sub(rows.less).wrapping_sub(zero) as f32
    });
    std::array::from_fn(|at| {
        let [scale, bias, _] = words[at].map(f32::from_le_bytes);
        bias - rows.factor * scale * dots[at]
    })
}

/// The entries of one instruction set, which its table names.
#[cfg(not(target_arch = "wasm32"))]
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
            rows::bytes(query, rows, asked, out, |query, codes, ahead| unsafe {
                products::dots::<$products, 4>(query, codes, ahead)
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
            rows::halves(query, rows, asked, out, |query, codes, ahead| unsafe {
                nibbles::dots::<$nibbles, 4>(query, codes, ahead)
            })
        }
    };
}
#[cfg(not(target_arch = "wasm32"))]
pub(super) use row_entries;
