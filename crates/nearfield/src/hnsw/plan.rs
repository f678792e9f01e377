//! Levels, insertion order and rounds: functions of the seed and the number of rows alone.
//!
//! ```text
//! order    highest level first, then by hash     a level is a prefix of the order
//! rounds   1 1 1 … 2 2 … 9 … → capped            a round cannot see its own members
//! ```
//! A slot reaches level `l` when its hash is below `2^64 / M^l`: Malkov & Yashunin's `mL = 1 / ln M`
//! in integers, the same on every platform. Because the levels say nothing of the vectors, inserting
//! the highest first keeps the order random where it matters, and the entry never changes.

use crate::ids::Slot;
use crate::rng;

/// Levels above this are not worth their links for any number of slots.
const LEVEL_MAX: u32 = 16;
const STREAM_LEVEL: u64 = 1;
const STREAM_ORDER: u64 = 2;

/// Members of the largest round; a step of the host waits for one.
const ROUND_MAX: usize = 2000;

/// The level of a slot.
pub fn level(seed: u64, slot: Slot, m: usize) -> u32 {
    let hash = rng::value(seed, STREAM_LEVEL, u64::from(slot));
    let mut bound = u64::MAX;
    for level in 0..LEVEL_MAX {
        bound /= m as u64;
        if hash >= bound {
            return level;
        }
    }
    LEVEL_MAX
}

/// The firsts in the order they are inserted.
pub fn order(seed: u64, firsts: &[Slot], m: usize) -> Vec<Slot> {
    let mut keyed: Vec<_> = firsts
        .iter()
        .map(|&slot| {
            let hash = rng::value(seed, STREAM_ORDER, u64::from(slot));
            (LEVEL_MAX - level(seed, slot, m), hash, slot)
        })
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, _, slot)| slot).collect()
}

/// Members of the round that follows `inserted` of `total`.
pub fn round_len(inserted: usize, total: usize) -> usize {
    let cap = (total / 50).clamp(32, ROUND_MAX);
    (inserted / 16).clamp(1, cap).min(total - inserted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_thin_out_by_m() {
        for m in [2usize, 16] {
            let mut at_least = [0u32; 4];
            for slot in 0..100_000 {
                let level = level(11, slot, m);
                for count in &mut at_least[..=(level as usize).min(3)] {
                    *count += 1;
                }
            }
            for (l, &count) in at_least.iter().enumerate() {
                let expected = 100_000.0
                    / f64::from(u32::try_from(m).unwrap()).powi(i32::try_from(l).unwrap());
                let deviation = (f64::from(count) - expected).abs();
                assert!(
                    deviation <= 6.0 * expected.sqrt(),
                    "M {m} level {l}: {count}"
                );
            }
        }
    }

    #[test]
    fn rounds_cover_everything_once_and_grow_slowly() {
        for total in [0, 1, 2, 3, 100, 31_102, 1_000_000] {
            let mut inserted = 0;
            while inserted < total {
                let len = round_len(inserted, total);
                assert!((1..=ROUND_MAX.min((inserted / 16).max(1))).contains(&len));
                inserted += len;
            }
            assert_eq!(inserted, total);
        }
    }
}
