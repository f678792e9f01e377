//! Partitions of rows by their nearest centroid: product k-means over a sample, in steps.
//!
//! ```text
//! few zones     sample ─ Lloyd ─────────────────────────────────────────► Partition
//! many zones    sample ─ Lloyd into cells ─ each cell's members ─ Lloyd ─► Partition
//!
//! Partition     assign: cells ─ the nearest few ─ the nearest centroid within them
//! ```
//! | file | holds |
//! |---|---|
//! | `panels` | centroids as panels, and the nearest of them to blocks of rows |
//! | `lloyd` | turns of assigning and averaging over one sample |
//! | `partition` | [`Partition`]: all centroids, and whom rows belong to |
//! | `second` | a second zone for every row |
//! | this | [`Kmeans`]: the steps, sampling, and the split into cells |
//!
//! Sizes of samples matter more than turns; a zone's size is part of its distance, so that large ones
//! give rows away. From some hundreds of zones on, √ zones cells are parted first and rows look through
//! the nearest three: a tenth of the work for the same partition within noise.
//!
//! Invariants: products round one by one on every instruction set, means are taken in `f64` in the order
//! of the rows, ties go to the lower number, and work is cut the same way for any number of threads: a
//! partition has the same bits everywhere. A zone may end without rows: what a partition is used for
//! drops it. Rows that are no numbers apart from the centre (overflow) belong to zone 0.
//!
//! Lloyd (1982); mild balance as in SPANN's partitions (Chen et al., 2021).

mod lloyd;
mod panels;
mod partition;
mod second;
#[cfg(test)]
mod tests;

pub use partition::Partition;

use crate::error::Result;
use crate::exec::Exec;
use crate::ids::{Slot, spread};
use crate::kernels::Kernels;
use crate::matrix::{Matrix, Rows};
use crate::rng;
use lloyd::Lloyd;
use panels::Panels;
use partition::Group;

/// Sampled rows a zone is made from.
const SAMPLE_OF_ZONE: usize = 128;
/// More zones than this are parted into cells first.
const FLAT_MAX: usize = 256;
/// Rows the centre is the median of.
const CENTRE_SAMPLE: usize = 1024;
/// Cells one step trains.
const STEP_CELLS: usize = 8;
const STREAM_CELL: u64 = 0x006b_6d65;

/// How far a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trained {
    /// Whether nothing is left to do.
    pub done: bool,
    /// Turns over one sample, or cells, that are finished.
    pub finished: usize,
    /// How many there are.
    pub total: usize,
}

#[derive(Debug)]
enum Stage {
    /// One sample for all.
    Flat(Lloyd),
    /// Into cells.
    Cells {
        sample: Vec<Slot>,
        lloyd: Lloyd,
    },
    /// Each of these.
    Within {
        cells: Panels,
        shares: Vec<Share>,
        groups: Vec<Group>,
    },
    Done(Partition),
}

/// A cell's members in the sample, and how many zones it is parted into.
#[derive(Debug)]
struct Share {
    members: Vec<Slot>,
    zones: usize,
}

/// A partition in the making, over rows its owner keeps and passes to every step.
#[derive(Debug)]
pub struct Kmeans {
    kernels: &'static Kernels,
    zones: usize,
    seed: u64,
    centre: Vec<f32>,
    stage: Option<Stage>,
}

impl Kmeans {
    /// Plans `zones` zones, or as many as there are rows where these are fewer.
    ///
    /// # Panics
    /// Where there are no rows or no zones.
    pub fn new(
        rows: Rows<'_>,
        zones: usize,
        seed: u64,
        kernels: &'static Kernels,
        exec: Exec<'_>,
    ) -> Result<Self> {
        assert!(!rows.is_empty() && zones > 0, "zones of no rows");
        let zones = zones.min(rows.len());
        let centre = centre(rows, exec);
        let sample = spread(rows.len(), zones.saturating_mul(SAMPLE_OF_ZONE));
        let stage = if zones <= FLAT_MAX {
            Stage::Flat(Lloyd::new(rows, &centre, sample, zones, seed)?)
        } else {
            let cells = zones.isqrt();
            let few = thinned(&sample, cells * SAMPLE_OF_ZONE);
            let lloyd = Lloyd::new(rows, &centre, few, cells, seed)?;
            Stage::Cells { sample, lloyd }
        };
        Ok(Self {
            kernels,
            zones,
            seed,
            centre,
            stage: Some(stage),
        })
    }

    /// Does one bounded piece of work.
    ///
    /// # Panics
    /// Where a step before this one did.
    pub fn step(&mut self, rows: Rows<'_>, exec: Exec<'_>) -> Result<Trained> {
        let stage = self.stage.take().expect("no step panicked");
        let stage = match stage {
            Stage::Flat(mut lloyd) => {
                if lloyd.step(rows, &self.centre, self.kernels, exec) {
                    let group = Group::new(lloyd.finish());
                    Stage::Done(Partition::new(self.centre.clone(), None, vec![group]))
                } else {
                    Stage::Flat(lloyd)
                }
            }
            Stage::Cells { sample, mut lloyd } => {
                if lloyd.step(rows, &self.centre, self.kernels, exec) {
                    self.share_out(rows, &sample, &lloyd.finish(), exec)
                } else {
                    Stage::Cells { sample, lloyd }
                }
            }
            Stage::Within {
                cells,
                shares,
                groups,
            } => self.within(rows, cells, shares, groups, exec)?,
            done @ Stage::Done(_) => done,
        };
        let trained = self.trained(&stage);
        self.stage = Some(stage);
        Ok(trained)
    }

    fn trained(&self, stage: &Stage) -> Trained {
        let cells = if self.zones <= FLAT_MAX {
            0
        } else {
            self.zones.isqrt()
        };
        let total = lloyd::TURNS + cells;
        let finished = match stage {
            Stage::Flat(lloyd) | Stage::Cells { lloyd, .. } => lloyd.turns_done(),
            Stage::Within { groups, .. } => lloyd::TURNS + groups.len(),
            Stage::Done(_) => total,
        };
        Trained {
            done: matches!(stage, Stage::Done(_)),
            finished,
            total,
        }
    }

    /// Gives every cell its members of the sample, and zones as it has members.
    fn share_out(&self, rows: Rows<'_>, sample: &[Slot], cells: &Matrix, exec: Exec<'_>) -> Stage {
        let panels = Panels::new(cells, &[]);
        let mut owners = vec![0; sample.len()];
        panels::assign(
            &panels,
            rows,
            &self.centre,
            sample,
            self.kernels,
            exec,
            &mut owners,
        );
        let mut members = vec![Vec::new(); cells.len()];
        for (&slot, &owner) in sample.iter().zip(&owners) {
            members[owner as usize].push(slot);
        }
        // Cells without members are none.
        let kept: Vec<Slot> = (0..)
            .zip(&members)
            .filter_map(|(cell, members)| (!members.is_empty()).then_some(cell))
            .collect();
        members.retain(|members| !members.is_empty());
        let mut given = 0;
        let mut met = 0;
        let shares = members.into_iter().map(|members| {
            met += members.len();
            // What is given in all follows what was met: no remainder is lost.
            let zones = (self.zones * met).div_ceil(sample.len()).max(given + 1) - given;
            let zones = zones.min(members.len());
            given += zones;
            Share { members, zones }
        });
        let shares = shares.collect();
        Stage::Within {
            cells: Panels::of(cells, &kept),
            shares,
            groups: Vec::new(),
        }
    }

    /// Parts the next cells, each by one thread.
    fn within(
        &self,
        rows: Rows<'_>,
        cells: Panels,
        shares: Vec<Share>,
        mut groups: Vec<Group>,
        exec: Exec<'_>,
    ) -> Result<Stage> {
        let first = groups.len();
        let next = &shares[first..shares.len().min(first + STEP_CELLS)];
        let mut trained = vec![None; next.len()];
        let train = |at: usize, share: &Share| -> Result<Group> {
            let seed = rng::value(self.seed, STREAM_CELL, at as u64);
            let members = share.members.clone();
            let mut lloyd = Lloyd::new(rows, &self.centre, members, share.zones, seed)?;
            while !lloyd.step(rows, &self.centre, self.kernels, Exec::Serial) {}
            Ok(Group::new(lloyd.finish()))
        };
        exec.fill(
            &mut trained,
            1,
            || (),
            |(), at, out| {
                *out = Some(train(first + at, &next[at]));
            },
        );
        for group in trained.into_iter().flatten() {
            groups.push(group?);
        }
        if groups.len() < shares.len() {
            return Ok(Stage::Within {
                cells,
                shares,
                groups,
            });
        }
        let centre = self.centre.clone();
        Ok(Stage::Done(Partition::new(centre, Some(cells), groups)))
    }

    /// The partition.
    ///
    /// # Panics
    /// While steps are left.
    pub fn finish(self) -> Partition {
        match self.stage {
            Some(Stage::Done(partition)) => partition,
            _ => panic!("steps are left"),
        }
    }
}

/// Parts some of the rows by a sample of their own: the centroids, less the centre, and whose each of
/// these rows is. A centroid may be no row's.
///
/// # Panics
/// Where there are no slots or no zones.
pub fn part(
    rows: Rows<'_>,
    centre: &[f32],
    slots: &[Slot],
    zones: usize,
    seed: u64,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> Result<(Matrix, Vec<u32>)> {
    assert!(!slots.is_empty() && zones > 0, "zones of no rows");
    let sample = thinned(slots, zones.saturating_mul(SAMPLE_OF_ZONE));
    let mut lloyd = Lloyd::new(rows, centre, sample, zones, seed)?;
    while !lloyd.step(rows, centre, kernels, exec) {}
    let centroids = lloyd.finish();
    let panels = Panels::new(&centroids, &[]);
    let mut owners = vec![0; slots.len()];
    panels::assign(&panels, rows, centre, slots, kernels, exec, &mut owners);
    Ok((centroids, owners))
}

/// At most `limit` of a sample, evenly spread.
fn thinned(sample: &[Slot], limit: usize) -> Vec<Slot> {
    let places = spread(sample.len(), limit);
    places.iter().map(|&at| sample[at as usize]).collect()
}

/// The median of each number over a sample: a mean would follow one enormous row anywhere.
fn centre(rows: Rows<'_>, exec: Exec<'_>) -> Vec<f32> {
    let sample = spread(rows.len(), CENTRE_SAMPLE);
    let mut centre = vec![0.0; rows.dim()];
    let middle = (sample.len() - 1) / 2;
    exec.fill(&mut centre, 16, Vec::new, |numbers, column, out| {
        numbers.clear();
        numbers.extend(sample.iter().map(|&slot| rows.row(slot)[column]));
        let (_, median, _) = numbers.select_nth_unstable_by(middle, f32::total_cmp);
        *out = *median;
    });
    centre
}
