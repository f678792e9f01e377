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

use crate::codec::Codes;
use crate::codec::pairs::{self, ColumnBlock, RowBlock, TILE};
use crate::ids::Slot;
use crate::kernels::{Kernels, TILE_COLUMNS, TILE_ROWS};
use crate::rng;
use crate::search::{Candidate, keep_nearest, limit_of};

/// Members of the largest leaf.
pub const LEAF_MAX: usize = 512;
/// Members a leaf is meant to have: leaders are as many as make it so on average.
pub const LEAF_AIM: usize = 256;
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

/// The leaders a row is compared with, as columns.
#[derive(Debug, Default)]
pub struct Leaders {
    columns: ColumnBlock,
    count: usize,
}

impl Leaders {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Takes these leaders.
    pub fn set(&mut self, leaders: &[u32], slots: &[Slot], codes: Codes<'_>) {
        self.columns
            .gather(codes, leaders.iter().map(|&leader| slots[leader as usize]));
        self.count = leaders.len();
    }

    /// Writes the `fan` nearest leaders of the rows of a tile, `fan` places a row, nearest first.
    pub fn nearest(
        &self,
        rows: (&RowBlock, usize),
        kernels: &Kernels,
        fan: usize,
        out: &mut [Candidate],
    ) {
        out.fill(Candidate::FARTHEST);
        let mut limits = [f32::INFINITY; TILE_ROWS];
        let mut scores = [0.0; TILE];
        for (panel, first) in (0..).zip((0..).step_by(TILE_COLUMNS)) {
            let columns = TILE_COLUMNS.min(self.count.saturating_sub(panel * TILE_COLUMNS));
            if columns == 0 {
                break;
            }
            pairs::tile(rows, (&self.columns, panel), kernels, &mut scores);
            let rows = out.chunks_exact_mut(fan).zip(&mut limits);
            for ((places, limit), scores) in rows.zip(scores.as_chunks::<TILE_COLUMNS>().0) {
                let near = scores.iter().filter(|&score| score <= limit).count() > 0;
                if !near {
                    continue;
                }
                for (leader, &score) in (first..).zip(&scores[..columns]) {
                    if score <= *limit {
                        keep_nearest(places, Candidate::new(score, leader));
                        *limit = limit_of(places);
                    }
                }
            }
        }
    }
}

/// What one thread needs to split buckets.
#[derive(Debug, Default)]
pub struct SplitScratch {
    rows: RowBlock,
    leaders: Leaders,
    nearest: Vec<Candidate>,
}

/// Cuts a bucket into leaves of at most [`LEAF_MAX`] members, `fan` a member at first.
pub fn split(
    seed: u64,
    (members, depth, fan): (Vec<u32>, usize, usize),
    slots: &[Slot],
    (codes, kernels): (Codes<'_>, &Kernels),
    scratch: &mut SplitScratch,
    leaves: &mut Vec<Vec<u32>>,
) {
    if members.len() <= LEAF_MAX {
        if members.len() > 1 {
            leaves.push(members);
        }
        return;
    }
    let count = (fan * members.len()).div_ceil(LEAF_AIM).max(2);
    let leads = leaders(seed, depth, &members, count);
    scratch.leaders.set(&leads, slots, codes);
    scratch
        .rows
        .gather(codes, members.iter().map(|&member| slots[member as usize]));
    scratch.nearest.resize(fan * TILE_ROWS, Candidate::FARTHEST);
    let mut parts = vec![Vec::new(); leads.len()];
    for (first, some) in (0..).step_by(TILE_ROWS).zip(members.chunks(TILE_ROWS)) {
        scratch
            .leaders
            .nearest((&scratch.rows, first), kernels, fan, &mut scratch.nearest);
        for (&member, nearest) in some.iter().zip(scratch.nearest.chunks_exact(fan)) {
            for leader in nearest
                .iter()
                .take_while(|&&near| near < Candidate::FARTHEST)
            {
                parts[leader.slot() as usize].push(member);
            }
        }
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
            split(seed, part, slots, (codes, kernels), scratch, leaves);
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
        let compared = (codes.view(), kernels(None));
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
