//! The f32 codec: rows as they came, scored by one kernel.
//!
//! Invariant: query and rows are padded to one stride, so kernels run without a tail.

use super::Scorer;
use crate::ids::Slot;
use crate::kernels::{Ahead, prefetch_bytes};
use crate::matrix::Rows;
use crate::metric::ScorePair;

/// `f32` rows and one query of the same stride.
#[derive(Clone, Copy, Debug)]
pub struct F32Scorer<'a> {
    rows: Rows<'a>,
    query: &'a [f32],
    pair: ScorePair,
}

impl<'a> F32Scorer<'a> {
    /// Joins rows with a prepared query, padded as they are.
    ///
    /// # Panics
    /// Where the query is not one stride long.
    pub fn new(rows: Rows<'a>, query: &'a [f32], pair: ScorePair) -> Self {
        assert_eq!(
            query.len(),
            rows.stride(),
            "a query is padded to the rows' stride"
        );
        Self { rows, query, pair }
    }

    /// A stored row as the query: row against row, for building.
    pub fn of_row(rows: Rows<'a>, slot: Slot, pair: ScorePair) -> Self {
        Self {
            rows,
            query: rows.row(slot),
            pair,
        }
    }
}

impl Scorer for F32Scorer<'_> {
    #[inline]
    fn score(&self, slot: Slot) -> f32 {
        self.pair.one(self.query, self.rows.row(slot))
    }

    #[inline]
    fn score4(&self, slots: [Slot; 4]) -> [f32; 4] {
        self.pair
            .four(self.query, slots.map(|slot| self.rows.row(slot)))
    }

    #[inline]
    fn score4_ahead(&self, slots: [Slot; 4], ahead: [Slot; 4]) -> [f32; 4] {
        let rows = slots.map(|slot| self.rows.row(slot));
        let bytes = size_of_val(self.query);
        let addresses = || ahead.map(|slot| self.rows.address(slot));
        let ahead = Ahead::of(bytes, bytes, addresses);
        self.pair.four_ahead(self.query, &rows, &ahead)
    }

    #[inline]
    fn prefetch(&self, slot: Slot) {
        prefetch_bytes(self.rows.address(slot), size_of_val(self.query));
    }
}
