//! Which of the nearest a row has met it links to, and who gets the places that are left.
//!
//! ```text
//! met      a b c d e f g …      nearest first
//! rule     a · c · · f          settled: none of them is nearer to another than the row is
//! shared   a c f │ d b          of the others those that fewest link to
//! ```
//! Links that the rule keeps lead away in all directions; the places it leaves free, two fifths of them and more,
//! go to whom few others lead (see [`enrich`](crate::hnsw::enrich)). So rows are full, and who comes later has to take a
//! place: a full row's shared places were judged before and are not compared again, which leaves one comparison
//! for each settled link.
//!
//! By sq8 codes where there are any: rows far from each other in memory are what takes time here. By inner product
//! a code's distance says nothing, and codes of four bits have a bias that the scores of links have not.

use super::GrowingGraph;
use super::round::unsettled;
use crate::codec::pairs::{Basis, PairBlock};
use crate::codec::{Codes, Form, Stored};
use crate::hnsw::prune::Contender;
use crate::ids::Slot;
use crate::metric::Metric;

/// Links to a slot beyond which it gets no shared place, for each link of an upper level.
const LINKED_MAX: usize = 3;

/// What one thread needs to choose.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// All that a row may link to, nearest first.
    pub(super) met: Vec<Contender>,
    /// Those of them that are compared.
    pub(super) compared: Vec<Contender>,
    block: PairBlock,
    /// Places in `compared`.
    kept: Vec<usize>,
}

impl GrowingGraph {
    /// Leaves in `row` at most `width` of `choice.compared`, none nearer to another than the row itself is.
    pub(super) fn settle(
        &self,
        stored: Stored<'_>,
        width: usize,
        choice: &mut Choice,
        row: &mut Vec<Contender>,
    ) {
        if let Some(codes) = self.codes_of_pairs(stored) {
            self.settle_by(codes, width, choice, row);
        } else {
            self.rule.select(stored.rows, &choice.compared, width, row);
        }
        for contender in row {
            contender.settled = true;
        }
    }

    fn codes_of_pairs<'a>(&self, stored: Stored<'a>) -> Option<Codes<'a>> {
        let codes = stored.codes?;
        (codes.form() == Form::Sq8 && self.metric != Metric::Ip).then_some(codes)
    }

    /// As [`Rule::select`](crate::hnsw::prune::Rule::select), by codes.
    fn settle_by(
        &self,
        codes: Codes<'_>,
        width: usize,
        choice: &mut Choice,
        row: &mut Vec<Contender>,
    ) {
        let Choice {
            compared,
            block,
            kept,
            ..
        } = choice;
        let slots = compared.iter().map(|met| met.candidate.slot());
        let pairs = (Basis::Codes(codes), self.kernels);
        block.gather(pairs.0, slots);
        row.clear();
        kept.clear();
        for (at, &contender) in compared.iter().enumerate() {
            if row.len() == width {
                break;
            }
            let own = self.square(contender.candidate.score());
            let nearer = |score: f32| score < own;
            // Kept together before: they passed the rule.
            let others = kept
                .iter()
                .filter(|&&other| !(contender.settled && compared[other].settled));
            let mut waiting = [0; 4];
            let mut count = 0;
            let mut shadowed = false;
            // Most settled ones have nobody to be compared with.
            let mut held = false;
            for &other in others {
                if !held {
                    block.hold(pairs.0, at);
                    held = true;
                }
                waiting[count] = other;
                count += 1;
                if count == 4 {
                    let scores = block.score4(pairs, waiting);
                    shadowed = scores.into_iter().any(nearer);
                    count = 0;
                    if shadowed {
                        break;
                    }
                }
            }
            let rest = waiting[..count].iter();
            if !shadowed && !rest.copied().any(|other| nearer(block.score(pairs, other))) {
                row.push(contender);
                kept.push(at);
            }
        }
    }

    /// The squared distance that a score stands for.
    const fn square(&self, score: f32) -> f32 {
        match self.metric {
            // Of rows at unit length.
            Metric::Cosine => 2.0 + 2.0 * score,
            Metric::L2 | Metric::Ip => score,
        }
    }

    /// Gives the places of a row that are free to those of `met` that fewest link to.
    pub(super) fn share(&self, met: &[Contender], width: usize, row: &mut Vec<Contender>) {
        let room = width - row.len();
        if room == 0 {
            return;
        }
        let count = |slot: Slot| self.in_degree[slot as usize] as usize;
        let most = LINKED_MAX * self.params.m;
        let mut settled = row.iter().map(|link| link.candidate).peekable();
        let mut others = Vec::with_capacity(met.len());
        for &Contender { candidate, .. } in met {
            // Both are in order.
            if settled.next_if_eq(&candidate).is_none() && count(candidate.slot()) < most {
                others.push((count(candidate.slot()), candidate));
            }
        }
        others.sort_unstable();
        row.extend(others.iter().take(room).map(|&(_, other)| unsettled(other)));
    }
}
