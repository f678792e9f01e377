//! All pairs of a leaf: every member meets its nearest, and they meet it.
//!
//! ```text
//!          j →            a tile of 8 × 16 scores at a time, above the diagonal only:
//!      ▓▓▓▓▓▓▓▓           each serves the lists of its rows and of its columns
//!        ▓▓▓▓▓▓
//!  i ↓     ▓▓▓▓           by_row[i]     of the columns above the diagonal, sixteen lists a member
//!            ▓▓           by_column[j]  of the rows
//! ```
//! Lists hold keys of a score and a place in the leaf (`kernels::nearest`). The bits of the score that
//! a key gives up are given up by both members of a pair, in every leaf: it has one score.

use super::partition::LEAF_MAX;
use super::reservoir::Reservoirs;
use crate::codec::pairs::{self, Basis, ColumnBlock, RowBlock};
use crate::ids::Slot;
use crate::kernels::{Kernels, Keys, TILE_COLUMNS, TILE_ROWS, TileAt, place_and_score};
use crate::search::Candidate;

/// The bits of a key that hold a place in a leaf.
#[allow(clippy::cast_possible_truncation)] // some hundred
const MASK: u32 = LEAF_MAX.next_power_of_two() as u32 - 1;
/// Members whose places are asked for ahead of the one that takes its offers.
const AHEAD: usize = 8;
/// No key.
const NONE: u32 = u32::MAX;

/// What one thread needs for leaves.
#[derive(Debug, Default)]
pub struct LeafScratch {
    rows: RowBlock,
    columns: ColumnBlock,
    by_row: Vec<Keys>,
    by_column: Vec<Keys>,
    /// The nearest of each member, nearest first.
    nearest: Vec<u32>,
    /// Where each member's offers end.
    ends: Vec<usize>,
    offers: Vec<Candidate>,
    words: Vec<u64>,
}

/// Lets the members (ascending places in `slots`) meet the `near` nearest among them.
pub fn meet(
    members: &[u32],
    slots: &[Slot],
    (basis, kernels): (Basis<'_>, &Kernels),
    near: usize,
    reservoirs: &Reservoirs,
    scratch: &mut LeafScratch,
) {
    let of = |&member: &u32| slots[member as usize];
    scratch.rows.gather(basis, members.iter().map(of));
    scratch
        .columns
        .gather((basis, kernels), members.iter().map(of));
    scratch.compare(members.len(), near, kernels);
    scratch.nearest.clear();
    for member in 0..members.len() {
        scratch.find(member, near);
    }
    scratch.tell(members, near, reservoirs);
}

impl LeafScratch {
    /// Fills the lists.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // places in a leaf
    fn compare(&mut self, members: usize, near: usize, kernels: &Kernels) {
        let panels = self.columns.panels();
        for (lists, count) in [(&mut self.by_row, members), (&mut self.by_column, panels)] {
            lists.clear();
            lists.resize(count * near, [NONE; TILE_COLUMNS]);
        }
        let by_row = self.by_row.chunks_mut(TILE_ROWS * near);
        for (first, by_row) in (0..).step_by(TILE_ROWS).zip(by_row) {
            let above = first / TILE_COLUMNS;
            let by_column = self
                .by_column
                .chunks_exact_mut(near)
                .enumerate()
                .skip(above);
            for (panel, by_column) in by_column {
                let columns = (&self.columns, panel);
                let column = panel * TILE_COLUMNS;
                let at = TileAt {
                    row: first as u32,
                    column: column as u32,
                    from: first as i32 + 1 - column as i32,
                    mask: MASK,
                };
                pairs::nearest(&self.rows, columns, kernels, at, (&mut *by_row, by_column));
            }
        }
    }

    /// Adds the `near` nearest of a member, the next one, to those found.
    fn find(&mut self, member: usize, near: usize) {
        let start = self.nearest.len();
        let (panel, column) = (member / TILE_COLUMNS, member % TILE_COLUMNS);
        let below = &self.by_column[panel * near..][..near];
        self.nearest.extend(below.iter().map(|keys| keys[column]));
        let nearest = &mut self.nearest[start..];
        for keys in &self.by_row[member * near..][..near] {
            let last = nearest[near - 1];
            // Where no lane has one that is near enough, none has another.
            if keys.iter().all(|&key| key >= last) {
                break;
            }
            for &key in keys {
                let mut passing = key;
                if passing < nearest[near - 1] {
                    for held in &mut *nearest {
                        (*held, passing) = ((*held).min(passing), (*held).max(passing));
                    }
                }
            }
        }
    }

    /// Offers every member what it met and who met it, all at once: a row of the reservoirs is far
    /// away, and a visit costs more than an offer.
    #[allow(clippy::cast_possible_truncation)] // places in a leaf
    fn tell(&mut self, members: &[u32], near: usize, reservoirs: &Reservoirs) {
        let nearest = |at: usize| {
            let keys = self.nearest[at * near..][..near].iter();
            keys.filter(|&&key| key != NONE).map(|&key| {
                let (place, score) = place_and_score(key, MASK);
                (place as usize, score)
            })
        };
        self.ends.clear();
        self.ends.resize(members.len() + 1, 0);
        for at in 0..members.len() {
            for (other, _) in nearest(at) {
                self.ends[at + 1] += 1;
                self.ends[other + 1] += 1;
            }
        }
        for at in 0..members.len() {
            self.ends[at + 1] += self.ends[at];
        }
        self.offers.clear();
        self.offers
            .resize(self.ends[members.len()], Candidate::FARTHEST);
        // Each end stands at its start now, and moves to the end as offers come.
        let mut offer = |to: usize, score: f32, other: usize| {
            self.offers[self.ends[to]] = Candidate::new(score, members[other]);
            self.ends[to] += 1;
        };
        for at in 0..members.len() {
            for (other, score) in nearest(at) {
                offer(at, score, other);
                offer(other, score, at);
            }
        }
        let mut start = 0;
        for &member in members.iter().take(AHEAD) {
            reservoirs.expect(member as usize);
        }
        for (at, (&member, &end)) in members.iter().zip(&self.ends).enumerate() {
            if let Some(&ahead) = members.get(at + AHEAD) {
                reservoirs.expect(ahead as usize);
            }
            reservoirs.offer(member as usize, &self.offers[start..end], &mut self.words);
            start = end;
        }
    }
}
