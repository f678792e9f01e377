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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::value;
    use std::collections::BTreeMap;

    /// Lists of all lengths, one after the other, of slots that come up to many times and far apart.
    #[test]
    fn one_of_each_slot_is_left_and_it_is_the_nearest() {
        let mut once = Once::default();
        for (round, length) in (0..).zip([0, 1, 2, 3, 40, 900, 7]) {
            for slots in [1, 5, 60, 100_000] {
                let number = |n: u64| value(round, slots, n);
                let mut list: Vec<_> = (0..length)
                    .map(|n| {
                        let slot = u32::try_from(number(2 * n) % slots).unwrap() * 40_009;
                        let score = u8::try_from(number(2 * n + 1) % 200).unwrap();
                        Candidate::new(f32::from(score), slot)
                    })
                    .collect();
                let mut nearest = BTreeMap::new();
                for &row in &list {
                    let held = nearest.entry(row.slot()).or_insert(row);
                    *held = row.min(*held);
                }
                once.keep(&mut list);
                list.sort_unstable_by_key(|row| row.slot());
                assert_eq!(
                    list,
                    nearest.into_values().collect::<Vec<_>>(),
                    "{length} of {slots}"
                );
            }
        }
    }
}
