//! The steps of a build: k-means, every row to its zone, then zone after zone its codes.
//!
//! ```text
//! Part     Kmeans::step …                        turns over a sample
//! Assign   the zones of the next rows …          parallel over rows
//! layout   zones without rows dropped, slots in zone order, strips reserved
//! Code     the strips of the next zones …        parallel over zones
//! ```

use super::code;
use super::layout::{Layout, apart};
use super::view::{Zone, ZoneArrays};
use crate::codec::Rotation;
use crate::codec::bits::Bits;
use crate::codec::strips::StripMemory;
use crate::error::Result;
use crate::exec::Exec;
use crate::kernels::{Kernels, STRIP_ENTRIES};
use crate::kmeans::{Kmeans, Partition};
use crate::matrix::{Matrix, Rows};
use crate::metric::Metric;

/// Rows a zone has on average where nobody says how many zones there are.
const ROWS_OF_ZONE: usize = 160;
/// Multiplications of a step that assigns.
const STEP_PRODUCTS: usize = 1 << 29;
/// Numbers a step codes.
const STEP_NUMBERS: usize = 2 << 20;
/// Fewer zones than this are all compared with a query; a shortlist of them would be no shorter.
const ROUTED_MIN: usize = 256;
/// How zones are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZonesParams {
    /// How many at most; 0 for as many as suit the rows. One is a scan of all.
    pub zones: usize,
    /// Bits a number.
    pub bits: Bits,
    /// Of the sample's first centroids and of the rotation.
    pub seed: u64,
}

impl ZonesParams {
    /// Zones of so many rows.
    fn zones_of(&self, rows: usize) -> usize {
        match self.zones {
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
    /// Giving rows to zones.
    Assign,
    /// Coding rows.
    Code,
    /// `finish` may be called.
    Done,
}

/// How far a build is, in turns and cells while parting, then in rows.
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
    Code {
        arrays: ZoneArrays,
        centroids: Matrix,
        done: usize,
    },
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
            Stage::Done(ZoneArrays::empty(
                metric,
                rows.dim(),
                params.bits,
                params.seed,
            )?)
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
                let stage = if end == total {
                    self.lay_out(rows, &partition, &mut owners, exec)?
                } else {
                    Stage::Assign {
                        partition,
                        owners,
                        done: end,
                    }
                };
                (stage, report(ZonesPhase::Assign, end, total))
            }
            Stage::Code {
                mut arrays,
                centroids,
                done,
            } => {
                let range = next_zones(&arrays.starts, done, rows.dim());
                let (done, zones) = (range.end, centroids.len());
                code::zones(&mut arrays, rows, &centroids, range, exec);
                let report = report(ZonesPhase::Code, total * done / zones, total);
                let stage = if done == zones {
                    Stage::Done(arrays)
                } else {
                    Stage::Code {
                        arrays,
                        centroids,
                        done,
                    }
                };
                (stage, report)
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
        owners: &mut [Zone],
        exec: Exec<'_>,
    ) -> Result<Stage> {
        let (bits, dim) = (self.params.bits, rows.dim());
        let Layout {
            centroids,
            starts,
            slots,
        } = Layout::new(partition, owners)?;
        let (zones, strips) = (centroids.len(), slots.len() / STRIP_ENTRIES);
        let centre = partition.centre().to_vec();
        let apart = self.metric != Metric::Ip && apart(rows, &centre, &centroids, owners);
        let rotation = Rotation::new(dim, self.params.seed);
        let mut rotated = centroids.clone();
        let mut turned: Vec<_> = rotated.rows_mut(0..zones).collect();
        exec.fill(&mut turned, 16, || (), |(), _, row| rotation.turn(row));
        let routes = if zones < ROUTED_MIN || apart {
            StripMemory::try_new(bits, dim, 0)?
        } else {
            code::routes(self.metric, bits, &rotated)?
        };
        let arrays = ZoneArrays {
            metric: self.metric,
            centre,
            centroids: rotated,
            starts,
            slots,
            strips: StripMemory::try_new(bits, dim, strips)?,
            routes,
            apart,
            rotation,
        };
        Ok(Stage::Code {
            arrays,
            centroids,
            done: 0,
        })
    }
}

/// The zones from `from` on that a step codes: one at least.
fn next_zones(starts: &[u32], from: usize, dim: usize) -> std::ops::Range<usize> {
    let limit = starts[from] as usize + STEP_NUMBERS / (STRIP_ENTRIES * dim);
    let more = starts[from + 2..]
        .iter()
        .take_while(|&&end| end as usize <= limit);
    from..from + 1 + more.count()
}
