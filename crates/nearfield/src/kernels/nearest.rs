//! The nearest of a tile's rows and columns: sixteen short sorted lists side by side, kept without a
//! branch. Plain Rust over whole arrays of sixteen, compiled once for each instruction set: every one
//! gives the same bits, for there is nothing but comparisons.
//!
//! ```text
//! key      score's bits in order, the lowest of them given up for a place     smaller is nearer
//! keys     k₀ k₁ … k₁₅      one list a lane: lists[0] ≤ lists[1] ≤ … in every lane
//!
//! by column    lane c has the nearest rows of column c
//! by row       lane c has the nearest of the columns c, c + 16, … of the row: its nearest are among
//!              all lanes, and whoever reads a row looks through them
//! ```
//! A list of three takes six instructions for eight scores, where a scalar one is a branch that is
//! mispredicted as often as it takes something.

use super::{Keys, PanelTerms, TILE_COLUMNS, TILE_ROWS, TileAt};

/// What stands for zero among a row's 7-bit codes.
const ZERO: i32 = 64;
const SIGN: u32 = 1 << 31;

/// Puts the scores of a tile, of which these are the sums, into the lists of its rows and of its columns.
///
/// # Panics
/// Where `by_row` is no whole number of keys for each row of the tile.
#[inline(always)]
pub(super) fn keep(
    dots: &[i32; TILE_ROWS * TILE_COLUMNS],
    (rows, columns): (&[(f32, f32)], &PanelTerms),
    at: TileAt,
    by_row: &mut [Keys],
    by_column: &mut [Keys],
) {
    let dots = dots.as_chunks::<TILE_COLUMNS>().0;
    let score = |row: usize, lane: usize| {
        let column = (columns.bias[lane], columns.scale[lane], columns.sum[lane]);
        pair_score(rows[row], column, dots[row][lane])
    };
    keep_by(score, rows.len(), at, by_row, by_column);
}

/// As [`keep`], of the scores themselves, `rows` rows of which count.
#[inline(always)]
pub(super) fn keep_scores(
    scores: &[f32; TILE_ROWS * TILE_COLUMNS],
    rows: usize,
    at: TileAt,
    by_row: &mut [Keys],
    by_column: &mut [Keys],
) {
    let scores = scores.as_chunks::<TILE_COLUMNS>().0;
    let score = |row: usize, lane: usize| scores[row][lane];
    keep_by(score, rows, at, by_row, by_column);
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // places in a tile
fn keep_by(
    score: impl Fn(usize, usize) -> f32,
    rows: usize,
    at: TileAt,
    by_row: &mut [Keys],
    by_column: &mut [Keys],
) {
    let near = by_row.len() / rows.max(1);
    assert!(
        rows <= TILE_ROWS && by_row.len() == near * rows,
        "{} lists of {rows} rows",
        by_row.len(),
    );
    for row in 0..rows {
        let from = at.from + row as i32;
        let mut keys = [0; TILE_COLUMNS];
        for (lane, key) in keys.iter_mut().enumerate() {
            let score = score(row, lane);
            // What is none, or infinite, is as far as can be: a NaN has no bits of its own to compare.
            let score = if score < f32::MAX { score } else { f32::MAX };
            let bits = score.to_bits();
            // Negative numbers count downwards, positive ones follow them.
            let ordered = bits ^ ((bits.cast_signed() >> 31).cast_unsigned() | SIGN);
            *key = if (lane as i32) < from {
                u32::MAX
            } else {
                ordered & !at.mask
            };
        }
        let mut passing = [0; TILE_COLUMNS];
        for (lane, (passing, key)) in passing.iter_mut().zip(keys).enumerate() {
            *passing = key | (at.column + lane as u32);
        }
        for list in &mut by_row[row * near..][..near] {
            insert(list, &mut passing);
        }
        let place = at.row + row as u32;
        let mut passing = keys;
        for passing in &mut passing {
            *passing |= place;
        }
        for list in &mut *by_column {
            insert(list, &mut passing);
        }
    }
}

/// The score of a row of 7-bit codes with one of signed ones, of which this is Σ u c.
#[inline(always)]
#[allow(clippy::cast_precision_loss)] // rounded the same everywhere
pub fn pair_score(row: (f32, f32), column: (f32, f32, i32), dot: i32) -> f32 {
    let dot = dot.wrapping_sub(column.2.wrapping_mul(ZERO)) as f32;
    (row.0 + column.0) - (row.1 * column.1) * (4.0 * dot + column.2 as f32)
}

/// The place a key names, and the score without the bits given up for it.
#[inline]
pub const fn place_and_score(key: u32, mask: u32) -> (u32, f32) {
    let ordered = key & !mask;
    let bits = if ordered & SIGN == 0 {
        !ordered
    } else {
        ordered & !SIGN
    };
    (key & mask, f32::from_bits(bits))
}

/// Keeps the smaller of each lane and lets the larger pass on.
#[inline(always)]
fn insert(list: &mut Keys, passing: &mut Keys) {
    for (held, passing) in list.iter_mut().zip(passing) {
        let (a, b) = (*held, *passing);
        *held = a.min(b);
        *passing = a.max(b);
    }
}
