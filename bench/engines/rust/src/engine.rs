//! What a peer must offer, and the choice among them by name.

use crate::hnsw_rs::HnswRs;
use crate::instant_distance::{Dot, InstantDistance, SquaredEuclidean};
use crate::protocol::{Graph, Metric, Result, Search, failed, unsupported};
use crate::vectors::Vectors;
use ::hnsw_rs::prelude::{DistDot, DistL2};
use std::path::Path;

/// The engines of this process, as its argument names them.
pub const NAMES: [&str; 2] = ["hnsw_rs", "instant-distance"];

/// One peer's index. Work on several threads happens in the rayon pool that the caller installed.
pub trait Engine: Send + Sync {
    fn version(&self) -> &'static str;

    fn isa(&self) -> String;

    /// Replaces the index; row by row, `batch` rows handed over at a time where the peer takes rows
    /// one after another.
    fn build(&mut self, base: &Vectors, graph: Graph, batch: Option<usize>) -> Result<()>;

    /// Whatever must happen before searches at another effort; never timed.
    fn tune(&mut self, _effort: usize) -> Result<()> {
        Ok(())
    }

    /// Searches with state of its own; one a thread.
    fn searcher(&self, search: Search) -> Result<Box<dyn Searcher + '_>>;

    /// Bytes written.
    fn save(&mut self, path: &Path) -> Result<u64>;

    /// Replaces the index, which then answers at this effort.
    fn load(&mut self, path: &Path, effort: usize) -> Result<()>;
}

pub trait Searcher {
    /// Slots of the nearest rows, nearest first.
    fn find(&mut self, query: &[f32]) -> Vec<u32>;
}

pub fn of(name: &str, metric: Metric) -> Result<Box<dyn Engine>> {
    match (name, metric) {
        ("hnsw_rs", Metric::L2) => Ok(Box::new(HnswRs::<DistL2>::new(false))),
        // Normalised once, the product is the cosine; DistCosine would take two lengths each time, in
        // a loop without vectors.
        ("hnsw_rs", Metric::Cosine) => Ok(Box::new(HnswRs::<DistDot>::new(true))),
        ("hnsw_rs", Metric::Ip) => Err(unsupported("hnsw_rs: distances must not be negative")),
        ("instant-distance", Metric::L2) => {
            Ok(Box::new(InstantDistance::<SquaredEuclidean>::new(false)))
        }
        ("instant-distance", Metric::Ip) => Ok(Box::new(InstantDistance::<Dot>::new(false))),
        ("instant-distance", Metric::Cosine) => Ok(Box::new(InstantDistance::<Dot>::new(true))),
        _ => Err(failed(format!(
            "expected one of {}; received {name}",
            NAMES.join(", ")
        ))),
    }
}

/// A build came first.
pub fn built<T>(index: Option<&T>) -> Result<&T> {
    index.ok_or_else(|| failed("expected a build or a load first; there is no index"))
}

/// Slots are u32 in the contract.
pub fn narrow(slot: usize) -> u32 {
    u32::try_from(slot).expect("rows are counted in u32")
}
