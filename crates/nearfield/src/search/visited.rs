//! Which slots a walk has seen: one tag a slot, "seen" when it equals the walk's epoch.
//!
//! ```text
//! tags    3 0 5 5 1 …        epoch 5: slots 2 and 3 were seen
//! ```
//! Invariant: no tag is above the epoch, so raising it forgets everything. Tags are cleared in
//! earnest only when the epoch has used up its 255 values.

use crate::ids::Slot;

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
