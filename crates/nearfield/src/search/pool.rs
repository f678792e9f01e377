//! The candidates of a walk: one sorted array of at most `ef`, and which of them were expanded.
//!
//! ```text
//! places     a b c d e f ∅ ∅    nearest first, no slot twice (the caller's visited tags see to it); whole blocks,
//! expanded   1 1 0 1 0 0        ∅, the farthest there is, after the last
//!                ^ next: everything before it is expanded
//! ```
//! A search for the place and a short move beat two heaps at the lengths walks use, and where there is a kernel for
//! it, so does neither: every place takes the one before its own where that is farther than what comes.

use super::Candidate;
use crate::codec::{LOOK_AHEAD, Scorer};
use crate::ids::Slot;
use crate::kernels::{Kernels, SORTED_BLOCK};

const WORD_BITS: usize = u64::BITS as usize;
/// Entries that a candidate is compared with side by side.
const PLACE_BLOCK: usize = 16;
/// Blocks of them that are.
const PLACE_BLOCKS_MAX: usize = 32;

/// A sorted list of at most `capacity` candidates.
#[derive(Debug)]
pub struct Pool {
    kernels: &'static Kernels,
    places: Vec<Candidate>,
    /// Places that are taken.
    len: usize,
    /// A bit each; what follows the last entry's means nothing.
    expanded: Vec<u64>,
    capacity: usize,
    next: usize,
    /// Room for the slots of those that are scored again.
    rescored: Vec<Slot>,
}

impl Pool {
    /// A pool of no places.
    pub const fn new(kernels: &'static Kernels) -> Self {
        Self {
            kernels,
            places: Vec::new(),
            len: 0,
            expanded: Vec::new(),
            capacity: 0,
            next: 0,
            rescored: Vec::new(),
        }
    }

    /// Empties the pool and sets its length; allocates only to grow.
    pub fn reset(&mut self, capacity: usize) {
        self.places.clear();
        self.places
            .resize(capacity.next_multiple_of(SORTED_BLOCK), Candidate::FARTHEST);
        self.len = 0;
        self.expanded.clear();
        self.expanded.resize(capacity / WORD_BITS + 1, 0);
        self.capacity = capacity;
        self.next = 0;
    }

    /// Puts a candidate in its place, pushing out the farthest of a full pool; false where it is
    /// not near enough itself.
    #[inline]
    pub fn insert(&mut self, candidate: Candidate) -> bool {
        if candidate >= self.bound() {
            return false;
        }
        let kept = self.len.min(self.capacity - 1);
        self.len = kept + 1;
        let at = if let Some(insert) = self.kernels.inserter() {
            let end = self.len.next_multiple_of(SORTED_BLOCK);
            let places = bytemuck::cast_slice_mut(&mut self.places[..end]);
            let at = insert(places, candidate.bits());
            // What a full pool loses may still have a place behind it.
            if let Some(lost) = self.places.get_mut(self.capacity) {
                *lost = Candidate::FARTHEST;
            }
            at
        } else {
            let at = place(&self.places[..kept], candidate);
            self.places.copy_within(at..kept, at + 1);
            self.places[at] = candidate;
            at
        };
        insert_zero(&mut self.expanded, at);
        self.next = self.next.min(at);
        true
    }

    /// What a candidate must be nearer than to be put in.
    #[inline]
    pub fn bound(&self) -> Candidate {
        if self.len < self.capacity {
            return Candidate::FARTHEST;
        }
        let nothing = Candidate::of_bits(0);
        self.entries().last().copied().unwrap_or(nothing)
    }

    /// The score that a candidate must not be above to be put in.
    #[inline]
    pub fn limit(&self) -> f32 {
        match self.entries().last() {
            Some(&last) if self.len == self.capacity => last.score(),
            _ => f32::INFINITY,
        }
    }

    /// The nearest candidate not handed out before.
    #[inline]
    pub fn expand(&mut self) -> Option<Candidate> {
        let at = self.unexpanded()?;
        self.expanded[at / WORD_BITS] |= 1 << (at % WORD_BITS);
        self.next = at + 1;
        Some(self.places[at])
    }

    /// The candidate that is handed out next, if no nearer one is put in.
    #[inline]
    pub fn next(&self) -> Option<Candidate> {
        self.unexpanded().map(|at| self.places[at])
    }

    #[inline]
    fn unexpanded(&self) -> Option<usize> {
        let (mut at, len) = (self.next, self.len);
        while at < len {
            let rest = !self.expanded[at / WORD_BITS] >> (at % WORD_BITS);
            if rest != 0 {
                at += rest.trailing_zeros() as usize;
                return (at < len).then_some(at);
            }
            at = (at / WORD_BITS + 1) * WORD_BITS;
        }
        None
    }

    /// How many candidates have this score or a nearer one.
    pub fn within(&self, score: f32) -> usize {
        self.entries()
            .partition_point(|entry| entry.score() <= score)
    }

    /// Scores the nearest `count` again and forgets the rest: what a walk by codes found, judged by
    /// the vectors. The pool is then read and no longer walked.
    pub fn rescore<S: Scorer>(&mut self, scorer: &S, count: usize) {
        let mut rescored = std::mem::take(&mut self.rescored);
        rescored.clear();
        let nearest = self.entries().iter().take(count);
        rescored.extend(nearest.map(|entry| entry.slot()));
        self.len = 0;
        scorer.score_all(&rescored, |slot, score| {
            self.places[self.len] = Candidate::new(score, slot);
            self.len += 1;
        });
        self.places[..self.len].sort_unstable();
        self.rescored = rescored;
    }

    /// The candidates, nearest first.
    #[inline]
    pub fn entries(&self) -> &[Candidate] {
        &self.places[..self.len]
    }
}

/// How many of a sorted list are before a candidate. Comparisons that do not wait for each other are over sooner
/// than the fewer ones of a binary search, which leaves only a long list's blocks to be found.
#[inline]
fn place(entries: &[Candidate], candidate: Candidate) -> usize {
    let (blocks, rest) = entries.as_chunks::<PLACE_BLOCK>();
    let is_before = |&&entry: &&Candidate| entry < candidate;
    let passed = |block: &[Candidate; PLACE_BLOCK]| block[PLACE_BLOCK - 1] < candidate;
    let count = if blocks.len() <= PLACE_BLOCKS_MAX {
        blocks.iter().filter(|block| passed(block)).count()
    } else {
        blocks.partition_point(passed)
    };
    let within = match blocks.get(count) {
        Some(block) => block.iter().filter(is_before).count(),
        None => rest.iter().filter(is_before).count(),
    };
    count * PLACE_BLOCK + within
}

/// Moves the bits from `at` on to make room for a zero there; the last is lost.
#[inline]
fn insert_zero(bits: &mut [u64], at: usize) {
    let [word, after @ ..] = &mut bits[at / WORD_BITS..] else {
        return;
    };
    let before = (1 << (at % WORD_BITS)) - 1;
    let mut carried = *word >> (WORD_BITS - 1);
    *word = *word & before | (*word & !before) << 1;
    for word in after {
        let out = *word >> (WORD_BITS - 1);
        *word = *word << 1 | carried;
        carried = out;
    }
}

/// Leaves the nearest `count`, in no order.
pub fn narrow(candidates: &mut Vec<Candidate>, count: usize) {
    if count < candidates.len() {
        candidates.select_nth_unstable(count);
        candidates.truncate(count);
    }
}

/// Scores candidates again, without ordering them.
pub fn rescore<S: Scorer>(entries: &mut [Candidate], scorer: &S) {
    for entry in entries.iter().take(LOOK_AHEAD) {
        scorer.prefetch(entry.slot());
    }
    for at in (0..entries.len()).step_by(4) {
        for entry in entries.iter().skip(at + LOOK_AHEAD).take(4) {
            scorer.prefetch(entry.slot());
        }
        match &mut entries[at..] {
            [a, b, c, d, ..] => {
                let slots = [a.slot(), b.slot(), c.slot(), d.slot()];
                let scores = scorer.score4(slots);
                [*a, *b, *c, *d] = std::array::from_fn(|at| Candidate::new(scores[at], slots[at]));
            }
            rest => {
                for entry in rest {
                    *entry = Candidate::new(scorer.score(entry.slot()), entry.slot());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::available;
    use crate::rng::value;

    /// The plainest thing that could be right.
    #[derive(Default)]
    struct Model(Vec<(Candidate, bool)>);

    impl Model {
        fn insert(&mut self, candidate: Candidate, capacity: usize) {
            self.0.push((candidate, false));
            self.0.sort_unstable();
            self.0.truncate(capacity);
        }

        fn expand(&mut self) -> Option<Candidate> {
            let entry = self.0.iter_mut().find(|entry| !entry.1)?;
            entry.1 = true;
            Some(entry.0)
        }
    }

    #[test]
    fn agrees_with_a_sorted_list() {
        for (kernels, trial) in available()
            .into_iter()
            .flat_map(|table| (0..400u64).map(move |trial| (table, trial)))
        {
            let mut pool = Pool::new(kernels);
            // Some longer than a word of bits, some than what is compared side by side.
            let (most, steps) = match trial % 40 {
                0 => (1200, 2000),
                1..8 => (300, 600),
                _ => (70, 300),
            };
            let capacity = usize::try_from(value(1, trial, 0) % most).unwrap();
            pool.reset(capacity);
            let mut model = Model::default();
            for at in 0..steps {
                let random = value(2, trial, u64::from(at));
                if random.is_multiple_of(3) {
                    let next = pool.next();
                    assert_eq!(pool.expand(), next);
                    assert_eq!(next, model.expand(), "trial {trial} step {at}");
                } else {
                    // Few distinct scores: ties are the hard part.
                    let score = match random >> 8 & 31 {
                        0 => f32::NAN,
                        n => f32::from(u8::try_from(n).unwrap()) - 16.0,
                    };
                    let candidate = Candidate::new(score, at);
                    let kept = pool.insert(candidate);
                    model.insert(candidate, capacity);
                    assert_eq!(kept, model.0.iter().any(|entry| entry.0 == candidate));
                }
                let expected: Vec<_> = model.0.iter().map(|entry| entry.0).collect();
                assert_eq!(pool.entries(), expected, "trial {trial} step {at}");
            }
        }
    }
}
