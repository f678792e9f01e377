//! Which of the nearest a row has met become its links: nearest first, a candidate is kept unless one
//! already kept is nearer to it than the row is, by a factor (robust pruning: Subramanya & others,
//! "`DiskANN`", 2019, Algorithm 2).

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
