//! A list in which a slot may come more than once, left with each slot's nearest.

use super::Candidate;
use crate::ids::Slot;

/// Told apart by a table of places, which is kept for the next list.
#[derive(Debug, Default)]
pub struct Once {
    /// Places in the list and one more; 0 where nothing is.
    places: Vec<u32>,
}

impl Once {
    /// Leaves one of each slot, the nearest, in no order.
    #[inline(never)]
    pub fn keep(&mut self, list: &mut Vec<Candidate>) {
        let bits = (2 * list.len()).next_power_of_two().trailing_zeros().max(1);
        self.places.clear();
        self.places.resize(1 << bits, 0);
        let mut kept = 0;
        for at in 0..list.len() {
            let candidate = list[at];
            let place = self.place(list, candidate.slot(), bits);
            if *place == 0 {
                kept += 1;
                *place = kept;
                list[kept as usize - 1] = candidate;
            } else {
                let held = &mut list[*place as usize - 1];
                *held = candidate.min(*held);
            }
        }
        list.truncate(kept as usize);
    }

    /// Where a slot is, or is to be: half of the table is free.
    fn place(&mut self, list: &[Candidate], slot: Slot, bits: u32) -> &mut u32 {
        let mut at = (slot.wrapping_mul(0x9e37_79b1) >> (32 - bits)) as usize;
        loop {
            let held = self.places[at];
            if held == 0 || list[held as usize - 1].slot() == slot {
                return &mut self.places[at];
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }
}
