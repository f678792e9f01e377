//! Which of the nearest a row has met become its links: nearest first, a candidate is kept unless one
//! already kept is nearer to it than the row is, by a factor (robust pruning: Subramanya & others,
//! "`DiskANN`", 2019, Algorithm 2).
//!
//! ```text
//! short rows by code   tiles of all pairs ─► of each row a bit for every nearer one ─► bits & kept
//! other rows           pairs one by one, until a kept one is nearer
//! ```
//! Both keep the same: a pair has one score.

use super::Site;
use crate::codec::codes::Codes;
use crate::codec::pairs::{Basis, CodeTiles, PairBlock, TileBits};
use crate::codec::{QueryCode, Scorer, Sq8Scorer};
use crate::hnsw::CROWD_MIN;
use crate::ids::Slot;
use crate::kernels::{Kernels, TILE_COLUMNS, TILE_ROWS};
use crate::search::Candidate;

/// How much nearer a kept one must be, in squared distances. What rows have met here is all near, so
/// a few more links than the plain rule keeps are worth having (1.0 and 1.2 need more distances at
/// recall 0.95).
const ALPHA: f32 = 1.1;

/// Up to so many numbers, pairs are compared in tiles: all that were met with all before them. Of longer rows that
/// is more than one by one, where most candidates meet a nearer one early.
const TILED_DIM_MAX: usize = 256;

/// What one thread needs to trim rows.
#[derive(Debug, Default)]
pub struct TrimScratch {
    /// The nearest a row has met, nearest first.
    pub met: Vec<Candidate>,
    block: PairBlock,
    tiles: CodeTiles,
    /// Of short rows: the scores of what was met, which of a panel are kept, and of a tile's rows which of
    /// each panel are nearer to them.
    own: Vec<f32>,
    kept_of: Vec<u16>,
    nearer: Vec<TileBits>,
    /// Places in `met`.
    kept: Vec<usize>,
    query: QueryCode,
}

/// Keeps at most `width` of `scratch.met`, which a row has met.
pub fn trim(
    site: &Site<'_>,
    slot: Slot,
    width: usize,
    scratch: &mut TrimScratch,
    out: &mut Vec<Candidate>,
) {
    let (space, kernels) = (site.space(), site.kernels);
    scratch.kept.clear();
    match space.codes() {
        Some(codes) if codes.centre().len() <= TILED_DIM_MAX => {
            scratch.keep_by_tiles((codes, kernels), width);
        }
        _ => keep_one_by_one(site, slot, width, scratch),
    }
    out.clear();
    out.extend(scratch.kept.iter().map(|&at| scratch.met[at]));
}

impl TrimScratch {
    /// Compares every pair that may count, in tiles, and then chooses by bits.
    fn keep_by_tiles(&mut self, (codes, kernels): (Codes<'_>, &Kernels), width: usize) {
        let Self { met, tiles, .. } = self;
        tiles.gather((codes, kernels), met.iter().map(|met| met.slot()));
        self.own.clear();
        self.own.extend(met.iter().map(|met| met.score()));
        self.kept_of.clear();
        self.kept_of.resize(met.len().div_ceil(TILE_COLUMNS), 0);
        for first in (0..met.len()).step_by(TILE_ROWS) {
            // Those before the last row of the tile are in these panels.
            let panels = (first + TILE_ROWS - 1).div_ceil(TILE_COLUMNS);
            let own = &self.own[first..];
            self.nearer.clear();
            self.nearer.extend(
                (0..panels).map(|panel| tiles.nearer(kernels, (first, panel), (ALPHA, own))),
            );
            for row in 0..own.len().min(TILE_ROWS) {
                if self.kept.len() == width {
                    return;
                }
                let mut panels = self.nearer.iter().zip(&self.kept_of);
                if !panels.any(|(nearer, kept)| nearer[row] & kept != 0) {
                    let at = first + row;
                    self.kept.push(at);
                    self.kept_of[at / TILE_COLUMNS] |= 1 << (at % TILE_COLUMNS);
                }
            }
        }
    }
}

/// Compares a candidate with those kept until one is nearer to it.
fn keep_one_by_one(site: &Site<'_>, slot: Slot, width: usize, scratch: &mut TrimScratch) {
    let TrimScratch {
        met, block, kept, ..
    } = scratch;
    let (space, kernels) = (site.space(), site.kernels);
    // The row itself comes last, where what it has met are no distances from it.
    let itself = site.lifted.map(|_| slot);
    block.gather(space, met.iter().map(|met| met.slot()).chain(itself));
    for (at, candidate) in met.iter().enumerate() {
        if kept.len() == width {
            break;
        }
        block.hold(space, at);
        let own = match itself {
            None => candidate.score(),
            Some(_) => block.score((space, kernels), met.len()),
        };
        if !shadowed(block, (space, kernels), own, kept) {
            kept.push(at);
        }
    }
}

/// Whether one of `kept` is nearer to the candidate that is held than the row is, which is `own`.
fn shadowed(block: &PairBlock, compared: (Basis<'_>, &Kernels), own: f32, kept: &[usize]) -> bool {
    let nearer = |score: f32| ALPHA * score < own;
    let (fours, rest) = kept.as_chunks::<4>();
    fours
        .iter()
        .any(|&four| block.score4(compared, four).into_iter().any(nearer))
        || rest
            .iter()
            .any(|&other| nearer(block.score(compared, other)))
}

/// Whether the row stands in a crowd: a search for it, by code, finds many others as near.
pub fn crowded(site: &Site<'_>, slot: Slot, scratch: &mut TrimScratch) -> bool {
    let (Some(codes), Some(met)) = (site.basis.codes(), scratch.met.get(..CROWD_MIN - 1)) else {
        return false;
    };
    // The bit a row loses shifts a squared distance by about its length times the scale, and what codes
    // leave out is below dim times the scale squared. Most rows are far beyond both.
    let terms = codes.terms(slot);
    #[allow(clippy::cast_precision_loss)] // at most DIM_MAX
    let blur = terms.scale * (4.0 * terms.bias.sqrt() + codes.centre().len() as f32 * terms.scale);
    if met.last().is_none_or(|last| last.score() > blur) {
        return false;
    }
    let vector = site.stored.rows.row(slot);
    scratch.query.set(site.metric, vector, codes);
    let scorer = Sq8Scorer::new(codes, &scratch.query, site.kernels);
    let own = scorer.score(slot);
    met.iter().all(|other| scorer.score(other.slot()) <= own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoder, Form, Stored};
    use crate::exec::Exec;
    use crate::index::codes::CodeSections;
    use crate::kernels::available;
    use crate::matrix::Matrix;
    use crate::metric::Metric;
    use crate::rng;

    const ROWS: usize = 300;

    /// The definition: pairs one by one, each of a block of its own.
    fn plain(
        (codes, kernels): (Codes<'_>, &Kernels),
        met: &[Candidate],
        width: usize,
    ) -> Vec<Candidate> {
        let basis = Basis::Codes(codes);
        let mut kept: Vec<Candidate> = Vec::new();
        for &candidate in met {
            let nearer = |other: &Candidate| {
                let mut pair = PairBlock::default();
                pair.gather(basis, [candidate.slot(), other.slot()].into_iter());
                pair.hold(basis, 0);
                ALPHA * pair.score((basis, kernels), 1) < candidate.score()
            };
            if kept.len() < width && !kept.iter().any(nearer) {
                kept.push(candidate);
            }
        }
        kept
    }

    #[test]
    fn tiles_keep_what_pairs_one_by_one_do() {
        let mut shadowed = 0;
        for dim in [1, 3, 30, 64, 100, TILED_DIM_MAX, TILED_DIM_MAX + 1] {
            let mut rows = Matrix::try_new(ROWS, dim).unwrap();
            for row in 0..ROWS {
                let numbers = rows.row_mut(Slot::try_from(row).unwrap()).iter_mut();
                for (at, x) in numbers.take(dim).enumerate() {
                    let random = rng::value(3, row as u64, at as u64) >> 48;
                    // A few clusters: some candidates are nearer to each other than to the row.
                    let spread = f32::from(u16::try_from(random).unwrap()) / 16_384.0;
                    *x = spread + f32::from(u8::try_from(row % 7 * (at % 5)).unwrap());
                }
            }
            let metric = Metric::L2;
            let mut encoder = Encoder::new(Form::Sq8, rows.rows(), metric, Exec::Serial).unwrap();
            while encoder.step(rows.rows(), Exec::Serial) < ROWS {}
            let sections = CodeSections::from(encoder);
            let codes = sections.view();
            for kernels in available() {
                let site = Site {
                    stored: Stored::from(rows.rows()),
                    basis: Basis::Codes(codes),
                    lifted: None,
                    metric,
                    kernels,
                    exec: Exec::Serial,
                };
                // One scratch for all, larger and smaller: what was there before does not count.
                let mut scratch = TrimScratch::default();
                for (slot, count) in (0..).zip([64, 0, 1, 7, 8, 9, 15, 16, 17, 63, 65, 200, 33]) {
                    let query = rows.row(slot);
                    let pair = metric.score_pair(kernels);
                    let mut all: Vec<_> = (0..)
                        .take(ROWS)
                        .filter(|&other| other != slot)
                        .map(|other| Candidate::new(pair.one(query, rows.row(other)), other))
                        .collect();
                    all.sort_unstable();
                    all.truncate(count);
                    for width in [5, 16, 32, 300] {
                        scratch.met.clone_from(&all);
                        let mut kept = Vec::new();
                        trim(&site, slot, width, &mut scratch, &mut kept);
                        let expected = plain((codes, kernels), &all, width);
                        assert_eq!(kept, expected, "{:?} {dim} {count}", kernels.isa);
                        shadowed += all.len().min(width) - kept.len();
                    }
                }
            }
        }
        assert!(shadowed > 1000, "{shadowed} were shadowed");
    }
}
