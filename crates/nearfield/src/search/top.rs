//! The `k` nearest of a stream, in memory for `2 k` and time that does not grow with `k`: candidates
//! beyond the bound are dropped at once, the rest are halved whenever they are `2 k`, by selection or where a
//! kernel is given by that.

use super::Candidate;
use crate::kernels::{Kernels, Sift};

/// Fewer are chosen by pivots as fast.
const SIFTED_MIN: usize = 24;

/// Collects into a caller's list.
#[derive(Debug)]
pub struct Top<'a> {
    kept: &'a mut Vec<Candidate>,
    k: usize,
    bound: Candidate,
    sift: Option<Sift>,
}

impl<'a> Top<'a> {
    /// Empties `kept` and collects the `k` nearest into it.
    pub fn new(k: usize, kept: &'a mut Vec<Candidate>) -> Self {
        kept.clear();
        Self {
            kept,
            k,
            bound: Candidate::FARTHEST,
            sift: None,
        }
    }

    /// The same, halved by a kernel.
    #[inline]
    #[must_use]
    pub fn by(mut self, kernels: &Kernels) -> Self {
        self.sift = Some(kernels.sift_u64);
        self
    }

    /// Goes on where one of as many has stopped, its [`bound`](Self::bound) kept beside its list.
    #[inline]
    pub fn resume(k: usize, kept: &'a mut Vec<Candidate>, bound: Candidate) -> Self {
        Self {
            kept,
            k,
            bound,
            sift: None,
        }
    }

    /// Everything from here on is too far.
    #[inline]
    pub fn bound(&self) -> Candidate {
        self.bound
    }

    /// Looks at one more; no slot may come twice.
    #[inline]
    pub fn push(&mut self, candidate: Candidate) {
        if candidate < self.bound {
            self.kept.push(candidate);
            if self.kept.len() >= self.k.saturating_mul(2) {
                self.halve();
            }
        }
    }

    /// Looks at these integers of candidates, which may be beyond the bound.
    #[inline]
    pub fn push_bits(&mut self, bits: &[u64]) {
        let all = bits.iter().map(|&bits| Candidate::of_bits(bits));
        self.kept.extend(all);
        if self.kept.len() >= self.k.saturating_mul(2) {
            self.halve();
        }
    }

    fn halve(&mut self) {
        if self.k == 0 {
            self.kept.clear();
        } else if self.kept.len() > self.k {
            if let Some(bound) = self.sifted() {
                self.bound = bound;
                self.kept.truncate(self.k);
                return;
            }
            let (_, &mut last, _) = self.kept.select_nth_unstable(self.k - 1);
            self.bound = last;
            self.kept.truncate(self.k);
        }
    }

    /// What the nearest do not exceed, moved to the front, where a kernel finds it.
    fn sifted(&mut self) -> Option<Candidate> {
        let sift = self.sift.filter(|_| self.k >= SIFTED_MIN)?;
        sift(bytemuck::cast_slice_mut(self.kept), self.k).map(Candidate::of_bits)
    }

    /// The score from which on everything is too far. One that is as far as the bound is not: its slot
    /// decides, so that what is kept does not hang on the order candidates come in.
    #[inline]
    pub fn limit(&self) -> f32 {
        if self.bound < Candidate::FARTHEST {
            self.bound.score().next_up()
        } else {
            f32::INFINITY
        }
    }

    /// Leaves the nearest in the list, in no order: for who scores them again.
    pub fn close(mut self) {
        self.halve();
    }

    /// Leaves the nearest in the list, nearest first.
    pub fn finish(mut self) {
        self.halve();
        self.kept.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::available;
    use crate::rng::value;

    /// Whoever drops what is not below the limit keeps the same, in whatever order candidates come and
    /// whenever the list is put aside.
    #[test]
    fn limits_do_not_hang_on_the_order() {
        let score = |n: u32| f32::from(u8::try_from(value(5, 0, n.into()) % 20).unwrap()) - 9.5;
        let all: Vec<_> = (0..1000).map(|n| Candidate::new(score(n), n)).collect();
        for k in [1, 7, 50, 300] {
            let mut expected = all.clone();
            expected.sort_unstable();
            expected.truncate(k);
            for step in [1, 3, 7, 999] {
                let (mut kept, mut bound) = (Vec::new(), Candidate::FARTHEST);
                let order = (0..1000).map(|n| all[n * step % 1000]);
                for candidate in order {
                    let mut top = Top::resume(k, &mut kept, bound);
                    if candidate.score() < top.limit() {
                        top.push(candidate);
                    }
                    bound = top.bound();
                }
                Top::resume(k, &mut kept, bound).finish();
                assert_eq!(kept, expected, "{k}, every {step}");

                let order = (0..1000).map(|n| all[n * step % 1000]);
                let bits: Vec<_> = order
                    .map(|c| u64::from(c.ordered_score()) << 32 | u64::from(c.slot()))
                    .collect();
                let mut top = Top::new(k, &mut kept);
                bits.chunks(37).for_each(|bits| top.push_bits(bits));
                top.finish();
                assert_eq!(kept, expected, "{k}, every {step}, some at once");
            }
        }
    }

    #[test]
    fn equals_sorting_everything() {
        let mut kept = Vec::new();
        for count in [0, 1, 2, 3, 10, 100, 1000u32] {
            for k in [0, 1, 2, 3, 10, 30, 99, 100, 5000] {
                let all: Vec<_> = (0..count)
                    .map(|n| {
                        let score = u8::try_from(value(3, k as u64, n.into()) % 50).unwrap();
                        Candidate::new(f32::from(score), n)
                    })
                    .collect();
                let mut top = Top::new(k, &mut kept);
                for &candidate in &all {
                    top.push(candidate);
                }
                top.finish();
                let mut expected = all.clone();
                expected.sort_unstable();
                expected.truncate(k);
                assert_eq!(kept, expected, "{k} of {count}");
                for table in available() {
                    let mut top = Top::new(k, &mut kept).by(table);
                    for &candidate in &all {
                        top.push(candidate);
                    }
                    top.finish();
                    assert_eq!(kept, expected, "{k} of {count}, {:?}", table.isa);
                }
            }
        }
    }
}
