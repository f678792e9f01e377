//! Centroids as panels of sixteen, and the nearest of them to blocks of rows.
//!
//! ```text
//! rows     gathered less the centre, eight a tile    ┐ products, then
//! panel    sixteen centroids side by side            ┘ score = (|c|² + penalty) − 2 x · c
//! ```
//! Lane `l` keeps the best of the centroids `l`, `l + 16`, …; the lanes are compared at the end.

use crate::exec::Exec;
use crate::ids::Slot;
use crate::kernels::{Kernels, TILE_COLUMNS, TILE_ROWS};
use crate::matrix::{Matrix, Rows};

/// Rows that share each panel while it is near.
pub(super) const BLOCK_ROWS: usize = 4 * TILE_ROWS;
/// Rows one thread takes at a time.
const GRAIN_ROWS: usize = 8 * BLOCK_ROWS;

/// Centroids, as products take them.
#[derive(Clone, Debug)]
pub(super) struct Panels {
    numbers: Vec<f32>,
    /// Of each centroid, its squared length and its penalty; +∞ where there is none.
    lengths: Vec<[f32; TILE_COLUMNS]>,
    depth: usize,
}

impl Panels {
    /// All of these, with what is added to the distance of each, if anything is.
    pub(super) fn new(centroids: &Matrix, penalties: &[f32]) -> Self {
        let all: Vec<Slot> = (0..).take(centroids.len()).collect();
        let mut panels = Self::of(centroids, &all);
        for (at, penalty) in penalties.iter().enumerate() {
            panels.lengths[at / TILE_COLUMNS][at % TILE_COLUMNS] += penalty;
        }
        panels
    }

    /// These of them.
    pub(super) fn of(centroids: &Matrix, which: &[Slot]) -> Self {
        let depth = centroids.dim();
        let count = which.len().div_ceil(TILE_COLUMNS);
        let mut numbers = vec![0.0; count * depth * TILE_COLUMNS];
        let mut lengths = vec![[f32::INFINITY; TILE_COLUMNS]; count];
        for (at, &centroid) in which.iter().enumerate() {
            let (panel, column) = (at / TILE_COLUMNS, at % TILE_COLUMNS);
            let places = &mut numbers[panel * depth * TILE_COLUMNS..][..depth * TILE_COLUMNS];
            let row = &centroids.row(centroid)[..depth];
            for (step, x) in places.as_chunks_mut::<TILE_COLUMNS>().0.iter_mut().zip(row) {
                step[column] = *x;
            }
            lengths[panel][column] = row.iter().fold(0.0, |sum, x| sum + x * x);
        }
        Self {
            numbers,
            lengths,
            depth,
        }
    }

    /// Numbers of a centroid.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Of each panel the squared lengths, +∞ where there is no centroid.
    pub(super) fn lengths(&self) -> &[[f32; TILE_COLUMNS]] {
        &self.lengths
    }

    /// A panel, as products take it.
    pub(super) fn numbers(&self, panel: usize) -> &[f32] {
        let len = self.depth * TILE_COLUMNS;
        &self.numbers[panel * len..][..len]
    }

    /// Panel after panel, the products with the rows of a tile turned into scores.
    fn scores(
        &self,
        kernels: &Kernels,
        panel: usize,
        tile: &[f32],
        out: &mut [f32; TILE_ROWS * TILE_COLUMNS],
    ) {
        (kernels.tile_f32)(tile, self.numbers(panel), out);
        for out in out.as_chunks_mut::<TILE_COLUMNS>().0 {
            for (product, length) in out.iter_mut().zip(&self.lengths[panel]) {
                *product = length - 2.0 * *product;
            }
        }
    }

    /// The scores of all centroids to one row.
    pub(super) fn scores_of(&self, row: &[f32], kernels: &Kernels) -> Vec<f32> {
        let mut tile = row.to_vec();
        tile.resize(TILE_ROWS * self.depth, 0.0);
        let mut all = Vec::with_capacity(self.lengths.len() * TILE_COLUMNS);
        let mut scores = [0.0; TILE_ROWS * TILE_COLUMNS];
        for panel in 0..self.lengths.len() {
            self.scores(kernels, panel, &tile, &mut scores);
            all.extend_from_slice(&scores[..TILE_COLUMNS]);
        }
        all
    }

    /// The `N` nearest centroids of up to [`BLOCK_ROWS`] gathered rows, nearest first; ties to the lower
    /// number. What is missing is centroid 0.
    pub(super) fn nearest<const N: usize>(
        &self,
        kernels: &Kernels,
        block: &[f32],
        out: &mut [[(f32, u32); N]],
    ) {
        let mut best = [Lanes::<N>::EMPTY; BLOCK_ROWS];
        let mut scores = [0.0; TILE_ROWS * TILE_COLUMNS];
        for (panel, _) in (0..).zip(&self.lengths) {
            let tiles = block.chunks_exact(TILE_ROWS * self.depth);
            for (tile, best) in tiles.zip(best.chunks_exact_mut(TILE_ROWS)) {
                self.scores(kernels, panel as usize, tile, &mut scores);
                let rows = scores.as_chunks::<TILE_COLUMNS>().0;
                for (best, scores) in best.iter_mut().zip(rows) {
                    best.meet(panel, scores);
                }
            }
        }
        for (out, best) in out.iter_mut().zip(&best) {
            *out = best.reduce();
        }
    }
}

/// Of each lane the nearest `N`: scores and panels.
#[derive(Clone, Copy)]
struct Lanes<const N: usize> {
    scores: [[f32; TILE_COLUMNS]; N],
    panels: [[u32; TILE_COLUMNS]; N],
}

impl<const N: usize> Lanes<N> {
    const EMPTY: Self = Self {
        scores: [[f32::INFINITY; TILE_COLUMNS]; N],
        panels: [[0; TILE_COLUMNS]; N],
    };

    /// Without a branch: what is nearer than a place takes it and hands what was there on.
    #[inline]
    fn meet(&mut self, panel: u32, scores: &[f32; TILE_COLUMNS]) {
        let (mut scores, mut panels) = (*scores, [panel; TILE_COLUMNS]);
        for place in 0..N {
            for lane in 0..TILE_COLUMNS {
                let (held, held_panel) = (self.scores[place][lane], self.panels[place][lane]);
                let (score, panel) = (scores[lane], panels[lane]);
                let nearer = score < held;
                self.scores[place][lane] = if nearer { score } else { held };
                self.panels[place][lane] = if nearer { panel } else { held_panel };
                scores[lane] = if nearer { held } else { score };
                panels[lane] = if nearer { held_panel } else { panel };
            }
        }
    }

    /// The nearest of all lanes.
    fn reduce(&self) -> [(f32, u32); N] {
        let mut nearest = [(f32::INFINITY, 0); N];
        let all = self.scores.iter().zip(&self.panels);
        for (scores, panels) in all {
            for (lane, (&score, &panel)) in (0..).zip(scores.iter().zip(panels)) {
                #[allow(clippy::cast_possible_truncation)] // sixteen
                let mut passing = (score, panel * TILE_COLUMNS as u32 + lane);
                for held in &mut nearest {
                    let tied = passing.0 <= held.0 && passing.1 < held.1;
                    if passing.0 < held.0 || tied {
                        std::mem::swap(held, &mut passing);
                    }
                }
            }
        }
        // Nothing is nearer than infinity: an empty lane names no centroid.
        nearest.map(|(score, at)| {
            if score < f32::INFINITY {
                (score, at)
            } else {
                (score, 0)
            }
        })
    }
}

/// Rows less the centre, in whole tiles.
#[derive(Debug, Default)]
pub(super) struct RowTiles {
    numbers: Vec<f32>,
}

impl RowTiles {
    /// Takes these rows; allocates only to grow.
    pub(super) fn gather(&mut self, rows: Rows<'_>, centre: &[f32], slots: &[Slot]) -> &[f32] {
        self.gather_after(&[], rows, centre, slots)
    }

    /// Takes a row that is less the centre already, then these.
    pub(super) fn gather_after(
        &mut self,
        first: &[f32],
        rows: Rows<'_>,
        centre: &[f32],
        slots: &[Slot],
    ) -> &[f32] {
        let depth = centre.len();
        self.numbers.clear();
        self.numbers.extend_from_slice(first);
        for &slot in slots {
            let pairs = rows.row(slot)[..depth].iter().zip(centre);
            self.numbers.extend(pairs.map(|(x, centre)| x - centre));
        }
        let whole = self.numbers.len().next_multiple_of(TILE_ROWS * depth);
        self.numbers.resize(whole, 0.0);
        &self.numbers
    }

    /// What was taken.
    pub(super) fn numbers(&self) -> &[f32] {
        &self.numbers
    }
}

/// All of `out` in parts by all threads: once in a module, whatever is done.
pub(super) fn parts(
    exec: Exec<'_>,
    out: &mut [u32],
    size: usize,
    body: &(dyn Fn(usize, &mut [u32]) + Sync),
) {
    exec.parts(out, size, body);
}

/// The nearest centroid of each of these rows.
pub(super) fn assign(
    panels: &Panels,
    rows: Rows<'_>,
    centre: &[f32],
    slots: &[Slot],
    kernels: &Kernels,
    exec: Exec<'_>,
    owners: &mut [u32],
) {
    parts(exec, owners, GRAIN_ROWS, &|part, owners: &mut [u32]| {
        let mut tiles = RowTiles::default();
        let slots = &slots[part * GRAIN_ROWS..][..owners.len()];
        for (slots, owners) in slots.chunks(BLOCK_ROWS).zip(owners.chunks_mut(BLOCK_ROWS)) {
            let mut nearest = [[(0.0, 0); 1]; BLOCK_ROWS];
            let nearest = &mut nearest[..slots.len()];
            panels.nearest(kernels, tiles.gather(rows, centre, slots), nearest);
            for (owner, [(_, centroid)]) in owners.iter_mut().zip(nearest) {
                *owner = *centroid;
            }
        }
    });
}
