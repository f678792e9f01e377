//! A score and a slot in one integer.
//!
//! ```text
//! 63 ……………………… 32 31 ……………… 0
//! score, ordered bits   slot
//! ```
//! Invariant: comparing the integers compares `(score by total_cmp, slot)`, the order of every list
//! and answer in this crate: one comparison instead of three, and NaN has a place (the last).

use crate::ids::Slot;
use bytemuck::{Pod, Zeroable};
use std::fmt;

/// A slot and how near it is; ordered by score, then slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Candidate(u64);

impl Candidate {
    /// Farther than every other.
    pub const FARTHEST: Self = Self(u64::MAX);

    /// Joins the two.
    #[inline]
    pub const fn new(score: f32, slot: Slot) -> Self {
        let bits = score.to_bits();
        // Negative numbers count downwards, positive ones follow them.
        let ordered = if bits >> 31 == 1 {
            !bits
        } else {
            bits | 1 << 31
        };
        Self((ordered as u64) << 32 | slot as u64)
    }

    /// The score's bits as an integer in the same order.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the high half is the score
    pub const fn ordered_score(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Joins a score given as [`ordered_score`](Self::ordered_score) with a slot.
    #[inline]
    pub const fn of_ordered(score: u32, slot: Slot) -> Self {
        Self((score as u64) << 32 | slot as u64)
    }

    /// The integer itself.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Of the integer itself.
    #[inline]
    pub const fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The slot.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the low half is the slot
    pub const fn slot(self) -> Slot {
        self.0 as u32
    }

    /// The score, bit for bit.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the high half is the score
    pub const fn score(self) -> f32 {
        let ordered = (self.0 >> 32) as u32;
        f32::from_bits(if ordered >> 31 == 1 {
            ordered & !(1 << 31)
        } else {
            !ordered
        })
    }
}

/// Puts a candidate in its place in a sorted row whose free places hold [`Candidate::FARTHEST`]. A full
/// row loses its farthest; one that is there already changes nothing.
#[inline]
pub fn keep_nearest(places: &mut [Candidate], candidate: Candidate) {
    if places.last().is_none_or(|&last| candidate >= last) {
        return;
    }
    let at = places.partition_point(|&place| place < candidate);
    if places[at] != candidate {
        places.copy_within(at..places.len() - 1, at + 1);
        places[at] = candidate;
    }
}

/// The score beyond which such a row takes nothing; infinity while it has a free place.
#[inline]
pub fn limit_of(places: &[Candidate]) -> f32 {
    match places.last() {
        Some(&last) if last < Candidate::FARTHEST => last.score(),
        _ => f32::INFINITY,
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:?}", self.slot(), self.score())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_score_then_slot_and_bits_survive() {
        let scores = [
            f32::NEG_INFINITY,
            -1.5,
            -f32::MIN_POSITIVE,
            -0.0,
            0.0,
            1e-40,
            2.0,
            f32::MAX,
            f32::INFINITY,
            f32::NAN,
        ];
        let slots = [0, 1, u32::MAX - 2, u32::MAX];
        let all: Vec<_> = scores.iter().flat_map(|&s| slots.map(|n| (s, n))).collect();
        for (at, &(score, slot)) in all.iter().enumerate() {
            let candidate = Candidate::new(score, slot);
            assert_eq!(candidate.score().to_bits(), score.to_bits());
            assert_eq!(candidate.slot(), slot);
            let bits = u64::from(candidate.ordered_score()) << 32 | u64::from(slot);
            assert_eq!(Candidate::of_bits(bits), candidate);
            assert_eq!(candidate.bits(), bits);
            for (other_at, &(s, n)) in all.iter().enumerate() {
                assert_eq!(candidate.cmp(&Candidate::new(s, n)), at.cmp(&other_at));
            }
        }
    }
}
