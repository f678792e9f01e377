//! The nearest that each row has met, in places that all threads fill.
//!
//! ```text
//! shard 0    a₀ a₁ a₂ · | b₀ · · · | …     a lock, rows of `width` places
//! shard 1    …
//!
//! filling    4 9 4 2 · ·      as they came, some twice, until the places are taken
//! ordered    2 4 9 ∅ ∅ ∅      nearest first, each once
//!
//! place      score's high bits in order | row        five bytes, or six where a row takes more than 20 bits
//! ```
//! What has been met is most of what a build takes beside vectors and links, so a score keeps the bits that are
//! left: twenty at least, eleven of them behind the binary point. A leaf tells no more than fourteen.
//!
//! Invariant: a row holds the `width` smallest of all it was ever offered, so the order of offers, and
//! with it the number of threads, cannot be seen once it is ordered. A pair must have one score for this.

use crate::kernels::prefetch_address;
use crate::search::Candidate;
use crate::shards::Shards;
use std::ops::Range;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering::Relaxed;

/// Rows under one lock: many shards for each thread, and few locks for a leaf.
const SHARD_ROWS: usize = 64;
/// What stands for an ordered row in place of its number of offers.
const ORDERED: u16 = u16::MAX;
/// Bytes of a word: a place is read and written as the low ones of eight.
const WORD: usize = size_of::<u64>();

/// Bounded rows of candidates.
#[derive(Debug)]
pub struct Reservoirs {
    width: usize,
    form: Form,
    shards: Shards,
    /// Places that are taken while a row is filling; changed by who holds the row's lock.
    taken: Vec<AtomicU16>,
}

/// How a candidate is written.
#[derive(Clone, Copy, Debug)]
struct Form {
    /// Of a place.
    bytes: usize,
    /// Of a row's number.
    row_bits: u32,
    /// Of a score that are left out.
    lost_bits: u32,
}

impl Form {
    fn new(rows: usize) -> Self {
        let row_bits = rows.next_power_of_two().trailing_zeros();
        let bytes: u32 = if row_bits <= 20 { 5 } else { 6 };
        Self {
            bytes: bytes as usize,
            row_bits,
            lost_bits: (u32::BITS + row_bits).saturating_sub(8 * bytes),
        }
    }

    /// Farther than every candidate.
    const fn none(self) -> u64 {
        u64::MAX >> (8 * (WORD - self.bytes))
    }

    const fn pack(self, candidate: Candidate) -> u64 {
        let score = candidate.ordered_score() >> self.lost_bits;
        (score as u64) << self.row_bits | candidate.slot() as u64
    }

    #[allow(clippy::cast_possible_truncation)] // what was packed
    const fn unpack(self, place: u64) -> Candidate {
        let score = (place >> self.row_bits) as u32;
        let row = place & ((1 << self.row_bits) - 1);
        Candidate::of_ordered(score << self.lost_bits, row as u32)
    }

    fn read(self, places: &[u8], at: usize) -> u64 {
        let word = &places[at * self.bytes..][..WORD];
        u64::from_le_bytes(word.try_into().expect("a word")) & self.none()
    }

    fn write(self, places: &mut [u8], at: usize, place: u64) {
        let bytes = place.to_le_bytes();
        places[at * self.bytes..][..self.bytes].copy_from_slice(&bytes[..self.bytes]);
    }

    /// Puts a filling row in order, of which `taken` places are; how many it has.
    fn order(self, places: &mut [u8], taken: usize, words: &mut Vec<u64>) -> usize {
        words.clear();
        words.extend((0..taken).map(|at| self.read(places, at)));
        words.sort_unstable();
        words.dedup();
        let kept = words.len();
        words.resize(taken, self.none());
        for (at, &word) in words.iter().enumerate() {
            self.write(places, at, word);
        }
        kept
    }

    /// Puts a candidate in its place in an ordered row of `width` places. A full row loses its farthest; one
    /// that is there already changes nothing.
    fn keep(self, places: &mut [u8], width: usize, place: u64) {
        if place >= self.read(places, width - 1) {
            return;
        }
        let (mut from, mut to) = (0, width - 1);
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.read(places, middle) < place {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        if self.read(places, from) != place {
            let rest = from * self.bytes..(width - 1) * self.bytes;
            places.copy_within(rest, (from + 1) * self.bytes);
            self.write(places, from, place);
        }
    }
}

impl Reservoirs {
    /// Of `width` places a row, five or six bytes each; one at least and fewer than 65,535.
    pub fn new(rows: usize, width: usize) -> Self {
        let form = Form::new(rows);
        // The last place is read as a word too.
        let shard_bytes = SHARD_ROWS * width * form.bytes + WORD - form.bytes;
        Self {
            width,
            form,
            shards: Shards::new(rows.div_ceil(SHARD_ROWS), shard_bytes),
            taken: (0..rows).map(|_| AtomicU16::new(0)).collect(),
        }
    }

    /// The bytes of the row's places, of its shard's, and what is read with the last.
    fn places(&self, row: usize) -> Range<usize> {
        let bytes = self.width * self.form.bytes;
        let start = row % SHARD_ROWS * bytes;
        start..start + bytes + WORD - self.form.bytes
    }

    /// Asks for the places of a row that will soon be offered something: a visit costs more than an offer.
    pub fn expect(&self, row: usize) {
        let taken = match self.taken[row].load(Relaxed) {
            // The last place tells whether it takes anything.
            ORDERED => self.width - 1,
            taken => usize::from(taken),
        };
        let at = self.places(row).start + taken * self.form.bytes;
        prefetch_address(self.shards.address(row / SHARD_ROWS, at));
    }

    /// Offers `row` candidates it may have met before; `words` is room to order them.
    #[allow(clippy::cast_possible_truncation)] // at most the width
    pub fn offer(&self, row: usize, mut candidates: &[Candidate], words: &mut Vec<u64>) {
        let (form, width) = (self.form, self.width);
        let mut shard = self.shards.lock(row / SHARD_ROWS);
        let places = &mut shard[self.places(row)];
        let mut taken = self.taken[row].load(Relaxed);
        while taken != ORDERED
            && let Some((&first, rest)) = candidates.split_first()
        {
            form.write(places, usize::from(taken), form.pack(first));
            taken += 1;
            candidates = rest;
            if usize::from(taken) == width {
                let kept = form.order(places, width, words);
                // Once it has many it takes each in its place: few of the rest are near enough.
                taken = if 4 * kept > 3 * width {
                    ORDERED
                } else {
                    kept as u16
                };
            }
        }
        self.taken[row].store(taken, Relaxed);
        for &candidate in candidates {
            form.keep(places, width, form.pack(candidate));
        }
    }

    /// Copies out what a row holds, nearest first, and leaves it in order.
    pub fn take(&self, row: usize, out: &mut Vec<Candidate>) {
        let form = self.form;
        let mut shard = self.shards.lock(row / SHARD_ROWS);
        let places = &mut shard[self.places(row)];
        let taken = self.taken[row].swap(ORDERED, Relaxed);
        if taken != ORDERED {
            form.order(places, usize::from(taken), &mut Vec::new());
            (usize::from(taken)..self.width).for_each(|at| form.write(places, at, form.none()));
        }
        let held = (0..self.width).map(|at| form.read(places, at));
        let held = held.take_while(|&place| place != form.none());
        out.clear();
        out.extend(held.map(|place| form.unpack(place)));
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
            Candidate::new(score, u32::try_from(random >> 32 & 0xff).unwrap() % 150)
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
                    reservoirs.offer(row, &[met(row, *offer / ROWS as u64)], &mut Vec::new());
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

    #[test]
    fn a_place_keeps_the_row_and_most_of_the_score() {
        for rows in [2, 150, 1 << 20, (1 << 20) + 1, 1 << 25, u32::MAX as usize] {
            let form = Form::new(rows);
            let last = u32::try_from(rows - 1).unwrap();
            let scores = [-1e30, -2.5, -0.0, 0.0, 1e-30, 0.7, 0.70012, 3.0, f32::MAX];
            let places = scores.map(|score| form.pack(Candidate::new(score, last)));
            assert!(places.is_sorted(), "{rows}");
            assert!(places[8] < form.none(), "{rows}");
            for (place, score) in places.into_iter().zip(scores) {
                let found = form.unpack(place);
                assert_eq!(found.slot(), last);
                let most = if rows <= 1 << 26 {
                    1.0 / 1024.0
                } else {
                    1.0 / 64.0
                };
                let loss = (found.score() - score).abs();
                assert!(loss <= score.abs() * most + 1e-30, "{rows}: {score}");
            }
        }
    }
}
