//! `instant-distance`: a graph whose M is a constant of the crate, 32, and whose effort of searching
//! is fixed when it is built.
//!
//! ```text
//! build(ef) ─► HnswMap ── bincode ──► ef │ points │ links │ slots
//!                 ▲                   └─ the new one ─┐
//!                 └────────────── bincode ◄───────────┘
//! ```
//! There is no call to change that effort afterwards, and to build a graph for each would compare
//! graphs, not efforts. The public way is the crate's own format, whose first field it is: the index is
//! written to memory, the field replaced, the index read back, all of it outside the timed parts.

use crate::engine::{Engine, Searcher, built, narrow};
use crate::protocol::{Graph, Result, Search, failed, unsupported};
use crate::vectors::{Vectors, built_isa, dot, normalise, squared_euclidean};
use instant_distance::{Builder, HnswMap, Point};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::marker::PhantomData;
use std::path::Path;

/// The effort of a graph that was not searched yet; the crate's own default.
const EFFORT: usize = 100;
/// The same layers each time; without it the crate draws a seed.
const SEED: u64 = 1;

/// A distance, as a type: points carry it.
pub trait Measure: Clone + Send + Sync + 'static {
    fn between(a: &[f32], b: &[f32]) -> f32;
}

#[derive(Clone)]
pub struct SquaredEuclidean;

impl Measure for SquaredEuclidean {
    fn between(a: &[f32], b: &[f32]) -> f32 {
        squared_euclidean(a, b)
    }
}

/// 1 − the product.
#[derive(Clone)]
pub struct Dot;

impl Measure for Dot {
    fn between(a: &[f32], b: &[f32]) -> f32 {
        1.0 - dot(a, b)
    }
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(bound = "")]
struct Row<D> {
    values: Box<[f32]>,
    measure: PhantomData<D>,
}

impl<D> Row<D> {
    fn of(values: Box<[f32]>) -> Self {
        Self {
            values,
            measure: PhantomData,
        }
    }
}

impl<D: Measure> Point for Row<D> {
    fn distance(&self, other: &Self) -> f32 {
        D::between(&self.values, &other.values)
    }
}

type Map<D> = HnswMap<Row<D>, u32>;

pub struct InstantDistance<D> {
    normalised: bool,
    index: Option<Map<D>>,
    /// What the index has now.
    effort: usize,
}

impl<D: Measure> InstantDistance<D> {
    /// `normalised`: vectors are given length one on their way in.
    pub fn new(normalised: bool) -> Self {
        Self {
            normalised,
            index: None,
            effort: EFFORT,
        }
    }

    fn row(&self, values: &[f32]) -> Row<D> {
        let mut row = Vec::with_capacity(values.len());
        if self.normalised {
            normalise(values, &mut row);
        } else {
            row.extend_from_slice(values);
        }
        Row::of(row.into_boxed_slice())
    }

    fn write(&self, into: impl Write) -> Result<()> {
        bincode::serialize_into(into, built(self.index.as_ref())?)
            .map_err(|error| failed(format!("the index: {error}")))
    }

    /// Replaces the index by what was written, at this effort; returns the effort it was written at.
    fn read(&mut self, mut from: impl Read, effort: usize) -> Result<u64> {
        self.index = None; // its memory is what the new one takes
        let mut field = [0; 8];
        let why = |error: std::io::Error| failed(format!("the index: {error}"));
        from.read_exact(&mut field).map_err(why)?;
        let replaced = (effort as u64).to_le_bytes();
        let index = bincode::deserialize_from(replaced.chain(from));
        self.index = Some(index.map_err(|error| failed(format!("the index: {error}")))?);
        self.effort = effort;
        Ok(u64::from_le_bytes(field))
    }
}

impl<D: Measure> Engine for InstantDistance<D> {
    fn version(&self) -> &'static str {
        "instant-distance 0.6.1"
    }

    fn isa(&self) -> String {
        format!(
            "{} (compiled for this machine; M is always 32)",
            built_isa()
        )
    }

    fn build(&mut self, base: &Vectors, graph: Graph, batch: Option<usize>) -> Result<()> {
        if batch.is_some() {
            return Err(unsupported("instant-distance builds from all rows at once"));
        }
        self.index = None;
        let points: Vec<Row<D>> = base.rows().map(|row| self.row(row)).collect();
        let slots = (0..narrow(points.len())).collect();
        let builder = Builder::default().seed(SEED).ef_search(EFFORT);
        self.index = Some(builder.ef_construction(graph.effort).build(points, slots));
        self.effort = EFFORT;
        Ok(())
    }

    fn tune(&mut self, effort: usize) -> Result<()> {
        if self.effort == effort {
            return Ok(());
        }
        let before = self.effort as u64;
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        let written = self.read(bytes.as_slice(), effort)?;
        if written != before {
            let text =
                format!("expected the effort {before} first in the index; received {written}");
            return Err(failed(text));
        }
        Ok(())
    }

    fn searcher(&self, search: Search) -> Result<Box<dyn Searcher + '_>> {
        let index = built(self.index.as_ref())?;
        let state = instant_distance::Search::default();
        Ok(Box::new(Find {
            engine: self,
            index,
            k: search.k,
            state,
        }))
    }

    fn save(&mut self, path: &Path) -> Result<u64> {
        let why = |error| failed(format!("{}: {error}", path.display()));
        let mut file = BufWriter::new(File::create(path).map_err(why)?);
        self.write(&mut file)?;
        let file = file.into_inner().map_err(|error| why(error.into_error()))?;
        Ok(file.metadata().map_err(why)?.len())
    }

    fn load(&mut self, path: &Path, effort: usize) -> Result<()> {
        let file =
            File::open(path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
        self.read(BufReader::new(file), effort)?;
        Ok(())
    }
}

struct Find<'a, D> {
    engine: &'a InstantDistance<D>,
    index: &'a Map<D>,
    k: usize,
    state: instant_distance::Search,
}

impl<D: Measure> Searcher for Find<'_, D> {
    fn find(&mut self, query: &[f32]) -> Vec<u32> {
        // A query is a point to the crate, which its users make for each; so do we.
        let query = self.engine.row(query);
        let found = self.index.search(&query, &mut self.state);
        found.take(self.k).map(|hit| *hit.value).collect()
    }
}
