//! The nearest that each row has met, in places that all threads fill.
//!
//! ```text
//! stripe 0   a₀ a₁ a₂ ∅ | b₀ ∅ ∅ ∅ | …     a lock, rows of `width` places
//! stripe 1   …
//!
//! filling    4 9 4 2 ∅ ∅      as they came, some twice, until the places are taken
//! ordered    2 4 9 ∅ ∅ ∅      nearest first, each once
//! ```
//! Invariant: a row holds the `width` smallest of all it was ever offered, so the order of offers, and
//! with it the number of threads, cannot be seen once it is ordered. A pair must have one score for this.

use crate::kernels::prefetch_address;
use crate::search::{Candidate, keep_nearest};
use std::ops::Range;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows under one lock: many stripes for each thread, and few locks for a leaf.
const STRIPE_ROWS: usize = 64;
/// What stands for an ordered row in place of its number of offers.
const ORDERED: u16 = u16::MAX;

/// Bounded rows of candidates.
#[derive(Debug)]
pub struct Reservoirs {
    width: usize,
    stripes: Vec<Mutex<Vec<Candidate>>>,
    /// Places that are taken while a row is filling; changed by who holds the row's lock.
    taken: Vec<AtomicU16>,
    /// Where the stripes are, for hints.
    addresses: Vec<usize>,
}

/// Puts a filling row in order; how many it has.
fn order(places: &mut [Candidate], taken: usize) -> usize {
    places[..taken].sort_unstable();
    let mut kept = 0;
    for at in 0..taken {
        if kept == 0 || places[at] != places[kept - 1] {
            places[kept] = places[at];
            kept += 1;
        }
    }
    places[kept..taken].fill(Candidate::FARTHEST);
    kept
}

impl Reservoirs {
    /// Of `width` places a row, eight bytes each; fewer than 65,535.
    pub fn new(rows: usize, width: usize) -> Self {
        let stripe = |first: usize| {
            let rows = STRIPE_ROWS.min(rows - first);
            vec![Candidate::FARTHEST; rows * width]
        };
        let stripes: Vec<_> = (0..rows).step_by(STRIPE_ROWS).map(stripe).collect();
        Self {
            width,
            addresses: stripes
                .iter()
                .map(|places| places.as_ptr().addr())
                .collect(),
            stripes: stripes.into_iter().map(Mutex::new).collect(),
            taken: (0..rows).map(|_| AtomicU16::new(0)).collect(),
        }
    }

    /// Takes the lock of a row: the places of its stripe.
    fn lock(&self, row: usize) -> MutexGuard<'_, Vec<Candidate>> {
        // A panic elsewhere ends the build; what it left here is never read.
        self.stripes[row / STRIPE_ROWS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The row's places, of its stripe's.
    fn places(&self, row: usize) -> Range<usize> {
        let start = row % STRIPE_ROWS * self.width;
        start..start + self.width
    }

    /// Asks for the places of a row that will soon be offered something: a visit costs more than an offer.
    pub fn expect(&self, row: usize) {
        let taken = match self.taken[row].load(Relaxed) {
            // The last place tells whether it takes anything.
            ORDERED => self.width - 1,
            taken => usize::from(taken),
        };
        let place = self.places(row).start + taken;
        prefetch_address(self.addresses[row / STRIPE_ROWS] + place * size_of::<Candidate>());
    }

    /// Offers `row` candidates it may have met before.
    #[allow(clippy::cast_possible_truncation)] // at most the width
    pub fn offer(&self, row: usize, mut candidates: &[Candidate]) {
        let mut stripe = self.lock(row);
        let places = &mut stripe[self.places(row)];
        let mut taken = self.taken[row].load(Relaxed);
        while taken != ORDERED
            && let Some((&first, rest)) = candidates.split_first()
        {
            places[usize::from(taken)] = first;
            taken += 1;
            candidates = rest;
            if usize::from(taken) == self.width {
                let kept = order(places, self.width);
                // Once it has many it takes each in its place: few of the rest are near enough.
                taken = if 4 * kept > 3 * self.width {
                    ORDERED
                } else {
                    kept as u16
                };
            }
        }
        self.taken[row].store(taken, Relaxed);
        for &candidate in candidates {
            keep_nearest(places, candidate);
        }
    }

    /// Copies out what a row holds, nearest first, and leaves it in order.
    pub fn take(&self, row: usize, out: &mut Vec<Candidate>) {
        let mut stripe = self.lock(row);
        let places = &mut stripe[self.places(row)];
        let taken = self.taken[row].swap(ORDERED, Relaxed);
        if taken != ORDERED {
            order(places, usize::from(taken));
        }
        let held = places
            .iter()
            .take_while(|&&place| place < Candidate::FARTHEST);
        out.clear();
        out.extend(held);
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
                    reservoirs.offer(row, &[met(row, *offer / ROWS as u64)]);
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
