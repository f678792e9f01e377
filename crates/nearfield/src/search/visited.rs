//! Which slots a walk has seen: one tag a slot, "seen" when it equals the walk's epoch.
//!
//! ```text
//! tags    3 0 5 5 1 …        epoch 5: slots 2 and 3 were seen
//! ```
//! Invariant: no tag is above the epoch, so raising it forgets everything. Tags are cleared in
//! earnest only when the epoch has used up its 255 values.

use crate::ids::{NO_SLOT, Slot};

/// A set of slots that is emptied in constant time, nearly always.
#[derive(Debug, Default)]
pub struct Visited {
    tags: Vec<u8>,
    epoch: u8,
}

impl Visited {
    /// Empties the set, for slots below `rows`; allocates only to grow.
    pub fn begin(&mut self, rows: usize) {
        if self.tags.len() < rows {
            self.tags.resize(rows, 0);
        }
        if self.epoch == u8::MAX {
            self.tags.fill(0);
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// Adds a slot; false where it was there.
    #[inline]
    pub fn insert(&mut self, slot: Slot) -> bool {
        let tag = &mut self.tags[slot as usize];
        let fresh = *tag != self.epoch;
        *tag = self.epoch;
        fresh
    }

    /// Whether a slot was added.
    #[cfg(test)]
    fn has(&self, slot: Slot) -> bool {
        self.tags[slot as usize] == self.epoch
    }

    /// Adds the slots of a row of places, which end at the first [`NO_SLOT`], and leaves in `fresh` those that
    /// were not there, in order. Every slot is written down and only the new ones counted: whether a neighbour
    /// was seen before is a coin toss, which a branch would lose half of the time.
    #[inline]
    pub fn gather(&mut self, places: &[Slot], fresh: &mut Vec<Slot>) {
        fresh.resize(places.len(), NO_SLOT);
        let mut count = 0;
        for &slot in places {
            if slot == NO_SLOT {
                break;
            }
            let tag = &mut self.tags[slot as usize];
            // At most one was counted for each place before this one.
            fresh[count] = slot;
            count += usize::from(*tag != self.epoch);
            *tag = self.epoch;
        }
        fresh.truncate(count);
    }

    /// The first of a row of places that were not added, as many as there is room for; how many.
    #[inline]
    pub fn first_fresh(&self, places: &[Slot], fresh: &mut [Slot]) -> usize {
        let mut count = 0;
        for &slot in places {
            if slot == NO_SLOT || count == fresh.len() {
                break;
            }
            fresh[count] = slot;
            count += usize::from(self.tags[slot as usize] != self.epoch);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::value;

    #[test]
    fn gathers_what_adding_one_by_one_finds_new() {
        let (mut whole, mut single) = (Visited::default(), Visited::default());
        let mut fresh = vec![7; 40];
        for turn in 0..600u64 {
            if turn % 7 == 0 {
                whole.begin(90);
                single.begin(90);
            }
            let slot = |at| u32::try_from(value(4, turn, at) % 90).unwrap();
            let mut places: Vec<_> = (0..32).map(slot).collect();
            // Some rows are full, and what follows an empty place never counts.
            if turn % 3 != 0 {
                places[usize::try_from(turn % 31).unwrap()] = NO_SLOT;
            }
            let links = places.iter().take_while(|&&slot| slot != NO_SLOT);
            let mut first = [NO_SLOT; 5];
            let count = whole.first_fresh(&places, &mut first);
            // Not added by looking, so a slot that stands there twice is told twice.
            let unseen = links.clone().filter(|&&slot| !single.has(slot)).copied();
            assert_eq!(first[..count], unseen.take(5).collect::<Vec<_>>());
            let expected: Vec<_> = links
                .filter(|&&slot| single.insert(slot))
                .copied()
                .collect();
            whole.gather(&places, &mut fresh);
            assert_eq!(fresh, expected, "turn {turn}");
        }
    }

    #[test]
    fn forgets_at_every_turn_and_across_the_wrap() {
        let mut visited = Visited::default();
        for turn in 0..1000u32 {
            // Slots touched once every few turns keep old tags over the wrap.
            visited.begin(5 + turn as usize % 7);
            let slot = turn % 5;
            assert!(visited.insert(slot), "turn {turn}");
            assert!(!visited.insert(slot), "turn {turn}");
            assert!(visited.insert((slot + 1) % 5), "turn {turn}");
        }
    }
}
