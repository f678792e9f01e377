//! Rows of vectors against each other, one by one or in tiles: what [`pairs`](super::pairs) compares where
//! there are no codes, or where these would not do.
//!
//! ```text
//! rows at their slots ── gather ──► block     row after row, aligned, a number more where they are lifted
//!                                   ‖ 8 rows × 16 of another block: a tile of scores
//! ```
//! Invariant: a score is that of one kernel call over two rows, whatever tile it is in: it has the bits
//! that [`kernels`](crate::kernels) define, which differ between fused and unfused sets.

use crate::ids::Slot;
use crate::kernels::{TILE_COLUMNS, TILE_ROWS, prefetch_row};
use crate::matrix::{Matrix, Rows};
use crate::metric::ScorePair;

/// Rows asked for ahead of the one that is copied: they lie wherever they lie.
const AHEAD: usize = 8;

/// Rows, and how they are compared with each other.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    /// The rows.
    pub rows: Rows<'a>,
    /// What scores two.
    pub pair: ScorePair,
    /// One more number for each, or nothing.
    pub lift: &'a [f32],
}

/// A few rows copied from wherever they lie: who compares them often finds them in the nearest cache.
#[derive(Clone, Debug, Default)]
pub struct VectorBlock {
    rows: Matrix,
    pair: Option<ScorePair>,
}

impl VectorBlock {
    /// Takes these rows; allocates only to grow.
    pub fn gather(&mut self, vectors: Vectors<'_>, slots: impl Iterator<Item = Slot> + Clone) {
        let dim = vectors.rows.dim();
        self.pair = Some(vectors.pair);
        self.rows.reset(dim + usize::from(!vectors.lift.is_empty()));
        let mut ahead = slots.clone();
        for slot in ahead.by_ref().take(AHEAD) {
            prefetch_row(vectors.rows.row(slot));
        }
        for slot in slots {
            if let Some(ahead) = ahead.next() {
                prefetch_row(vectors.rows.row(ahead));
            }
            let (numbers, lift) = self.rows.push().split_at_mut(dim);
            numbers.copy_from_slice(&vectors.rows.row(slot)[..dim]);
            if let [lift] = lift {
                *lift = vectors.lift[slot as usize];
            }
        }
    }

    /// Takes none, so that codes are compared.
    pub fn clear(&mut self) {
        self.pair = None;
    }

    /// How its rows are compared; `None` while it has none.
    pub const fn pair(&self) -> Option<ScorePair> {
        self.pair
    }

    /// Rows there are.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The scores of up to eight rows, from `row` on, with up to sixteen of another block, from `column` on;
    /// infinite where the other block ends. How many rows count.
    pub fn tile(
        &self,
        pair: ScorePair,
        row: usize,
        (columns, column): (&Self, usize),
        out: &mut [f32; TILE_ROWS * TILE_COLUMNS],
    ) -> usize {
        let (rows, columns) = (self.rows.rows(), columns.rows.rows());
        let count = TILE_ROWS.min(rows.len() - row);
        out.fill(f32::INFINITY);
        // Four columns at a time stay in the nearest cache while all rows pass.
        #[allow(clippy::cast_possible_truncation)] // places of slots
        for at in (0..TILE_COLUMNS.min(columns.len() - column)).step_by(4) {
            let first = column + at;
            let four: [_; 4] = std::array::from_fn(|next| {
                columns.row((first + next).min(columns.len() - 1) as Slot)
            });
            let some = 4.min(columns.len() - first);
            for (line, out) in out.chunks_exact_mut(TILE_COLUMNS).take(count).enumerate() {
                let scores = pair.four(rows.row((row + line) as Slot), four);
                out[at..at + some].copy_from_slice(&scores[..some]);
            }
        }
        count
    }

    /// The score of two of its rows.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // places of slots
    pub fn score(&self, pair: ScorePair, row: usize, other: usize) -> f32 {
        let rows = self.rows.rows();
        pair.one(rows.row(row as Slot), rows.row(other as Slot))
    }

    /// Four scores, the same bits as four calls of [`score`](Self::score).
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // places of slots
    pub fn score4(&self, pair: ScorePair, row: usize, others: [usize; 4]) -> [f32; 4] {
        let rows = self.rows.rows();
        pair.four(
            rows.row(row as Slot),
            others.map(|other| rows.row(other as Slot)),
        )
    }
}
