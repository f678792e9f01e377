//! Which free places go to whom: what trimming left free, a row gives to those of the nearest it has met
//! that fewest link to.
//!
//! ```text
//! row v       trimmed: u₀ u₃ u₄ ∅ ∅ ∅      met: u₀ u₁ u₂ u₃ u₄ u₅
//!             of u₁ u₂ u₅ those with the fewest links to them get the free places
//! ```
//! Why it serves searches: see `enrich`, which does so for rows inserted in rounds, slot by slot. Here a
//! row has met whoever has met it. The rows of one step choose at once, by the links there were before,
//! and neighbours are in different steps: they would all choose the same.

use crate::ids::Slot;
use crate::search::Candidate;

/// Links to each slot of a level.
#[derive(Debug, Default)]
pub struct InDegrees(Vec<u32>);

impl InDegrees {
    /// Of no links yet, for so many slots.
    pub fn new(slots: usize) -> Self {
        Self(vec![0; slots])
    }

    /// Counts a link.
    pub fn count(&mut self, to: Slot) {
        self.0[to as usize] += 1;
    }

    /// Leaves in `met`, nearest first, the `room` that fewest link to of those a row does not link to yet.
    /// `links` are some of them, in the same order; nobody gets more links than `most`.
    pub fn choose(&self, met: &mut Vec<Candidate>, links: &[Slot], room: usize, most: usize) {
        let of = |candidate: &Candidate| self.0[candidate.slot() as usize];
        let mut links = links.iter().copied().peekable();
        met.retain(|candidate| {
            let linked = links.next_if_eq(&candidate.slot()).is_some();
            !linked && (of(candidate) as usize) < most
        });
        if met.len() > room {
            met.sort_unstable_by_key(|candidate| (of(candidate), *candidate));
            met.truncate(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_to_those_fewest_link_to_then_to_the_nearest() {
        let mut degrees = InDegrees::new(8);
        for (slot, links) in [(1, 3), (2, 0), (3, 1), (4, 9), (5, 1), (6, 0)] {
            (0..links).for_each(|_| degrees.count(slot));
        }
        let met = |slot: Slot| Candidate::new(f32::from(u8::try_from(slot).unwrap()), slot);
        let chosen = |links: &[Slot], room| {
            let mut of: Vec<_> = (1..7).map(met).collect();
            degrees.choose(&mut of, links, room, 9);
            of.into_iter().map(Candidate::slot).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&[], 1), [2]);
        assert_eq!(chosen(&[2], 2), [6, 3]);
        assert_eq!(chosen(&[1, 6], 3), [2, 3, 5]);
        // 4 has as many links as there may be.
        let mut all = chosen(&[1], 9);
        all.sort_unstable();
        assert_eq!(all, [2, 3, 5, 6]);
    }
}
