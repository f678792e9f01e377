//! Which of the nearest a row has met become its links: nearest first, a candidate is kept unless one
//! already kept is nearer to it than the row is, by a factor (robust pruning: Subramanya & others,
//! "`DiskANN`", 2019, Algorithm 2).

use super::Site;
use crate::codec::pairs::{Basis, PairBlock};
use crate::codec::{QueryCode, Scorer, Sq8Scorer};
use crate::hnsw::CROWD_MIN;
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::search::Candidate;

/// How much nearer a kept one must be, in squared distances. What rows have met here is all near, so
/// a few more links than the plain rule keeps are worth having (1.0 and 1.2 need more distances at
/// recall 0.95).
const ALPHA: f32 = 1.1;

/// What one thread needs to trim rows.
#[derive(Debug, Default)]
pub struct TrimScratch {
    /// The nearest a row has met, nearest first.
    pub met: Vec<Candidate>,
    block: PairBlock,
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
    let TrimScratch {
        met, block, kept, ..
    } = scratch;
    kept.clear();
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
    out.clear();
    out.extend(kept.iter().map(|&at| met[at]));
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
