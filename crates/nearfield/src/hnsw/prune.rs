//! Which candidates become neighbours: Malkov & Yashunin's Algorithm 4. Nearest first, a candidate
//! is kept unless one already kept is nearer to it than the node is, so links point in different
//! directions. Ties keep the candidate.
//!
//! Links that survived an earlier pruning of the same node need not be compared with each other
//! again: the rule looks at pairs, and kept pairs passed it.

use crate::ids::Slot;
use crate::matrix::Rows;
use crate::metric::ScorePair;
use crate::search::Candidate;

/// A candidate, and whether it passed the rule against the others so marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contender {
    /// Score against the node.
    pub candidate: Candidate,
    /// Kept together with the other settled ones before.
    pub settled: bool,
}

/// The rule for one metric.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pair: ScorePair,
}

impl Rule {
    /// Scores as `pair` gives them are compared as they are: no stretching of distances (Vamana's α).
    /// It would keep more and longer links, but the places it leaves free go where they serve better
    /// (`enrich`).
    pub const fn new(pair: ScorePair) -> Self {
        Self { pair }
    }

    /// Keeps at most `cap` of `contenders` (sorted, nearest first) in `kept`.
    pub fn select(
        &self,
        rows: Rows<'_>,
        contenders: &[Contender],
        cap: usize,
        kept: &mut Vec<Contender>,
    ) {
        kept.clear();
        for &contender in contenders {
            if kept.len() == cap {
                break;
            }
            if !self.shadowed(rows, contender, kept) {
                kept.push(contender);
            }
        }
    }

    fn shadowed(&self, rows: Rows<'_>, contender: Contender, kept: &[Contender]) -> bool {
        let row = rows.row(contender.candidate.slot());
        let nearer = |score: f32| score < contender.candidate.score();
        let mut waiting = [0 as Slot; 4];
        let mut count = 0;
        for other in kept
            .iter()
            .filter(|other| !(other.settled && contender.settled))
        {
            waiting[count] = other.candidate.slot();
            count += 1;
            if count == 4 {
                let scores = self.pair.four(row, waiting.map(|slot| rows.row(slot)));
                if scores.into_iter().any(nearer) {
                    return true;
                }
                count = 0;
            }
        }
        waiting[..count]
            .iter()
            .any(|&slot| nearer(self.pair.one(row, rows.row(slot))))
    }
}
