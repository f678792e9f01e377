//! Whether any two of `n` things are equal, in little memory.
//!
//! ```text
//! pass 1   keep the m smallest ──► sort ──► neighbours equal?
//! pass 2   keep the m smallest from there on ──► …
//! ```
//!
//! A sorted copy would be as large as the keys, and a hash table larger; opening a file may use
//! 16 MiB beyond the file itself. So at most [`KEPT_MAX`] slots are kept at a time, whatever the
//! data, and nothing depends on luck: there is no hash an adversary could aim at. Ascending keys,
//! the usual ones, take one look and no memory.

use crate::error::{Code, Error, Result};
use crate::ids::Slot;
use std::cmp::Ordering;

/// Slots kept during a pass: 8 MiB of them.
pub const KEPT_MAX: usize = 2 << 20;

/// Two slots that `order` calls equal, the lower first; `None` when no two are. `kept_max` of at
/// least 4 bounds the memory, in slots.
pub fn first_duplicate(
    rows: u32,
    kept_max: usize,
    order: impl Fn(Slot, Slot) -> Ordering,
) -> Result<Option<(Slot, Slot)>> {
    if (1..rows).all(|slot| order(slot - 1, slot) == Ordering::Less) {
        return Ok(None);
    }
    let full = kept_max.min(rows as usize).max(4);
    let mut kept: Vec<Slot> = Vec::new();
    kept.try_reserve_exact(full).map_err(|_| {
        Error::new(
            Code::Memory,
            format!("{} bytes could not be reserved", full * size_of::<Slot>()),
        )
    })?;
    let mut from: Option<Slot> = None;
    loop {
        let complete = smallest(rows, full, from, &order, &mut kept);
        kept.sort_unstable_by(|a, b| order(*a, *b).then(a.cmp(b)));
        let equal = |pair: &&[Slot]| order(pair[0], pair[1]) == Ordering::Equal;
        if let Some(pair) = kept.windows(2).find(equal) {
            return Ok(Some((pair[0], pair[1])));
        }
        if complete {
            return Ok(None);
        }
        // The last kept one is looked at again: an equal of it may have been dropped. All kept are
        // different and at least two, so every pass gets further.
        from = kept.last().copied();
    }
}

/// Fills `kept` with the smallest slots not below `from`, at least half of `full` of them when there
/// are as many; whether these are all there are.
fn smallest(
    rows: u32,
    full: usize,
    from: Option<Slot>,
    order: impl Fn(Slot, Slot) -> Ordering,
    kept: &mut Vec<Slot>,
) -> bool {
    kept.clear();
    let half = full / 2;
    let mut limit: Option<Slot> = None;
    for slot in 0..rows {
        let below = from.is_some_and(|from| order(slot, from) == Ordering::Less);
        let beyond = limit.is_some_and(|limit| order(slot, limit) == Ordering::Greater);
        if below || beyond {
            continue;
        }
        if kept.len() == full {
            kept.select_nth_unstable_by(half - 1, |a, b| order(*a, *b).then(a.cmp(b)));
            kept.truncate(half);
            limit = Some(kept[half - 1]);
            if order(slot, kept[half - 1]) == Ordering::Greater {
                continue;
            }
        }
        kept.push(slot);
    }
    limit.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn oracle(keys: &[u64]) -> bool {
        let mut seen = HashSet::new();
        keys.iter().any(|key| !seen.insert(*key))
    }

    /// Every order of keys this file can think of, with and without a pair of equals.
    #[test]
    fn agrees_with_a_hash_set_at_every_budget() {
        let mut state = 1_u64;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for round in 0..2_000 {
            let rows = u32::try_from(random(70)).expect("below 70");
            let spread = [3, 70, 1 << 20][round % 3];
            let mut keys: Vec<u64> = (0..rows).map(|_| random(spread)).collect();
            match round % 5 {
                0 => keys.sort_unstable(),
                1 => keys.sort_unstable_by(|a, b| b.cmp(a)),
                2 => keys = (0..u64::from(rows)).rev().collect(),
                _ => {}
            }
            for budget in [4, 5, 8, 33, 1000] {
                let order = |a: Slot, b: Slot| keys[a as usize].cmp(&keys[b as usize]);
                let found = first_duplicate(rows, budget, order).expect("small");
                assert_eq!(found.is_some(), oracle(&keys), "{keys:?} with {budget}");
                if let Some((low, high)) = found {
                    assert!(low < high);
                    assert_eq!(keys[low as usize], keys[high as usize]);
                }
            }
        }
    }

    #[test]
    fn a_pair_far_apart_is_found_in_the_last_pass() {
        let mut keys: Vec<u32> = (0..10_000).rev().collect();
        keys[17] = keys[9_000];
        let order = |a: Slot, b: Slot| keys[a as usize].cmp(&keys[b as usize]);
        assert_eq!(first_duplicate(10_000, 64, order), Ok(Some((17, 9_000))));
    }
}
