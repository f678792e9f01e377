//! The nearest that each row has met, in places that all threads fill.
//!
//! ```text
//! stripe 0   a₀ a₁ a₂ ∅ | b₀ ∅ ∅ ∅ | …     a lock, rows of `width` places, nearest first
//! stripe 1   …
//! ```
//! Invariant: a row holds the `width` smallest of all it was ever offered, each once, so the order of
//! offers, and with it the number of threads, cannot be seen. A pair must have one score for this.

use crate::search::{Candidate, keep_nearest};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows under one lock: many stripes for each thread, and few locks for a leaf.
const STRIPE_ROWS: usize = 64;

/// Bounded, sorted rows of candidates.
#[derive(Debug)]
pub struct Reservoirs {
    width: usize,
    stripes: Vec<Mutex<Vec<Candidate>>>,
}

impl Reservoirs {
    /// Of `width` places a row, eight bytes each.
    pub fn new(rows: usize, width: usize) -> Self {
        let stripe = |first: usize| {
            let rows = STRIPE_ROWS.min(rows - first);
            Mutex::new(vec![Candidate::FARTHEST; rows * width])
        };
        Self {
            width,
            stripes: (0..rows).step_by(STRIPE_ROWS).map(stripe).collect(),
        }
    }

    fn stripe(&self, row: usize) -> MutexGuard<'_, Vec<Candidate>> {
        // A panic elsewhere ends the build; what it left here is never read.
        self.stripes[row / STRIPE_ROWS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers `row` candidates it may have met before.
    pub fn offer(&self, row: usize, candidates: impl Iterator<Item = Candidate>) {
        let at = row % STRIPE_ROWS * self.width;
        let mut stripe = self.stripe(row);
        let places = &mut stripe[at..at + self.width];
        for candidate in candidates {
            keep_nearest(places, candidate);
        }
    }

    /// The `at`-nearest that a row holds.
    pub fn nth(&self, row: usize, at: usize) -> Option<Candidate> {
        assert!(at < self.width, "place {at} of {}", self.width);
        let place = self.stripe(row)[row % STRIPE_ROWS * self.width + at];
        (place < Candidate::FARTHEST).then_some(place)
    }

    /// Copies out what a row holds.
    pub fn take(&self, row: usize, out: &mut Vec<Candidate>) {
        let at = row % STRIPE_ROWS * self.width;
        let stripe = self.stripe(row);
        let places = &stripe[at..at + self.width];
        out.clear();
        out.extend(
            places
                .iter()
                .take_while(|&&place| place < Candidate::FARTHEST),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Exec;
    use crate::rng::value;

    #[test]
    fn rows_hold_the_nearest_of_all_offers_in_any_order() {
        const ROWS: usize = 150;
        let met = |row: usize, offer: u64| {
            let random = value(3, row as u64, offer % 40);
            #[allow(clippy::cast_precision_loss)] // below 16
            let score = (random % 16) as f32;
            Candidate::new(score, u32::try_from(random >> 32 & 0xffff).unwrap())
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(4)
            .build()
            .unwrap();
        let mut held = Vec::new();
        for exec in [Exec::Serial, Exec::Pool(&pool)] {
            let reservoirs = Reservoirs::new(ROWS, 9);
            let mut offers: Vec<u64> = (0..ROWS as u64 * 100).collect();
            exec.fill(
                &mut offers,
                1,
                || (),
                |(), _, offer| {
                    let row = usize::try_from(*offer).unwrap() % ROWS;
                    reservoirs.offer(row, std::iter::once(met(row, *offer / ROWS as u64)));
                },
            );
            held.push(
                (0..ROWS)
                    .map(|row| {
                        let mut out = Vec::new();
                        reservoirs.take(row, &mut out);
                        out
                    })
                    .collect::<Vec<_>>(),
            );
        }
        for (row, held) in held[0].iter().enumerate() {
            let mut expected: Vec<_> = (0..40).map(|offer| met(row, offer)).collect();
            expected.sort_unstable();
            expected.dedup();
            expected.truncate(9);
            assert_eq!(*held, expected, "row {row}");
        }
        assert_eq!(held[0], held[1]);
    }
}
