//! Vectors, graph and keys as one thing that answers, opens and becomes a file.
//!
//! ```text
//! mod      Index: what there is, and searching it
//! ask      one search, of whatever form
//! grow     Growing: an index that takes more rows, and gives frozen copies of itself
//! open     a file's bytes ─► Index, every check on the way
//! image    Index ─► the file's bytes, in pieces
//! graph    the graph's arrays as sections
//! zones    the zones' arrays as sections
//! inner    graphs within zones
//! codes    the vectors' codes as sections
//! hnswlib  files of another library, read and written
//! explain  what a search does, counted
//! keys     the callers' names for vectors
//! unique   are any two equal, in little memory
//! ```
//!
//! Invariants: an [`Index`] never changes. Its sections are the arrays searches walk, whether they were
//! built, loaded or mapped, so saving translates nothing. [`Growing`](grow::Growing) is the one other form:
//! it holds the same things with room to grow, and becomes an `Index` to be saved.

mod ask;
pub mod codes;
mod explain;
pub mod graph;
pub mod grow;
pub mod hnswlib;
mod image;
pub mod inner;
pub mod keys;
pub mod open;
pub mod unique;
pub mod zones;

use crate::bytes::header::Header;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::bytes::table::Layout;
use crate::codec::Codec;
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::hnsw::GraphView;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::{Isa, Kernels, kernels};
use crate::matrix::{Rows, stride};
use crate::metric::{Metric, ScorePair};
pub use ask::Answer;
use ask::{AskScratch, AskScratchPool, Asked};
use codes::CodeSections;
pub use explain::{Clock, Told};
use graph::Graph;
use image::Image;
use inner::InnerView;
use keys::Keys;
use zones::Zones;

/// How an index finds rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By scanning all of them, or the strips of all of them.
    Flat,
    /// By walking a graph.
    Hnsw,
    /// By scanning the zones near to a query.
    Zones,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Flat, Self::Hnsw, Self::Zones];

    /// The name options and `stats()` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Hnsw => "hnsw",
            Self::Zones => "zones",
        }
    }

    /// The kind of this [`name`](Self::name).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The number the header has for it.
    const fn tag(self) -> u8 {
        match self {
            Self::Flat => 1,
            Self::Hnsw => 2,
            Self::Zones => 3,
        }
    }

    /// The codecs it can have.
    pub const fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Flat => &Codec::ALL,
            Self::Hnsw => &[Codec::F32, Codec::Sq8, Codec::Sq4],
            Self::Zones => &[Codec::Bits1, Codec::Bits2, Codec::Pq4, Codec::Pq8],
        }
    }
}

/// The numbers an index is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// How rows are found.
    pub kind: Kind,
    /// Vectors.
    pub rows: u32,
    /// Numbers a vector.
    pub dim: u32,
    /// How near is measured.
    pub metric: Metric,
    /// Of the build.
    pub seed: u64,
    /// Links a node above level 0; 0 without a graph, or graphs within zones.
    pub m: u32,
    /// Of the build; 0 without a graph.
    pub ef_construction: u32,
}

/// What an index consists of.
#[derive(Debug)]
pub struct Parts {
    /// Section `vectors`; `None` where the codes are all that is kept.
    pub vectors: Option<Region>,
    /// The vectors' codes, if walks go by codes, or stand between a scan of strips and the vectors.
    pub codes: Option<CodeSections>,
    /// The graph of kind `hnsw`.
    pub graph: Option<Graph>,
    /// The zones of kind `zones`, and of a flat index that scans strips: one zone of all rows.
    pub zones: Option<Zones>,
    /// The keys.
    pub keys: Keys,
}

impl Parts {
    /// In the order of the file.
    fn sections(&self) -> Vec<(Section, Region)> {
        let vectors = self.vectors.clone();
        let mut sections: Vec<_> = vectors
            .map(|rows| (Section::Vectors, rows))
            .into_iter()
            .collect();
        sections.extend(self.links().into_iter().flat_map(Graph::sections));
        sections.extend(self.keys.sections());
        sections.extend(self.codes.iter().flat_map(CodeSections::sections));
        sections.extend(self.zones.iter().flat_map(Zones::sections));
        sections
    }

    /// The links of the graph, or of those within zones.
    fn links(&self) -> Option<&Graph> {
        let inner = self.zones.as_ref().and_then(|zones| zones.inner.as_ref());
        self.graph.as_ref().or(inner.map(|inner| &inner.graph))
    }
}

/// How a query is to be answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct How {
    /// Neighbours wanted.
    pub k: usize,
    /// Candidates kept while walking, raised to `k`.
    pub ef: usize,
    /// Zones scanned; 0 for as many as suit the zones there are.
    pub probes: usize,
    /// The recall to keep, in place of probes, where zones are scanned.
    pub recall: Option<f32>,
    /// Compare every vector instead of walking or going by codes.
    pub exact: bool,
    /// Answer by the vectors; by the codes otherwise, where there are any.
    pub rerank: bool,
}

/// An immutable index.
#[derive(Debug)]
pub struct Index {
    params: Params,
    vectors: Option<Region>,
    codes: Option<CodeSections>,
    graph: Option<Graph>,
    zones: Option<Zones>,
    keys: Keys,
    limit: Option<Isa>,
    kernels: &'static Kernels,
    pair: ScorePair,
    scratch: AskScratchPool,
    image: Image,
}

impl Index {
    /// Joins parts that fit each other: built by this crate, or checked by [`open`].
    pub fn new(params: Params, parts: Parts, limit: Option<Isa>) -> Result<Self> {
        let kernels = kernels(limit);
        let image = Image::new(header(&params, &parts), parts.sections())?;
        let Parts {
            vectors,
            codes,
            graph,
            zones,
            keys,
        } = parts;
        Ok(Self {
            params,
            vectors,
            codes,
            graph,
            zones,
            keys,
            limit,
            kernels,
            pair: params.metric.score_pair(kernels),
            scratch: AskScratch::stock(params.dim as usize, kernels),
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

    /// The codes of rows, where there are any.
    pub const fn codes(&self) -> Option<&CodeSections> {
        self.codes.as_ref()
    }

    /// The graph of kind `hnsw`.
    pub const fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// The zones of kind `zones`, and the one of a flat index that scans strips.
    pub const fn zones(&self) -> Option<&Zones> {
        self.zones.as_ref()
    }

    /// How walks and scans see the vectors.
    pub const fn codec(&self) -> Codec {
        codec_of(self.codes.as_ref(), self.zones.as_ref())
    }

    /// Whether codes stand between a scan of strips and the vectors.
    pub const fn refines(&self) -> bool {
        self.codes.is_some() && self.zones.is_some()
    }

    /// The instruction set its kernels use.
    pub const fn isa(&self) -> Isa {
        self.kernels.isa
    }

    /// Where everything is in its file.
    pub const fn layout(&self) -> &Layout {
        self.image.layout()
    }

    /// The stored rows, unless their codes are all that is kept.
    pub fn rows(&self) -> Option<Rows<'_>> {
        let vectors = self.vectors.as_ref()?;
        Some(Rows::new(vectors.as_slice(), self.params.dim as usize))
    }

    /// The stored rows; an error with [`Code::Option`] where there are none, for `what` to do.
    pub fn rows_for(&self, what: &str) -> Result<Rows<'_>> {
        self.rows().ok_or_else(|| lacks_vectors(what))
    }

    /// Copies file bytes `offset..offset + out.len()`.
    pub fn read_file(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.image.read(offset, out)
    }

    /// Writes the nearest slots and their distances, nearest first, ties by slot, and says how many.
    /// The query has `dim` finite numbers and both outputs hold `min(k, rows)`; who calls has checked.
    /// An error with [`Code::Option`] where vectors are to answer that are not kept.
    pub fn search(
        &self,
        query: &[f32],
        how: How,
        slots: &mut [Slot],
        distances: &mut [f32],
    ) -> Result<usize> {
        let asked = self.asked();
        asked.search(&self.scratch, query, how, Exec::Serial, (slots, distances))
    }

    /// Into pieces of how many queries a batch is cut for so many threads.
    pub fn piece(&self, queries: usize, how: How, threads: usize) -> Result<usize> {
        self.asked().piece(queries, how, threads)
    }

    /// As [`search`](Self::search) for queries row-major, an answer each. Of one alone strips are split
    /// over threads.
    pub fn search_many(
        &self,
        queries: &[f32],
        how: How,
        exec: Exec<'_>,
        answers: &mut [Answer<'_>],
    ) -> Result<()> {
        let asked = self.asked();
        asked.search_many(&self.scratch, queries, how, exec, answers)
    }

    /// What a search for a query does, counted. Asks of the query what
    /// [`search`](Self::search) asks.
    pub fn explain(&self, query: &[f32], how: How, clock: Clock<'_>) -> Result<Told> {
        self.asked().explain(&self.scratch, query, how, clock)
    }

    fn asked(&self) -> Asked<'_, GraphView<'_>> {
        Asked {
            metric: self.params.metric,
            kernels: self.kernels,
            pair: self.pair,
            count: self.params.rows as usize,
            rows: self.rows(),
            codes: self.codes.as_ref().map(CodeSections::view),
            graph: self.graph.as_ref().map(|graph| graph.view(&self.params)),
            zones: self.zones.as_ref().map(|zones| zones.view(&self.params)),
            inner: inner_of(self.zones.as_ref(), &self.params),
        }
    }

    /// Walks every invariant, reachability of every row too.
    pub fn check(&self) -> Result<()> {
        let offset_of = |section| self.layout().find(section).map_or(0, |entry| entry.offset);
        self.keys.check_file(self.params.rows, offset_of)?;
        if let (Some(codes), Some(rows)) = (&self.codes, self.rows()) {
            codes.check(self.params.metric, rows, offset_of)?;
        }
        if let Some(zones) = &self.zones {
            zones.validate(&self.params, offset_of)?;
            if let Some(rows) = self.rows() {
                zones.check(&self.params, rows, offset_of)?;
            }
            if let Some(inner) = &zones.inner {
                let kept = kept(self.rows(), self.codes.as_ref());
                inner.check(&self.params, &zones.view(&self.params), kept, offset_of)?;
            }
        }
        self.graph.as_ref().map_or(Ok(()), |graph| {
            let kept = kept(self.rows(), self.codes.as_ref());
            graph.check(&self.params, kept, offset_of)
        })
    }
}

/// The bytes that equal rows have in common, of vectors or, where there are none, of codes.
fn kept<'a>(rows: Option<Rows<'a>>, codes: Option<&'a CodeSections>) -> impl Fn(Slot) -> &'a [u8] {
    let codes = codes.map(CodeSections::view);
    move |slot| match (rows, codes) {
        (Some(rows), _) => bytemuck::cast_slice(rows.row(slot)),
        (None, Some(codes)) => codes.row(slot),
        (None, None) => &[],
    }
}

/// The error for what cannot be done without vectors.
pub fn lacks_vectors(what: &str) -> Error {
    Error::new(
        Code::Option,
        format!(
            "{what} needs vectors: expected an index that keeps them, this one was built with keepVectors false"
        ),
    )
}

/// The graphs within zones, where there are any.
fn inner_of<'a>(zones: Option<&'a Zones>, params: &Params) -> Option<InnerView<'a>> {
    let inner = zones?.inner.as_ref()?;
    Some(inner.view(params))
}

/// The number the header has for a metric.
const fn metric_tag(metric: Metric) -> u8 {
    match metric {
        Metric::L2 => 1,
        Metric::Ip => 2,
        Metric::Cosine => 3,
    }
}

const fn codec_of(codes: Option<&CodeSections>, zones: Option<&Zones>) -> Codec {
    match (zones, codes) {
        (Some(zones), _) => zones.bits.codec(),
        (None, Some(codes)) => codes.form.codec(),
        (None, None) => Codec::F32,
    }
}

/// The number the header has for a codec.
const fn codec_tag(codec: Codec) -> u8 {
    match codec {
        Codec::F32 => 1,
        Codec::Sq8 => 2,
        Codec::Sq4 => 3,
        Codec::Bits1 => 4,
        Codec::Bits2 => 5,
        Codec::Pq4 => 6,
        Codec::Pq8 => 7,
    }
}

fn header(params: &Params, parts: &Parts) -> Header {
    let (graph, zones) = (parts.links(), parts.zones.as_ref());
    Header {
        sections: 0, // the image counts
        bytes: 0,    // the image knows
        rows: params.rows.into(),
        dim: params.dim,
        stride: u32::try_from(stride(params.dim as usize)).expect("dim is at most DIM_MAX"),
        kind: params.kind.tag(),
        metric: metric_tag(params.metric),
        codec: codec_tag(codec_of(parts.codes.as_ref(), zones)),
        keys: parts.keys.tag(),
        vectors: u8::from(parts.vectors.is_none()),
        apart: u8::from(zones.is_some_and(|zones| zones.apart)),
        refine: u8::from(zones.is_some() && parts.codes.is_some()),
        numbers: zones.map_or(0, |zones| zones.bits.trained_numbers()),
        seed: params.seed,
        m: params.m,
        ef_construction: params.ef_construction,
        entry: graph.map_or(NO_SLOT, |graph| graph.entry),
        level: graph.map_or(0, |graph| graph.level),
        links0: 2 * params.m,
        zones: zones.map_or(0, Zones::count),
        parted: zones.map_or(0, |zones| zones.parted),
        soar: zones.map_or(0, |zones| u8::from(zones.soar)),
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
