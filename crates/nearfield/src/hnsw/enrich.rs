//! Gives the places that pruning left free to the slots which fewest link to.
//!
//! ```text
//! near     v ─ u₀ u₁ u₂ …     nearest met while linking, by either end of a pair
//! turn t   every v that fewer than t link to gets a link from the next u that has room
//! ```
//! Pruning looks at a node's own neighbourhood: on real embeddings most rows keep two thirds of their
//! places while a tenth of the slots end with few links to them, and those are what searches miss
//! (the anti-hubs of Radovanović, Nanopoulos, Ivanović: "Hubs in Space", 2010). No
//! distance is computed for it: linking has met the pairs already. What it gains: bench/README.md.

use super::draft::Draft;
use super::prune::Contender;
use super::view::Links;
use crate::ids::Slot;
use crate::search::{Candidate, keep_nearest};

/// The nearest slots each slot met on level 0, however much later the other was inserted.
#[derive(Debug)]
pub struct Near {
    width: usize,
    /// Sorted rows of `width` places.
    places: Vec<Candidate>,
}

impl Near {
    /// Of `width` places a row; the memory of as many links and scores.
    pub fn new(rows: usize, width: usize) -> Self {
        Self {
            width,
            places: vec![Candidate::FARTHEST; rows * width],
        }
    }

    /// Places a row has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Tells both of a pair of each other; a pair is met once.
    pub fn met(&mut self, slot: Slot, other: Candidate) {
        self.offer(slot, other);
        self.offer(other.slot(), Candidate::new(other.score(), slot));
    }

    fn offer(&mut self, slot: Slot, other: Candidate) {
        let row = &mut self.places[slot as usize * self.width..][..self.width];
        keep_nearest(row, other);
    }

    /// The `at`-nearest that a slot has met, below [`width`](Self::width).
    fn nth(&self, slot: Slot, at: usize) -> Option<Candidate> {
        let place = self.places[slot as usize * self.width..][..self.width][at];
        (place < Candidate::FARTHEST).then_some(place)
    }
}

/// How far the giving is.
#[derive(Debug)]
pub struct Enrich {
    /// Links to each slot.
    in_degree: Vec<u32>,
    /// How many of its nearest each slot has asked.
    asked: Vec<u32>,
    turn: u32,
}

impl Enrich {
    /// Counts the links of level 0.
    pub fn new(draft: &Draft, order: &[Slot]) -> Self {
        let mut in_degree = vec![0; draft.rows()];
        for &slot in order {
            for &to in draft.links(slot, 0) {
                in_degree[to as usize] += 1;
            }
        }
        Self {
            in_degree,
            asked: vec![0; draft.rows()],
            turn: 0,
        }
    }

    /// One turn over all slots; whether turns are left.
    ///
    /// Turns in place of one slot after another: the slots with the fewest links choose first.
    pub fn turn(&mut self, draft: &mut Draft, near: &Near, order: &[Slot]) -> bool {
        self.turn += 1;
        let width = near.width();
        for &slot in order {
            let at = slot as usize;
            while self.in_degree[at] < self.turn {
                let asked = self.asked[at] as usize;
                let Some(from) = (asked < width).then(|| near.nth(slot, asked)).flatten() else {
                    break;
                };
                self.asked[at] += 1;
                if give(draft, from, slot) {
                    self.in_degree[at] += 1;
                }
            }
        }
        (self.turn as usize) < width
    }
}

/// Links `from` to `slot` where it has room and does not yet.
fn give(draft: &mut Draft, from: Candidate, slot: Slot) -> bool {
    let links = draft.links(from.slot(), 0);
    if links.len() == draft.width(0) || links.contains(&slot) {
        return false;
    }
    draft.push(
        from.slot(),
        0,
        Contender {
            candidate: Candidate::new(from.score(), slot),
            settled: false,
        },
    );
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_keeps_the_nearest_of_both_ends() {
        let mut near = Near::new(6, 3);
        for (slot, score) in [(1, 4.0), (2, 1.0), (3, 3.0), (4, 2.0), (5, 5.0)] {
            near.met(0, Candidate::new(score, slot));
        }
        let slots = |slot| {
            let met = (0..3).map_while(|at| near.nth(slot, at));
            met.map(Candidate::slot).collect::<Vec<_>>()
        };
        assert_eq!(slots(0), [2, 4, 3]);
        assert_eq!(slots(5), [0]);
    }

    #[test]
    fn places_go_to_the_slots_with_the_fewest_links_first() {
        // 0 has one free place; 2 is linked to by nobody, 1 by slot 3.
        let mut draft = Draft::new(vec![0; 5], 2);
        let link = |slot| Contender {
            candidate: Candidate::new(1.0, slot),
            settled: true,
        };
        draft.set(3, 0, &[link(1)]);
        let mut near = Near::new(4, 4);
        near.met(0, Candidate::new(1.0, 1));
        near.met(0, Candidate::new(2.0, 2));
        draft.set(0, 0, &[3, 3, 3].map(link));
        let order = [0, 1, 2, 3];
        let mut enrich = Enrich::new(&draft, &order);
        while enrich.turn(&mut draft, &near, &order) {}
        assert_eq!(draft.links(0, 0), [3, 3, 3, 2]);
        assert_eq!(draft.links(1, 0), [0]);
    }
}
