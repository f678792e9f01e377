//! Which steps there are, what each has built, and who answers for it.

use crate::Result;
use crate::baseline::Baseline;
use crate::codes::{self, Coded};
use crate::data::Data;
use crate::floats::{Floats, How, Norms};
use crate::graph::{self, Walked};
use crate::parted::Parted;
use crate::spread::{self, Spread};
use nearfield::Index;
use nearfield::codec::bits::Bits;
use nearfield::exec::Exec;
use nearfield::hnsw::FrozenArrays;
use nearfield::kernels::{Isa, Kernels, kernels};
use nearfield::zones::ZoneArrays;
use rayon::ThreadPool;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// Rows a zone has on average, as where the core chooses.
const ROWS_OF_ZONE: usize = 160;
const SEED: u64 = 1;

/// Each does what the one before it does and one thing more; `Routed` is `Codes` with a graph, `Hnsw` stands
/// beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Baseline,
    Floats,
    PartedOff,
    Kernels,
    Codes,
    Parallel,
    ParallelRouted,
    Routed,
    Hnsw,
}

impl Step {
    pub const ALL: [Self; 9] = [
        Self::Baseline,
        Self::Floats,
        Self::PartedOff,
        Self::Kernels,
        Self::Codes,
        Self::Parallel,
        Self::ParallelRouted,
        Self::Routed,
        Self::Hnsw,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Floats => "floats",
            Self::PartedOff => "partedOff",
            Self::Kernels => "kernels",
            Self::Codes => "codes",
            Self::Parallel => "parallel",
            Self::ParallelRouted => "parallelRouted",
            Self::Routed => "routed",
            Self::Hnsw => "hnsw",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// What a search looks at.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub k: usize,
    /// Probes, or `ef`.
    pub effort: usize,
}

/// Answers one question after another, on the thread it was made on.
pub trait Searcher {
    /// Leaves the slots of the nearest rows, nearest first. The query is padded as rows are.
    fn find(&mut self, query: &[f32], slots: &mut Vec<u32>);
}

/// What all steps begin with.
pub struct Start {
    pub base: PathBuf,
    pub queries: PathBuf,
    pub dim: usize,
    pub metric: String,
    pub threads: usize,
    pub isa: String,
}

pub struct Steps {
    pub data: Data,
    pub pool: ThreadPool,
    kernels: &'static Kernels,
    isa: String,
    zones: usize,
    parted: Option<Parted>,
    norms: Option<Norms>,
    coded: Option<ZoneArrays>,
    graph: Option<FrozenArrays>,
    index: Option<Index>,
}

impl Steps {
    pub fn new(start: &Start) -> Result<Self> {
        let data = Data::read(&start.base, &start.queries, start.dim, &start.metric)?;
        Self::over(data, start.threads, &start.isa)
    }

    pub fn over(data: Data, threads: usize, isa: &str) -> Result<Self> {
        let limit = match isa {
            "auto" => None,
            name => Some(Isa::parse(name).ok_or_else(|| format!("expected isa, received {name}"))?),
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Self {
            zones: (data.rows.len() / ROWS_OF_ZONE).max(1),
            data,
            pool: pool.map_err(|error| error.to_string())?,
            kernels: kernels(limit),
            isa: isa.into(),
            parted: None,
            norms: None,
            coded: None,
            graph: None,
            index: None,
        })
    }

    /// What the report says of all steps.
    pub fn told(&self) -> Value {
        let bits = match codes::bits_for(self.data.dim) {
            Bits::One => 1,
            _ => 2,
        };
        json!({ "isa": self.kernels.isa.name(), "zones": self.zones, "bits": bits })
    }

    /// Builds all that the step needs, from the prepared rows on; seconds on all threads. What was built before goes first.
    pub fn build(&mut self, step: Step) -> Result<f64> {
        let Self {
            data,
            kernels,
            zones,
            ..
        } = self;
        let (exec, kernels, zones) = (Exec::Pool(&self.pool), *kernels, *zones);
        match step {
            Step::Baseline | Step::Floats | Step::PartedOff | Step::Kernels => {
                (self.parted, self.norms) = (None, None);
                let started = Instant::now();
                let parted = Parted::new(data.rows.rows(), zones, SEED, kernels, exec)?;
                let mut norms = None;
                if step != Step::Baseline {
                    norms = Some(Norms::new(&parted));
                }
                let seconds = started.elapsed().as_secs_f64();
                // The other steps' searches have norms whichever of them was built last.
                self.norms = norms.or_else(|| Some(Norms::new(&parted)));
                self.parted = Some(parted);
                Ok(seconds)
            }
            Step::Codes | Step::Parallel | Step::ParallelRouted | Step::Routed => {
                self.coded = None;
                let started = Instant::now();
                let arrays = codes::build(data, zones, SEED, kernels, exec)?;
                if matches!(step, Step::Routed | Step::ParallelRouted) {
                    self.graph = Some(spread::graph_over(&arrays, SEED, kernels, exec)?);
                }
                self.coded = Some(arrays);
                Ok(started.elapsed().as_secs_f64())
            }
            Step::Hnsw => {
                self.index = None;
                let started = Instant::now();
                self.index = Some(graph::build(data, &self.isa, exec)?);
                Ok(started.elapsed().as_secs_f64())
            }
        }
    }

    /// Who answers for a step that is built.
    pub fn searcher(&self, step: Step, effort: Effort) -> Result<Box<dyn Searcher + '_>> {
        let missing = || format!("expected {} built first", step.name());
        let Self { data, kernels, .. } = self;
        let coded = || self.coded.as_ref().ok_or_else(missing);
        let graph = || self.graph.as_ref().ok_or_else(missing);
        let floats = |how| -> Result<Box<dyn Searcher + '_>> {
            let parted = self.parted.as_ref().ok_or_else(missing)?;
            let norms = self.norms.as_ref().ok_or_else(missing)?;
            Ok(Box::new(Floats::new(parted, norms, how, effort)))
        };
        let spread = |graph, exec| -> Result<Box<dyn Searcher + '_>> {
            let coded = coded()?;
            Ok(Box::new(Spread::new(
                coded, graph, data, kernels, effort, exec,
            )))
        };
        let all = Exec::Pool(&self.pool);
        match step {
            Step::Baseline => {
                let parted = self.parted.as_ref().ok_or_else(missing)?;
                Ok(Box::new(Baseline::new(parted, effort)))
            }
            Step::Floats => floats(How::plain(false)),
            Step::PartedOff => floats(How::plain(true)),
            Step::Kernels => floats(How::kernels(kernels)),
            Step::Codes => Ok(Box::new(Coded::new(coded()?, data, kernels, effort))),
            Step::Parallel => spread(None, all),
            Step::ParallelRouted => spread(Some(graph()?), all),
            Step::Routed => spread(Some(graph()?), Exec::Serial),
            Step::Hnsw => {
                let index = self.index.as_ref().ok_or_else(missing)?;
                Ok(Box::new(Walked::new(index, data.dim, effort)?))
            }
        }
    }
}
