//! The core's index of kind `hnsw`, with its defaults.

use crate::Result;
use crate::data::Data;
use crate::steps::{Effort, Searcher};
use nearfield::exec::Exec;
use nearfield::{Builder, Index, Phase, SearchParams};
use serde_json::json;

pub fn build(data: &Data, isa: &str, exec: Exec<'_>) -> Result<Index> {
    let said = |error: nearfield::Error| error.to_string();
    let options =
        json!({ "dim": data.dim, "metric": data.metric.name(), "kind": "hnsw", "isa": isa });
    let mut builder = Builder::new(&data.raw, &options.to_string(), None).map_err(said)?;
    while builder.step(exec).map_err(said)?.phase != Phase::Done {}
    builder.finish().map_err(said)
}

pub struct Walked<'a> {
    index: &'a Index,
    dim: usize,
    params: SearchParams,
    distances: Vec<f32>,
}

impl<'a> Walked<'a> {
    pub fn new(index: &'a Index, dim: usize, effort: Effort) -> Result<Self> {
        let of = |number| u32::try_from(number).map_err(|_| format!("{number} is too many"));
        Ok(Self {
            index,
            dim,
            params: SearchParams {
                k: of(effort.k)?,
                effort: of(effort.effort)?,
                exact: false,
                rerank: true,
            },
            distances: vec![0.0; effort.k],
        })
    }
}

impl Searcher for Walked<'_> {
    fn find(&mut self, query: &[f32], slots: &mut Vec<u32>) {
        slots.resize(self.distances.len(), 0);
        let found =
            self.index
                .search_into(&query[..self.dim], self.params, slots, &mut self.distances);
        slots.truncate(found.expect("questions are of the rows' dimension"));
    }
}
