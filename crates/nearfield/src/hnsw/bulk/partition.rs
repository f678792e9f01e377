//! Overlapping leaves by ball carving: random members lead, every member joins the nearest few.
//!
//! ```text
//! all rows ──► buckets, fan[0] a row ──► leaves, fan[1] a row of a bucket ──► what is still too
//!                                                                              large is split again
//! ```
//! Randomised ball carving with overlap, as in `PiPNN` (arXiv 2602.21247).
//!
//! Invariants: leaders are a function of seed, bucket and depth; members stay in ascending order; a
//! row is in at most `fan[0] · fan[1]` leaves, so time and memory are bounded whatever the data is.

use crate::codec::pairs::{self, Basis, ColumnBlock, RowBlock};
use crate::ids::Slot;
use crate::kernels::{Kernels, Keys, TILE_COLUMNS, TILE_ROWS, TileAt};
use crate::rng;

/// Members of the largest leaf.
pub const LEAF_MAX: usize = 512;
/// Members a leaf is meant to have: leaders are as many as make it so on average.
pub const LEAF_AIM: usize = 256;
/// Leaders of one bucket at most: where data makes a bucket large, its rows are not compared with ever more
/// of them, but carved again.
const LEADERS_MAX: usize = 512;
/// Members that are gathered at a time.
const GATHERED: usize = 16 * TILE_COLUMNS;
/// Levels of carving after which what is left is cut by the order of its members.
const DEPTH_MAX: usize = 8;
const STREAM_LEADERS: u64 = 3;

/// Buckets so many rows are first cut into: a row is compared with these, then with the leaders of its
/// buckets, and this many make the sum of both least.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
// a root, exactly rounded everywhere, of a number far below 2^53
pub fn bucket_count(rows: usize, fan: [usize; 2]) -> usize {
    let leaves = (fan[1] * rows / LEAF_AIM) as f64;
    ((fan[0] as f64 * leaves.sqrt()) as usize).max(2)
}

/// Random members, evenly spread: one of each stretch of the list.
pub fn leaders(seed: u64, depth: usize, members: &[u32], count: usize) -> Vec<u32> {
    let count = count.min(members.len());
    let key = u64::from(members[0]) << 8 | depth as u64;
    let at = |leader: usize| {
        let (from, to) = (
            leader * members.len() / count,
            (leader + 1) * members.len() / count,
        );
        let random = rng::value(seed, STREAM_LEADERS + (key << 8), leader as u64);
        #[allow(clippy::cast_possible_truncation)] // a remainder of a usize
        let offset = (random % (to - from) as u64) as usize;
        members[from + offset]
    };
    (0..count).map(at).collect()
}

/// The leaders that rows are compared with.
#[derive(Debug, Default)]
pub struct Leaders {
    rows: RowBlock,
    count: usize,
}

impl Leaders {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Takes these leaders.
    pub fn set(&mut self, leaders: &[u32], slots: &[Slot], basis: Basis<'_>) {
        self.rows
            .gather(basis, leaders.iter().map(|&leader| slots[leader as usize]));
        self.count = leaders.len();
    }

    /// Writes the nearest leaders of the rows of a panel, nearest first: `out[i][c]` is the `i`-nearest of
    /// column `c`. At most as many as there are leaders.
    #[allow(clippy::cast_possible_truncation)] // leaders are fewer than slots
    pub fn nearest(
        &self,
        (rows, panel): (&ColumnBlock, usize),
        kernels: &Kernels,
        out: &mut [Keys],
    ) {
        out.fill([u32::MAX; TILE_COLUMNS]);
        let mask = self.count.next_power_of_two() as u32 - 1;
        for first in (0..self.count).step_by(TILE_ROWS) {
            let at = TileAt {
                row: first as u32,
                column: 0,
                from: i32::MIN,
                mask,
            };
            pairs::nearest(&self.rows, (rows, panel), kernels, at, (&mut [], out));
        }
        for leader in out.as_flattened_mut() {
            *leader &= mask;
        }
    }
}

/// What one thread needs to split buckets.
#[derive(Debug, Default)]
pub struct SplitScratch {
    rows: ColumnBlock,
    leaders: Leaders,
    nearest: Vec<Keys>,
    /// Pairs of a member and a leader.
    #[cfg(test)]
    pub compared: usize,
}

/// Cuts a bucket into leaves of at most [`LEAF_MAX`] members, `fan` a member at first.
pub fn split(
    seed: u64,
    (members, depth, fan): (Vec<u32>, usize, usize),
    slots: &[Slot],
    (basis, kernels): (Basis<'_>, &Kernels),
    scratch: &mut SplitScratch,
    leaves: &mut Vec<Vec<u32>>,
) {
    if members.len() <= LEAF_MAX {
        if members.len() > 1 {
            leaves.push(members);
        }
        return;
    }
    let count = (fan * members.len()).div_ceil(LEAF_AIM);
    let count = count.clamp(2, LEADERS_MAX);
    let leads = leaders(seed, depth, &members, count);
    scratch.leaders.set(&leads, slots, basis);
    scratch.nearest.resize(fan, [0; TILE_COLUMNS]);
    let mut parts = vec![Vec::new(); leads.len()];
    for members in members.chunks(GATHERED) {
        let slots = members.iter().map(|&member| slots[member as usize]);
        scratch.rows.gather((basis, kernels), slots);
        for (panel, some) in members.chunks(TILE_COLUMNS).enumerate() {
            let rows = (&scratch.rows, panel);
            scratch.leaders.nearest(rows, kernels, &mut scratch.nearest);
            for (column, &member) in some.iter().enumerate() {
                for nearest in &scratch.nearest {
                    parts[nearest[column] as usize].push(member);
                }
            }
        }
    }
    #[cfg(test)]
    {
        scratch.compared += members.len() * leads.len();
    }
    for part in parts {
        if part.len() <= LEAF_MAX {
            leaves.extend((part.len() > 1).then_some(part));
        } else if depth == DEPTH_MAX || part.len() == members.len() {
            // Leaders do not tell these apart.
            leaves.extend(
                part.chunks(LEAF_MAX)
                    .filter(|leaf| leaf.len() > 1)
                    .map(<[u32]>::to_vec),
            );
        } else {
            let part = (part, depth + 1, 1);
            split(seed, part, slots, (basis, kernels), scratch, leaves);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoder, Form};
    use crate::exec::Exec;
    use crate::index::codes::CodeSections;
    use crate::kernels::kernels;
    use crate::matrix::Matrix;
    use crate::metric::Metric;

    type Value<'a> = &'a dyn Fn(usize, usize) -> f32;

    fn leaves_of(value: Value<'_>) -> Vec<Vec<u32>> {
        let (rows, dim) = (5000, 20);
        let mut matrix = Matrix::try_new(rows, dim).unwrap();
        for row in 0..rows {
            let numbers = matrix.row_mut(u32::try_from(row).unwrap()).iter_mut();
            numbers
                .enumerate()
                .for_each(|(column, x)| *x = value(row, column));
        }
        let mut encoder = Encoder::new(Form::Sq8, matrix.rows(), Metric::L2, Exec::Serial).unwrap();
        while encoder.step(matrix.rows(), Exec::Serial) < rows {}
        let codes = CodeSections::from(encoder);
        let slots: Vec<Slot> = (0..5000).collect();
        let mut leaves = Vec::new();
        let bucket = (slots.clone(), 1, 2);
        let compared = (Basis::Codes(codes.view()), kernels(None));
        split(
            1,
            bucket,
            &slots,
            compared,
            &mut SplitScratch::default(),
            &mut leaves,
        );
        leaves
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn leaves_are_bounded_and_hold_every_row() {
        let random =
            |row: usize, column: usize| (rng::value(1, row as u64, column as u64) >> 40) as f32;
        let sets: [(&str, Value<'_>); 3] = [
            ("spread", &random),
            ("all equal", &|_, column| column as f32),
            ("one number", &|row, column| {
                if column == 3 { row as f32 } else { 0.0 }
            }),
        ];
        for (name, value) in sets {
            let leaves = leaves_of(value);
            let mut seen = vec![0; 5000];
            for leaf in &leaves {
                assert!((2..=LEAF_MAX).contains(&leaf.len()), "{name}");
                assert!(leaf.is_sorted(), "{name}");
                for &row in leaf {
                    seen[row as usize] += 1;
                }
            }
            assert!(seen.iter().all(|&leaves| leaves <= 2), "{name}");
            let alone = seen.iter().filter(|&&leaves| leaves == 0).count();
            assert!(alone < 50, "{name}: {alone} rows are in no leaf");
        }
    }
}
