//! All centroids, and whom rows belong to.

use super::panels::{self, BLOCK_ROWS, Panels, RowTiles};
use super::second::{self, SecondTiles};
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::matrix::{Matrix, Rows};

/// Cells a row looks through.
const CELLS_TRIED: usize = 3;
/// Cells that rows of a zone look through for their second ones.
const CELLS_SECOND: usize = 8;
/// Rows one thread takes at a time: enough for every cell to have some.
const GRAIN_ROWS: usize = 2048;

/// The centroids of one cell, or of all.
#[derive(Clone, Debug)]
pub(super) struct Group {
    centroids: Matrix,
    panels: Panels,
}

impl Group {
    pub(super) fn new(centroids: Matrix) -> Self {
        Self {
            panels: Panels::new(&centroids, &[]),
            centroids,
        }
    }
}

/// Centroids, less a common centre, and the way to the nearest of them.
#[derive(Debug)]
pub struct Partition {
    centre: Vec<f32>,
    cells: Option<Panels>,
    groups: Vec<Group>,
    /// The number of the first centroid of each group.
    firsts: Vec<u32>,
}

impl Partition {
    pub(super) fn new(centre: Vec<f32>, cells: Option<Panels>, groups: Vec<Group>) -> Self {
        let mut next = 0;
        let firsts = groups.iter().map(|group| {
            let first = next;
            #[allow(clippy::cast_possible_truncation)] // at most as many as rows
            let count = group.centroids.len() as u32;
            next += count;
            first
        });
        Self {
            firsts: firsts.collect(),
            centre,
            cells,
            groups,
        }
    }

    /// Of centroids there are already, less the centre: a row looks through all of them.
    pub fn of(centre: &[f32], centroids: Matrix) -> Self {
        Self::new(centre.to_vec(), None, vec![Group::new(centroids)])
    }

    /// What all centroids are less.
    pub fn centre(&self) -> &[f32] {
        &self.centre
    }

    /// How many zones there are, some of them perhaps without rows.
    pub fn zones(&self) -> usize {
        self.groups.iter().map(|group| group.centroids.len()).sum()
    }

    /// The centroids, less the centre, one a zone. Those of one cell are neighbours.
    pub fn centroids(&self) -> Result<Matrix> {
        let mut all = Matrix::try_new(0, self.centre.len())?;
        for group in &self.groups {
            all.try_append(group.centroids.rows())?;
        }
        Ok(all)
    }

    /// The zones of the rows from `from` on, as many as `owners` has places.
    ///
    /// # Panics
    /// Where there are not so many rows.
    pub fn assign(
        &self,
        rows: Rows<'_>,
        from: usize,
        owners: &mut [u32],
        kernels: &Kernels,
        exec: Exec<'_>,
    ) {
        #[allow(clippy::cast_possible_truncation)] // slots
        let slots: Vec<Slot> = (from as Slot..).take(owners.len()).collect();
        let Some(cells) = &self.cells else {
            let panels = &self.groups[0].panels;
            panels::assign(panels, rows, &self.centre, &slots, kernels, exec, owners);
            return;
        };
        panels::parts(exec, owners, GRAIN_ROWS, &|part, owners: &mut [u32]| {
            let slots = &slots[part * GRAIN_ROWS..][..owners.len()];
            self.assign_by_cells(cells, rows, slots, kernels, owners);
        });
    }

    /// The second zones of these rows, which lie one zone after the other by their first ones, as `centroids` number
    /// them: that is not theirs.
    ///
    /// # Panics
    /// Where there are fewer than two zones.
    pub fn seconds(
        &self,
        rows: Rows<'_>,
        centroids: &Matrix,
        sorted: &[(u32, Slot)],
        seconds: &mut [u32],
        (kernels, exec): (&Kernels, Exec<'_>),
    ) {
        assert!(centroids.len() > 1, "a second of {} zones", centroids.len());
        panels::parts(exec, seconds, GRAIN_ROWS, &|part, seconds: &mut [u32]| {
            let sorted = &sorted[part * GRAIN_ROWS..][..seconds.len()];
            let (mut tiles, mut slots, mut best) = (SecondTiles::default(), Vec::new(), Vec::new());
            let mut done = 0;
            for rows_of in sorted.chunk_by(|a, b| a.0 == b.0) {
                let own = rows_of[0].0;
                let centroid = &centroids.row(own)[..centroids.dim()];
                let cells = self.cells_near(centroid, kernels);
                for rows_of in rows_of.chunks(second::ROWS) {
                    slots.clear();
                    slots.extend(rows_of.iter().map(|(_, slot)| *slot));
                    tiles.gather(rows, (&self.centre, centroid), &slots);
                    best.clear();
                    // Where no loss is a number any other zone will do.
                    best.resize(slots.len(), (f32::INFINITY, u32::from(own == 0)));
                    for &cell in &cells {
                        let panels = &self.groups[cell as usize].panels;
                        let at = (panels, self.firsts[cell as usize], own);
                        tiles.meet(kernels, at, &mut best);
                    }
                    for (second, (_, zone)) in seconds[done..].iter_mut().zip(&best) {
                        *second = *zone;
                    }
                    done += rows_of.len();
                }
            }
        });
    }

    /// The nearest few cells of a centroid, ascending.
    fn cells_near(&self, centroid: &[f32], kernels: &Kernels) -> Vec<u32> {
        let Some(cells) = &self.cells else {
            return vec![0];
        };
        let mut scores = cells.scores_of(centroid, kernels);
        let mut near = Vec::with_capacity(CELLS_SECOND);
        for _ in 0..CELLS_SECOND.min(scores.len()) {
            let (mut nearest, mut least) = (0, f32::INFINITY);
            for (cell, &score) in (0..).zip(&scores) {
                if score < least {
                    (nearest, least) = (cell, score);
                }
            }
            if least < f32::INFINITY {
                scores[nearest as usize] = f32::INFINITY;
                near.push(nearest);
            }
        }
        near.sort_unstable();
        near
    }

    /// Looks through the nearest few cells of every row, cell after cell.
    fn assign_by_cells(
        &self,
        cells: &Panels,
        rows: Rows<'_>,
        slots: &[Slot],
        kernels: &Kernels,
        owners: &mut [u32],
    ) {
        let mut tiles = RowTiles::default();
        let mut visits = Vec::with_capacity(slots.len() * CELLS_TRIED);
        for (block, slots) in slots.chunks(BLOCK_ROWS).enumerate() {
            let mut nearest = [[(0.0, 0); CELLS_TRIED]; BLOCK_ROWS];
            let nearest = &mut nearest[..slots.len()];
            cells.nearest(kernels, tiles.gather(rows, &self.centre, slots), nearest);
            for (at, near) in nearest.iter().enumerate() {
                visits.extend(near.map(|(_, cell)| (cell, block * BLOCK_ROWS + at)));
            }
        }
        visits.sort_unstable();
        visits.dedup();
        let mut best = vec![(f32::INFINITY, 0); slots.len()];
        let mut gathered = Vec::with_capacity(BLOCK_ROWS);
        for visits in visits.chunk_by(|a, b| a.0 == b.0) {
            let cell = visits[0].0 as usize;
            for visits in visits.chunks(BLOCK_ROWS) {
                gathered.clear();
                gathered.extend(visits.iter().map(|&(_, at)| slots[at]));
                let mut nearest = [[(0.0, 0); 1]; BLOCK_ROWS];
                let nearest = &mut nearest[..visits.len()];
                let block = tiles.gather(rows, &self.centre, &gathered);
                self.groups[cell].panels.nearest(kernels, block, nearest);
                for (&(_, at), &[(score, centroid)]) in visits.iter().zip(&*nearest) {
                    // Cells come in order: of equals the first stays.
                    if score < best[at].0 {
                        best[at] = (score, self.firsts[cell] + centroid);
                    }
                }
            }
        }
        for (owner, (_, zone)) in owners.iter_mut().zip(best) {
            *owner = zone;
        }
    }
}
