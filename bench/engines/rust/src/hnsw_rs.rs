//! `hnsw_rs`: vectors, links and candidates each behind an `Arc`; the simdeez feature computes
//! distances, with the instructions found at run time.

use crate::engine::{Engine, Searcher, built, narrow};
use crate::protocol::{Graph, Result, Search, failed};
use crate::vectors::{Vectors, normalise};
use hnsw_rs::prelude::{AnnT, Distance, Hnsw, HnswIo};
use rayon::prelude::*;
use std::path::Path;

/// The most layers the crate has; the layers in use follow from the number of rows.
const LAYERS: usize = 16;
/// More ends the process, in the crate.
const LINKS_MAX: usize = 256;
/// A dump is two files.
const ENDINGS: [&str; 2] = ["hnsw.graph", "hnsw.data"];

pub struct HnswRs<D: Distance<f32> + Send + Sync> {
    normalised: bool,
    index: Option<Hnsw<'static, f32, D>>,
}

impl<D: Distance<f32> + Default + Send + Sync> HnswRs<D> {
    /// `normalised`: vectors are given length one on their way in.
    pub fn new(normalised: bool) -> Self {
        Self {
            normalised,
            index: None,
        }
    }
}

impl<D: Distance<f32> + Default + Send + Sync> Engine for HnswRs<D> {
    fn version(&self) -> &'static str {
        "hnsw_rs 0.3.5"
    }

    fn isa(&self) -> String {
        format!("{} (simdeez)", widest())
    }

    fn build(&mut self, base: &Vectors, graph: Graph, batch: Option<usize>) -> Result<()> {
        if graph.links > LINKS_MAX {
            let links = graph.links;
            return Err(failed(format!(
                "M: expected at most {LINKS_MAX}; received {links}"
            )));
        }
        self.index = None;
        let rows = base.len();
        let index = Hnsw::new(graph.links, rows, LAYERS, graph.effort, D::default());
        // What the crate's `parallel_insert_slice` does, less a list of all rows: it would have to
        // borrow normalised vectors from somewhere.
        for first in (0..rows).step_by(batch.unwrap_or(rows).max(1)) {
            let end = rows.min(first.saturating_add(batch.unwrap_or(rows)));
            (first..end)
                .into_par_iter()
                .for_each_init(Vec::new, |buffer, slot| {
                    index.insert_slice((self.query(base.row(slot), buffer), slot));
                });
        }
        self.index = Some(index);
        Ok(())
    }

    fn searcher(&self, search: Search) -> Result<Box<dyn Searcher + '_>> {
        let index = built(self.index.as_ref())?;
        Ok(Box::new(Find {
            engine: self,
            index,
            search,
            buffer: Vec::new(),
        }))
    }

    fn save(&mut self, path: &Path) -> Result<u64> {
        let (folder, name) = split(path)?;
        let index = built(self.index.as_ref())?;
        // The crate chooses another name where it must not overwrite what it may have mapped.
        let name = index
            .file_dump(folder, name)
            .map_err(|error| failed(error.to_string()))?;
        let mut bytes = 0;
        for ending in ENDINGS {
            let file = folder.join(format!("{name}.{ending}"));
            let why = |error| failed(format!("{}: {error}", file.display()));
            bytes += std::fs::metadata(&file).map_err(why)?.len();
        }
        Ok(bytes)
    }

    fn load(&mut self, path: &Path, _effort: usize) -> Result<()> {
        let (folder, name) = split(path)?;
        self.index = None;
        // An index may borrow from its reader, when it maps files: we let it copy, and leave the
        // reader, some hundred bytes, to the end of the process.
        let reader = Box::leak(Box::new(HnswIo::new(folder, name)));
        self.index = Some(
            reader
                .load_hnsw()
                .map_err(|error| failed(error.to_string()))?,
        );
        Ok(())
    }
}

impl<D: Distance<f32> + Send + Sync> HnswRs<D> {
    /// The vector as the index knows it; `buffer` is room for it.
    fn query<'a>(&self, row: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        if !self.normalised {
            return row;
        }
        normalise(row, buffer);
        buffer
    }
}

struct Find<'a, D: Distance<f32> + Send + Sync> {
    engine: &'a HnswRs<D>,
    index: &'a Hnsw<'static, f32, D>,
    search: Search,
    buffer: Vec<f32>,
}

impl<D: Distance<f32> + Send + Sync> Searcher for Find<'_, D> {
    fn find(&mut self, query: &[f32]) -> Vec<u32> {
        let query = self.engine.query(query, &mut self.buffer);
        let found = self.index.search(query, self.search.k, self.search.effort);
        found.iter().map(|hit| narrow(hit.d_id)).collect()
    }
}

/// What simdeez chooses on this machine; without AVX2 the crate does not ask it for Euclid.
fn widest() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        if wide {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        "sse"
    }
    #[cfg(not(target_arch = "x86_64"))]
    crate::vectors::built_isa()
}

/// The crate wants a folder and the beginning of a name.
fn split(path: &Path) -> Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let refused = || {
        failed(format!(
            "expected a path to a file; received {}",
            path.display()
        ))
    };
    path.parent().zip(name).ok_or_else(refused)
}
