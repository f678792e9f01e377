//! Finds a row's copy among all that came before it: twins, as [`twins`](crate::hnsw::twins) finds
//! them in a whole, for rows that arrive in batches.
//!
//! ```text
//! tails    hash of a row ─► the last slot with that row      next[tail] = the newcomer
//! ```
//! Invariant: the tails of a batch that is not shown can be taken back, newest first.

use crate::ids::{NO_SLOT, Slot};
use crate::matrix::Rows;
use std::collections::HashMap;

/// Chains of equal rows.
#[derive(Debug, Default)]
pub struct Copies {
    tails: HashMap<u64, Slot>,
    /// The next slot with the same row, of every slot that is shown.
    next: Vec<Slot>,
    any: bool,
    /// Of the batch: what a hash led to before, and links of chains to be made.
    undo: Vec<(u64, Option<Slot>)>,
    pairs: Vec<(Slot, Slot)>,
}

impl Copies {
    /// The chains of a frozen graph over these rows.
    pub fn of(rows: Rows<'_>, next: Option<&[Slot]>) -> Self {
        let mut copies = Self::default();
        for slot in (0..).take(rows.len()) {
            // A chain is ascending, so its last slot is the one that stays.
            copies.enter(rows, slot);
        }
        copies.undo.clear();
        copies.pairs.clear();
        copies.any = next.is_some();
        copies.next = next.map_or_else(|| vec![NO_SLOT; rows.len()], <[Slot]>::to_vec);
        copies
    }

    /// Takes a row in; false where it is a copy of an earlier one.
    pub fn enter(&mut self, rows: Rows<'_>, slot: Slot) -> bool {
        let bits = |slot| bytemuck::cast_slice::<f32, u8>(rows.row(slot));
        let own = bits(slot);
        let mut hash = xxhash_rust::xxh3::xxh3_64(own);
        loop {
            let tail = self.tails.get(&hash).copied();
            match tail {
                // Another row of the same hash: the next number is as good.
                Some(tail) if bits(tail) != own => hash = hash.wrapping_add(1),
                _ => {
                    self.tails.insert(hash, slot);
                    self.undo.push((hash, tail));
                    self.pairs.extend(tail.map(|tail| (tail, slot)));
                    return tail.is_none();
                }
            }
        }
    }

    /// Whether any two rows that are shown are equal.
    pub const fn any(&self) -> bool {
        self.any
    }

    /// The next slot with the same row.
    #[inline]
    pub fn after(&self, slot: Slot) -> Option<Slot> {
        let next = *self.next.get(slot as usize)?;
        (next != NO_SLOT).then_some(next)
    }

    /// The chains, where there are any.
    pub fn to_frozen(&self) -> Option<Vec<Slot>> {
        self.any.then(|| self.next.clone())
    }

    /// Shows the chains of `rows` slots.
    pub fn show(&mut self, rows: usize) {
        self.next.resize(rows, NO_SLOT);
        self.any |= !self.pairs.is_empty();
        for (tail, slot) in self.pairs.drain(..) {
            self.next[tail as usize] = slot;
        }
        self.undo.clear();
    }

    /// Forgets the batch.
    pub fn take_back(&mut self) {
        self.pairs.clear();
        for (hash, tail) in self.undo.drain(..).rev() {
            match tail {
                Some(tail) => self.tails.insert(hash, tail),
                None => self.tails.remove(&hash),
            };
        }
    }
}
