//! Every row against the query, four at a time: the answer of flat indexes and the judge of others.

use super::{Candidate, Top};
use crate::codec::Scorer;
use crate::ids::Slot;

/// Leaves the `k` nearest of the slots below `rows` in `results`, nearest first, ties by slot.
pub fn search<S: Scorer + ?Sized>(scorer: &S, rows: usize, k: usize, results: &mut Vec<Candidate>) {
    let mut top = Top::new(k, results);
    let end = Slot::try_from(rows).unwrap_or(Slot::MAX);
    let mut slot = 0;
    while end - slot >= 4 {
        let slots = [slot, slot + 1, slot + 2, slot + 3];
        for (slot, score) in slots.into_iter().zip(scorer.score4(slots)) {
            top.push(Candidate::new(score, slot));
        }
        slot += 4;
    }
    for slot in slot..end {
        top.push(Candidate::new(scorer.score(slot), slot));
    }
    top.finish();
}
