//! What a search of the graph does, counted: the same walk, compiled once more with a scorer and links
//! that count, whatever is behind them. A search that nobody asks about pays nothing for it.

use super::view::{Links, Walkable};
use super::walk;
use crate::codec::Scorer;
use crate::ids::Slot;
use crate::search::Buffers;
use std::cell::Cell;

/// The counts of one search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Rows scored by their codes.
    pub by_code: u64,
    /// Rows scored by their vectors.
    pub by_vector: u64,
    /// Nodes whose links were followed, by level from 0.
    pub expanded: Vec<u64>,
    /// Candidates that were left to be judged, twins not counted.
    pub pool: usize,
}

/// As [`walk::search`], counting.
pub fn search(
    view: &impl Walkable,
    scorer: &dyn Scorer,
    ef: usize,
    k: usize,
    buffers: &mut Buffers,
) -> Trace {
    let (links, counted) = (CountedLinks::new(view), Counted::new(scorer));
    walk::fill_pool(walk::start_of(view), &links, &counted, ef, k, buffers);
    walk::answer(view, k, &buffers.pool, &mut buffers.results);
    Trace {
        by_code: 0,
        by_vector: counted.scores.get(),
        expanded: links.counts(),
        pool: buffers.pool.entries().len(),
    }
}

/// As [`walk::search_by_codes`], counting.
pub fn search_by_codes(
    view: &impl Walkable,
    codes: &dyn Scorer,
    scorer: Option<&dyn Scorer>,
    (ef, k): (usize, usize),
    buffers: &mut Buffers,
) -> Trace {
    let (links, by_code) = (CountedLinks::new(view), Counted::new(codes));
    let by_vector = scorer.map(Counted::new);
    let ef = ef.max(k);
    walk::fill_pool(
        walk::start_of(view),
        &links,
        &by_code,
        ef.saturating_mul(2),
        k,
        buffers,
    );
    if let Some(by_vector) = &by_vector {
        buffers.pool.rescore(by_vector, walk::judged(ef, k));
    }
    walk::answer(view, k, &buffers.pool, &mut buffers.results);
    Trace {
        by_code: by_code.scores.get(),
        by_vector: by_vector.map_or(0, |counted| counted.scores.get()),
        expanded: links.counts(),
        pool: buffers.pool.entries().len(),
    }
}

/// A scorer that counts its scores.
pub(super) struct Counted<'s> {
    scorer: &'s dyn Scorer,
    scores: Cell<u64>,
}

impl<'s> Counted<'s> {
    pub(super) const fn new(scorer: &'s dyn Scorer) -> Self {
        Self {
            scorer,
            scores: Cell::new(0),
        }
    }

    /// How many so far.
    pub(super) const fn scores(&self) -> u64 {
        self.scores.get()
    }
}

impl Scorer for Counted<'_> {
    fn score(&self, slot: Slot) -> f32 {
        self.scores.set(self.scores.get() + 1);
        self.scorer.score(slot)
    }

    fn score4(&self, slots: [Slot; 4]) -> [f32; 4] {
        self.scores.set(self.scores.get() + 4);
        self.scorer.score4(slots)
    }

    fn score4_ahead(&self, slots: [Slot; 4], ahead: [Slot; 4]) -> [f32; 4] {
        self.scores.set(self.scores.get() + 4);
        self.scorer.score4_ahead(slots, ahead)
    }

    fn prefetch(&self, slot: Slot) {
        self.scorer.prefetch(slot);
    }
}

/// Links that count who follows them.
pub(super) struct CountedLinks<'v> {
    view: &'v dyn Links,
    expanded: Vec<Cell<u64>>,
}

impl<'v> CountedLinks<'v> {
    pub(super) fn new(view: &'v impl Walkable) -> Self {
        Self {
            view,
            expanded: vec![Cell::new(0); view.level() as usize + 1],
        }
    }

    pub(super) fn counts(&self) -> Vec<u64> {
        self.expanded.iter().map(Cell::get).collect()
    }
}

impl Links for CountedLinks<'_> {
    fn rows(&self) -> usize {
        self.view.rows()
    }

    fn links(&self, slot: Slot, level: u32) -> &[Slot] {
        let count = &self.expanded[level as usize];
        count.set(count.get() + 1);
        self.view.links(slot, level)
    }

    fn glance(&self, slot: Slot, level: u32) -> &[Slot] {
        self.view.glance(slot, level)
    }

    fn prefetch(&self, slot: Slot) {
        self.view.prefetch(slot);
    }
}
