//! Rows equal bit for bit are one node of the graph: the lowest slot, the first, stands for all.
//! Otherwise copies would fill each other's links and cut themselves off from the rest.
//!
//! Rows are stored with −0 as +0, so equal numbers are equal bits.

use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::matrix::Rows;

/// Who is first of its group, and the chains.
pub struct Twins {
    /// First slots, ascending.
    pub firsts: Vec<Slot>,
    /// The next slot of the group; `None` when no two rows are equal.
    pub next: Option<Vec<u32>>,
}

/// Groups rows by hash, then by bits.
pub fn find(rows: Rows<'_>, exec: Exec<'_>) -> Twins {
    let mut hashed = vec![(0u64, 0 as Slot); rows.len()];
    exec.fill(
        &mut hashed,
        256,
        || (),
        |(), at, out| {
            let slot = Slot::try_from(at).expect("rows are counted by slots");
            *out = (xxhash_rust::xxh3::xxh3_64(bytes_of(rows.row(slot))), slot);
        },
    );
    hashed.sort_unstable();

    let mut next = vec![NO_SLOT; rows.len()];
    let mut is_first = vec![true; rows.len()];
    let mut any = false;
    for run in hashed.chunk_by(|a, b| a.0 == b.0) {
        // The last slot of every distinct row met in this run; more than one only if hashes collide.
        let mut tails: Vec<Slot> = Vec::new();
        for &(_, slot) in run {
            let bits = bytes_of(rows.row(slot));
            match tails
                .iter_mut()
                .find(|tail| bytes_of(rows.row(**tail)) == bits)
            {
                Some(tail) => {
                    next[*tail as usize] = slot;
                    is_first[slot as usize] = false;
                    *tail = slot;
                    any = true;
                }
                None if run.len() > 1 => tails.push(slot),
                None => {}
            }
        }
    }
    let firsts = (0..)
        .zip(is_first)
        .filter_map(|(slot, first)| first.then_some(slot))
        .collect();
    Twins {
        firsts,
        next: any.then_some(next),
    }
}

fn bytes_of(row: &[f32]) -> &[u8] {
    bytemuck::cast_slice(row)
}
