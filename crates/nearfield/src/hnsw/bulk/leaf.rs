//! All pairs of a leaf: every member meets its nearest, and they meet it.
//!
//! ```text
//!          j →            a tile of 8 × 16 scores at a time, above the diagonal only:
//!      ▓▓▓▓▓▓▓▓           each serves the row and the column
//!        ▓▓▓▓▓▓
//!  i ↓     ▓▓▓▓           nearest[i]  the `near` nearest so far, and limit[i] the last of them
//!            ▓▓
//! ```

use super::reservoir::Reservoirs;
use crate::codec::Codes;
use crate::codec::pairs::{self, ColumnBlock, RowBlock, TILE};
use crate::ids::Slot;
use crate::kernels::{Kernels, TILE_COLUMNS, TILE_ROWS};
use crate::search::{Candidate, keep_nearest, limit_of};

/// What one thread needs for leaves.
#[derive(Debug, Default)]
pub struct LeafScratch {
    rows: RowBlock,
    columns: ColumnBlock,
    nearest: Vec<Candidate>,
    limits: Vec<f32>,
    offers: Vec<(u32, Candidate)>,
}

/// Lets the members (ascending places in `slots`) meet the `near` nearest among them.
pub fn meet(
    members: &[u32],
    slots: &[Slot],
    (codes, kernels): (Codes<'_>, &Kernels),
    near: usize,
    reservoirs: &Reservoirs,
    scratch: &mut LeafScratch,
) {
    let of = |&member: &u32| slots[member as usize];
    scratch.rows.gather(codes, members.iter().map(of));
    scratch.columns.gather(codes, members.iter().map(of));
    scratch.nearest.clear();
    scratch
        .nearest
        .resize(members.len() * near, Candidate::FARTHEST);
    // Whole panels: columns beyond the members are never near enough.
    scratch.limits.clear();
    scratch.limits.resize(members.len(), f32::INFINITY);
    let panels = members.len().next_multiple_of(TILE_COLUMNS);
    scratch.limits.resize(panels, f32::NEG_INFINITY);
    let mut scores = [0.0; TILE];
    for first in (0..members.len()).step_by(TILE_ROWS) {
        for panel in first / TILE_COLUMNS..panels / TILE_COLUMNS {
            pairs::tile(
                (&scratch.rows, first),
                (&scratch.columns, panel),
                kernels,
                &mut scores,
            );
            for (row, scores) in (first..members.len()).zip(scores.as_chunks::<TILE_COLUMNS>().0) {
                scratch.row(row, panel * TILE_COLUMNS, scores, near);
            }
        }
    }
    scratch.tell(members, near, reservoirs);
}

impl LeafScratch {
    /// Offers every member what it met and who met it, all at once: a row of the reservoirs is far
    /// away, and a visit costs more than an offer.
    #[allow(clippy::cast_possible_truncation)] // places in a leaf
    fn tell(&mut self, members: &[u32], near: usize, reservoirs: &Reservoirs) {
        self.offers.clear();
        for (at, met) in (0..).zip(self.nearest.chunks_exact(near)) {
            for &other in met.iter().take_while(|&&other| other < Candidate::FARTHEST) {
                let (score, other) = (other.score(), other.slot());
                self.offers
                    .push((at, Candidate::new(score, members[other as usize])));
                self.offers
                    .push((other, Candidate::new(score, members[at as usize])));
            }
        }
        self.offers.sort_unstable();
        for offers in self.offers.chunk_by(|a, b| a.0 == b.0) {
            let row = members[offers[0].0 as usize] as usize;
            reservoirs.offer(row, offers.iter().map(|&(_, candidate)| candidate));
        }
    }

    /// Takes the scores of a row with sixteen columns.
    #[inline]
    fn row(&mut self, row: usize, first: usize, scores: &[f32; TILE_COLUMNS], near: usize) {
        let limits: &[f32; TILE_COLUMNS] =
            self.limits[first..].first_chunk().expect("whole panels");
        let own = self.limits[row];
        let mut near_enough = 0u32;
        for (column, (score, limit)) in scores.iter().zip(limits).enumerate() {
            let limit = limit.max(own);
            near_enough |= u32::from(*score <= limit) << column;
        }
        // The row itself, those below it, which met it already, and those beyond the members.
        let from = (row + 1).saturating_sub(first).min(TILE_COLUMNS);
        near_enough = near_enough >> from << from;
        while near_enough != 0 {
            let column = near_enough.trailing_zeros() as usize;
            near_enough &= near_enough - 1;
            if first + column < self.nearest.len() / near {
                self.offer(row, scores[column], first + column, near);
                self.offer(first + column, scores[column], row, near);
            }
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // places in a leaf
    fn offer(&mut self, to: usize, score: f32, other: usize, near: usize) {
        if score > self.limits[to] {
            return;
        }
        let places = &mut self.nearest[to * near..][..near];
        keep_nearest(places, Candidate::new(score, other as Slot));
        self.limits[to] = limit_of(places);
    }
}
