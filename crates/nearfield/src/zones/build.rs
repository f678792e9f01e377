//! The steps of a build: k-means, every row to its zone, then zone after zone its codes.
//!
//! ```text
//! Part     Kmeans::step …                        turns over a sample
//! Assign   the zones of the next rows …          parallel over rows
//! layout   zones without rows dropped, slots in zone order, strips reserved
//! Train    the points of codes …                 turns over a sample of rows beside their centroids; where trained
//! Code     the strips of the next zones …        parallel over zones
//! Measure  how far searches go for some rows …   parallel over rows that ask
//! ```

use super::code::{Coding, Uncoded};
use super::layout::{Layout, apart};
use super::span::Measuring;
use super::view::{Zone, ZoneArrays};
use crate::codec::Rotation;
use crate::codec::bits::Bits;
use crate::codec::strips::StripMemory;
use crate::codec::trained::Training;
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::Slot;
use crate::kernels::{Kernels, STRIP_ENTRIES};
use crate::kmeans::{Kmeans, Partition};
use crate::matrix::{Matrix, Rows};
use crate::metric::Metric;

/// Rows a zone has on average where nobody says how many zones there are.
const ROWS_OF_ZONE: usize = 160;
/// The same of zones that are walked: from about so many on that takes less time than scanning them.
const ROWS_OF_WALKED: usize = 1 << 17;
/// Multiplications of a step that assigns.
pub(super) const STEP_PRODUCTS: usize = 1 << 29;

/// How zones are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZonesParams {
    /// How many at most; 0 for as many as suit the rows. One is a scan of all.
    pub zones: usize,
    /// What codes are.
    pub bits: Bits,
    /// Of the sample's first centroids and of the rotation.
    pub seed: u64,
    /// Whether every row is in a second zone too.
    pub soar: bool,
    /// Whether rows within zones are walked, so that these are to be large.
    pub walked: bool,
}

impl ZonesParams {
    /// Zones of so many rows.
    pub(super) fn zones_of(&self, rows: usize) -> usize {
        match self.zones {
            0 if self.walked => rows.div_ceil(ROWS_OF_WALKED).max(1),
            0 => (rows / ROWS_OF_ZONE).max(1),
            zones => zones,
        }
    }
}

/// What a build is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZonesPhase {
    /// Parting a sample.
    Part,
    /// Giving rows to zones, and to second ones once all have a first.
    Assign,
    /// Coding rows, and searching for some of them.
    Code,
    /// `finish` may be called.
    Done,
}

/// How far a build is, in turns and cells while parting, then in rows, each twice while it is given to two zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZonesReport {
    /// What is being done.
    pub phase: ZonesPhase,
    /// What of it is finished; all once done.
    pub done: usize,
    /// How much there is.
    pub total: usize,
}

#[derive(Debug)]
enum Stage {
    Part(Kmeans),
    Assign {
        partition: Partition,
        owners: Vec<Zone>,
        done: usize,
    },
    Second(Seconds),
    Train(Training, Coding),
    Code(Coding),
    Measure(ZoneArrays, Measuring),
    Done(ZoneArrays),
}

/// Builds zones of rows its owner keeps and passes to every call. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct ZonesBuilder {
    metric: Metric,
    kernels: &'static Kernels,
    params: ZonesParams,
    /// `None` where a step failed or panicked.
    stage: Option<Stage>,
}

impl ZonesBuilder {
    /// Plans zones of prepared rows.
    pub fn new(
        rows: Rows<'_>,
        metric: Metric,
        kernels: &'static Kernels,
        params: ZonesParams,
        exec: Exec<'_>,
    ) -> Result<Self> {
        let stage = if rows.is_empty() {
            Stage::Done(ZoneArrays::empty(metric, rows.dim(), params)?)
        } else {
            let zones = params.zones_of(rows.len());
            Stage::Part(Kmeans::new(rows, zones, params.seed, kernels, exec)?)
        };
        Ok(Self {
            metric,
            kernels,
            params,
            stage: Some(stage),
        })
    }

    /// Does one bounded piece of work; the rows are those of [`new`](Self::new).
    ///
    /// # Panics
    /// Where a step before this one failed.
    pub fn step(&mut self, rows: Rows<'_>, exec: Exec<'_>) -> Result<ZonesReport> {
        let (total, kernels) = (rows.len(), self.kernels);
        let report = |phase, done, total| ZonesReport { phase, done, total };
        let (stage, report) = match self.stage.take().expect("no step failed") {
            Stage::Part(mut kmeans) => {
                let trained = kmeans.step(rows, exec)?;
                let report = report(ZonesPhase::Part, trained.finished, trained.total);
                let stage = if trained.done {
                    Stage::Assign {
                        partition: kmeans.finish(),
                        owners: vec![0; total],
                        done: 0,
                    }
                } else {
                    Stage::Part(kmeans)
                };
                (stage, report)
            }
            Stage::Assign {
                partition,
                mut owners,
                done,
            } => {
                let piece = STEP_PRODUCTS / (partition.zones().min(1024) * rows.dim());
                let end = total.min(done + piece.max(1));
                partition.assign(rows, done, &mut owners[done..end], kernels, exec);
                let times = if self.params.soar {
                    partition.zones().min(2)
                } else {
                    1
                };
                let stage = if end == total && times > 1 {
                    Stage::Second(Seconds::new(partition, 0, &owners)?)
                } else if end == total {
                    self.lay_out(rows, &partition, (&mut owners, &mut []), exec)?
                } else {
                    Stage::Assign {
                        partition,
                        owners,
                        done: end,
                    }
                };
                (stage, report(ZonesPhase::Assign, end, times * total))
            }
            Stage::Second(mut seconds) => {
                let all = seconds.step(rows, (kernels, exec));
                let report = report(ZonesPhase::Assign, total + seconds.done, 2 * total);
                let stage = if all {
                    let (partition, mut owners, mut seconds) = seconds.finish();
                    self.lay_out(rows, &partition, (&mut owners, &mut seconds), exec)?
                } else {
                    Stage::Second(seconds)
                };
                (stage, report)
            }
            Stage::Train(mut training, mut coding) => {
                let stage = if training.step(exec) {
                    coding.arrays.points = training.finish();
                    Stage::Code(coding)
                } else {
                    Stage::Train(training, coding)
                };
                (stage, report(ZonesPhase::Code, 0, total))
            }
            Stage::Code(mut coding) => {
                let done = coding.step(rows, total, exec);
                let stage = if coding.is_done() {
                    let arrays = coding.finish()?;
                    match Measuring::new(&arrays.view(), total) {
                        Some(measuring) => Stage::Measure(arrays, measuring),
                        None => Stage::Done(arrays),
                    }
                } else {
                    Stage::Code(coding)
                };
                (stage, report(ZonesPhase::Code, done, total))
            }
            Stage::Measure(mut arrays, mut measuring) => {
                let by = (self.kernels, exec);
                let stage = if measuring.step(&arrays.view(), rows, by) {
                    arrays.spans = measuring.finish();
                    Stage::Done(arrays)
                } else {
                    Stage::Measure(arrays, measuring)
                };
                (stage, report(ZonesPhase::Code, total, total))
            }
            done @ Stage::Done(_) => (done, report(ZonesPhase::Done, total, total)),
        };
        self.stage = Some(stage);
        Ok(report)
    }

    /// The arrays.
    ///
    /// # Panics
    /// While steps are left.
    pub fn finish(self) -> ZoneArrays {
        match self.stage {
            Some(Stage::Done(arrays)) => arrays,
            _ => panic!("steps are left"),
        }
    }

    /// Lays zones out and reserves their strips.
    fn lay_out(
        &self,
        rows: Rows<'_>,
        partition: &Partition,
        (owners, seconds): (&mut [Zone], &mut [Zone]),
        exec: Exec<'_>,
    ) -> Result<Stage> {
        let (bits, dim) = (self.params.bits, rows.dim());
        let Layout {
            centroids,
            starts,
            slots,
        } = Layout::new(partition, owners, seconds)?;
        let (zones, strips) = (centroids.len(), slots.len() / STRIP_ENTRIES);
        let centre = partition.centre().to_vec();
        let apart = self.metric != Metric::Ip && apart(rows, &centre, &centroids, owners);
        let rotation = Rotation::new(dim, self.params.seed);
        let mut rotated = Matrix::try_new(zones, dim + 1)?;
        let rows_of = rotated.rows_mut(0..zones);
        for (rotated, centroid) in rows_of.zip(centroids.as_floats().chunks(centroids.stride())) {
            rotated[..dim].copy_from_slice(&centroid[..dim]);
        }
        turn_all(&mut rotated, exec, |row| {
            rotation.turn(&mut row[..dim], self.kernels);
        });
        let arrays = ZoneArrays {
            metric: self.metric,
            centre,
            centroids: rotated,
            starts,
            slots,
            points: Vec::new(),
            strips: StripMemory::try_new(bits, dim, strips)?,
            routes: StripMemory::try_new(bits, dim, 0)?,
            spans: Vec::new(),
            apart,
            soar: self.params.soar,
            parted: rows.len(),
            rotation,
        };
        let work = (0..).take(zones).map(|zone| Uncoded { zone, from: 0 });
        let coding = Coding::new(arrays, centroids, work.collect(), self.kernels);
        if bits.points_len(dim) == 0 {
            return Ok(Stage::Code(coding));
        }
        let sizes = (bits.codes(), Training::sample_max(bits));
        let sample = coding.sample(rows, owners, sizes)?;
        let training = Training::new(bits, sample, self.params.seed);
        Ok(Stage::Train(training, coding))
    }
}

/// Second zones of rows whose first ones are known.
#[derive(Debug)]
pub(super) struct Seconds {
    partition: Partition,
    centroids: Matrix,
    /// The first slot of all.
    from: usize,
    /// Of every row, by zone and slot.
    sorted: Vec<(Zone, Slot)>,
    /// In that order.
    found: Vec<Zone>,
    pub(super) done: usize,
}

impl Seconds {
    /// Of the rows from `from` on.
    pub(super) fn new(partition: Partition, from: usize, owners: &[Zone]) -> Result<Self> {
        #[allow(clippy::cast_possible_truncation)] // slots
        let mut sorted: Vec<_> = owners.iter().copied().zip(from as Slot..).collect();
        sorted.sort_unstable();
        Ok(Self {
            centroids: partition.centroids()?,
            partition,
            from,
            found: vec![0; sorted.len()],
            sorted,
            done: 0,
        })
    }

    /// Finds those of the next rows; whether all are found.
    pub(super) fn step(&mut self, rows: Rows<'_>, by: (&'static Kernels, Exec<'_>)) -> bool {
        let piece = STEP_PRODUCTS / (self.centroids.len().min(1024) * rows.dim());
        let end = self.sorted.len().min(self.done + piece.max(1));
        let (sorted, out) = (
            &self.sorted[self.done..end],
            &mut self.found[self.done..end],
        );
        self.partition
            .seconds(rows, &self.centroids, sorted, out, by);
        self.done = end;
        end == self.sorted.len()
    }

    /// The partition, and the second zones in the order of slots.
    pub(super) fn finish(self) -> (Partition, Vec<Zone>, Vec<Zone>) {
        let mut zones = [vec![0; self.sorted.len()], vec![0; self.sorted.len()]];
        for (&(first, slot), second) in self.sorted.iter().zip(self.found) {
            let at = slot as usize - self.from;
            (zones[0][at], zones[1][at]) = (first, second);
        }
        let [owners, seconds] = zones;
        (self.partition, owners, seconds)
    }
}

/// Turns rows where they lie.
pub(super) fn turn_all(rows: &mut Matrix, exec: Exec<'_>, turn: impl Fn(&mut [f32]) + Sync) {
    let count = rows.len();
    let mut rows: Vec<_> = rows.rows_mut(0..count).collect();
    exec.fill(&mut rows, 16, || (), |(), _, row| turn(row));
}
