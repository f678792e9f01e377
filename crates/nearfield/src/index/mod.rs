//! Vectors, graph and keys as one thing that answers, opens and becomes a file.
//!
//! ```text
//! mod      Index: what there is, and searching it
//! open     a file's bytes ─► Index, every check on the way
//! image    Index ─► the file's bytes, in pieces
//! graph    the graph's arrays as sections
//! keys     the callers' names for vectors
//! unique   are any two equal, in little memory
//! ```
//!
//! Invariants: an index never changes. Its sections are the arrays searches walk, whether they were
//! built, loaded or mapped, so saving translates nothing and there is one form of everything.

pub mod graph;
mod image;
pub mod keys;
pub mod open;
pub mod unique;

use crate::bytes::header::Header;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::bytes::table::Layout;
use crate::codec::F32Scorer;
use crate::error::{Code, Error, Result};
use crate::hnsw::walk;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::{Isa, Kernels, kernels};
use crate::matrix::{Rows, stride};
use crate::metric::{Metric, ScorePair};
use crate::search::{ScratchPool, exact};
use graph::Graph;
use image::Image;
use keys::Keys;

/// The numbers an index is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Vectors.
    pub rows: u32,
    /// Numbers a vector.
    pub dim: u32,
    /// How near is measured.
    pub metric: Metric,
    /// Of the build.
    pub seed: u64,
    /// Links a node above level 0; 0 for a flat index.
    pub m: u32,
    /// Of the build; 0 for a flat index.
    pub ef_construction: u32,
}

/// How a query is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// Neighbours wanted.
    pub k: usize,
    /// Candidates kept while walking, raised to `k`.
    pub ef: usize,
    /// Scan instead of walking.
    pub exact: bool,
}

/// An immutable index.
#[derive(Debug)]
pub struct Index {
    params: Params,
    vectors: Region,
    graph: Option<Graph>,
    keys: Keys,
    kernels: &'static Kernels,
    pair: ScorePair,
    scratch: ScratchPool,
    image: Image,
}

impl Index {
    /// Joins parts that fit each other: built by this crate, or checked by [`open`].
    pub fn new(
        params: Params,
        vectors: Region,
        graph: Option<Graph>,
        keys: Keys,
        limit: Option<Isa>,
    ) -> Result<Self> {
        let kernels = kernels(limit);
        let mut sections = vec![(Section::Vectors, vectors.clone())];
        sections.extend(graph.iter().flat_map(Graph::sections));
        sections.extend(keys.sections());
        let image = Image::new(header(&params, graph.as_ref(), &keys), sections)?;
        Ok(Self {
            params,
            vectors,
            graph,
            keys,
            kernels,
            pair: params.metric.score_pair(kernels),
            scratch: ScratchPool::new(params.dim as usize),
            image,
        })
    }

    /// Keeps the start of the file this was opened from, so that it is not computed again.
    pub(crate) fn with_front(self, front: Region) -> Self {
        Self {
            image: self.image.with_front(front),
            ..self
        }
    }

    /// The numbers it was made with.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// The keys.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The graph, unless the index is flat.
    pub const fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// The instruction set its kernels use.
    pub const fn isa(&self) -> Isa {
        self.kernels.isa
    }

    /// Where everything is in its file.
    pub const fn layout(&self) -> &Layout {
        self.image.layout()
    }

    /// The stored rows.
    pub fn rows(&self) -> Rows<'_> {
        Rows::new(self.vectors.as_slice(), self.params.dim as usize)
    }

    /// Copies file bytes `offset..offset + out.len()`.
    pub fn read_file(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.image.read(offset, out)
    }

    /// Writes the nearest slots and their distances, nearest first, ties by slot, and says how many.
    /// The query has `dim` finite numbers and both outputs hold `min(k, rows)`; who calls has checked.
    pub fn search(
        &self,
        query: &[f32],
        how: How,
        slots: &mut [Slot],
        distances: &mut [f32],
    ) -> Result<usize> {
        let k = how.k.min(self.params.rows as usize);
        let mut lease = self.scratch.lease()?;
        let scratch = &mut *lease;
        let row = scratch.query.row_mut(0);
        row.copy_from_slice(query);
        self.params.metric.prepare(row);
        let rows = self.rows();
        let scorer = F32Scorer::new(rows, scratch.query.row(0), self.pair);
        let buffers = &mut scratch.buffers;
        match &self.graph {
            Some(graph) if !how.exact => {
                walk::search(&graph.view(&self.params), &scorer, how.ef, k, buffers);
            }
            _ => exact::search(&scorer, rows.len(), k, &mut buffers.results),
        }
        let results = &buffers.results;
        for ((candidate, slot), distance) in results.iter().zip(slots).zip(distances) {
            *slot = candidate.slot();
            *distance = self.params.metric.distance(candidate.score());
        }
        Ok(results.len())
    }

    /// Walks every invariant, reachability of every row too.
    pub fn check(&self) -> Result<()> {
        let offset_of = |section| self.layout().find(section).map_or(0, |entry| entry.offset);
        self.keys.check_file(self.params.rows, offset_of)?;
        self.graph.as_ref().map_or(Ok(()), |graph| {
            graph.check(&self.params, self.rows(), offset_of)
        })
    }
}

/// The number the header has for a metric.
const fn metric_tag(metric: Metric) -> u8 {
    match metric {
        Metric::L2 => 1,
        Metric::Ip => 2,
        Metric::Cosine => 3,
    }
}

fn header(params: &Params, graph: Option<&Graph>, keys: &Keys) -> Header {
    Header {
        sections: 0, // the image counts
        bytes: 0,    // the image knows
        rows: params.rows.into(),
        dim: params.dim,
        stride: u32::try_from(stride(params.dim as usize)).expect("dim is at most DIM_MAX"),
        kind: if graph.is_some() { 2 } else { 1 },
        metric: metric_tag(params.metric),
        codec: 1,
        keys: keys.tag(),
        seed: params.seed,
        m: params.m,
        ef_construction: params.ef_construction,
        entry: graph.map_or(NO_SLOT, |graph| graph.entry),
        level: graph.map_or(0, |graph| graph.level),
        links0: 2 * params.m,
    }
}

/// Where a vector has something that is not a number: the first column, and what is there.
pub fn not_finite(row: &[f32]) -> Option<(usize, f32)> {
    row.iter()
        .copied()
        .enumerate()
        .find(|(_, x)| !x.is_finite())
}

/// The error for such a vector; `what` names it.
pub fn refuse_not_finite(what: &str, (column, x): (usize, f32)) -> Error {
    Error::new(
        Code::NotFinite,
        format!("{what}, column {column} is {x}, expected a finite number"),
    )
}
