//! An index that takes more rows: what [`Index`] holds, with room to grow.
//!
//! ```text
//! Index ── thaw ─► Growing ── append ─► (codes) ─► plan ─┬─► rounds ─► sweep ─┬─► show
//!                     │  ▲                 │             └─► relink ──────────┤
//!                     │  │                 └── take_back, at any point ───────┘
//!                     │  └── searches see what is shown, bit for bit, until then
//!                     └── freeze ─► Index, a copy to be saved
//! ```
//! Invariants: one batch at a time. `params.rows` counts the rows that are shown; rows beyond them are
//! the batch's. Vectors, codes and links are appended in place, so a batch costs what its rows cost,
//! whatever the size of the index.

mod codes;
mod keys;
mod relink;

use super::ask::{AskScratch, AskScratchPool, Asked};
use super::codes::CodeSections;
use super::graph::Graph;
use super::inner::{Inner, Linking, LinkingReport};
use super::keys::Keys;
use super::zones::Zones;
use super::{Answer, Clock, How, Index, Kind, Params, Parts, Told, inner_of};
use crate::bytes::layout::Section;
use crate::bytes::region::{AlignedBytes, Region};
use crate::bytes::table::Layout;
use crate::codec::{Codec, Form, Stored};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::hnsw::{GrowingGraph, HnswParams, Missed, Round, Shown, Walkable};
use crate::ids::{KeyColumn, ROWS_MAX, Slot};
use crate::kernels::{Isa, Kernels, kernels};
use crate::matrix::{Matrix, Rows, stride};
use crate::metric::ScorePair;
use crate::zones::{ZoneArrays, ZonesAdder, ZonesParams, ZonesReport};
use codes::{CODED_ROWS_MIN, GrowingCodes, NewCodes};
pub use codes::{Coder, Encoded, Judged};
use keys::GrowingKeys;
pub use relink::Relink;
use std::sync::Arc;

/// The largest `M` that links can be counted for.
const M_MAX: u32 = (u16::MAX / 2) as u32;

/// How rows beyond the first are to be found.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Links a node and candidates of a build; `None` for an index that stays flat.
    pub graph: Option<(u32, u32)>,
    /// Rows up to which there is no graph.
    pub flat_rows_max: u64,
    /// The codec that is asked for, of the codes beside strips where there are strips; `None` for the better one.
    pub codec: Option<Codec>,
    /// What was asked for is not known: codes may be given up for finer ones, and are not exchanged for shorter ones.
    pub keeps_codec: bool,
    /// How rows are parted, where they are.
    pub zones: Option<ZonesParams>,
    /// Links a node and candidates of a build of graphs within zones, where there are to be any.
    pub inner: Option<(u32, u32)>,
    /// What codes must find of sampled rows' neighbours to be the better one.
    pub agreement_min: f64,
}

/// What a batch changes once it is shown.
#[derive(Debug)]
struct Batch {
    rows: u32,
    keys: Keys,
    codes: NewCodes,
    decided_rows: usize,
    shortest: Option<Form>,
    note: Option<String>,
    /// The graph is made for this batch.
    makes_graph: bool,
    /// Zones of all rows, where there are any.
    zones: Option<Zones>,
    /// A graph of all rows, where they are linked anew.
    graph: Option<Box<GrowingGraph>>,
}

/// An index that takes more rows.
#[derive(Debug)]
pub struct Growing {
    params: Params,
    plan: Plan,
    vectors: Matrix,
    codes: Option<GrowingCodes>,
    /// Rows there were when it was decided about codes; 0 while there are too few.
    decided_rows: usize,
    /// The shortest form that `auto` may take; `None` where it is to go by the vectors.
    shortest: Option<Form>,
    graph: Option<GrowingGraph>,
    zones: Option<Zones>,
    keys: GrowingKeys,
    limit: Option<Isa>,
    kernels: &'static Kernels,
    pair: ScorePair,
    scratch: AskScratchPool,
    /// What was chosen and why, once it is.
    note: Option<String>,
    batch: Option<Batch>,
}

impl Growing {
    /// An index without rows; `params.rows` is 0.
    pub fn new(params: Params, plan: Plan, limit: Option<Isa>) -> Result<Self> {
        let kernels = kernels(limit);
        let dim = params.dim as usize;
        let graph = (params.kind == Kind::Hnsw).then(|| {
            let hnsw = hnsw(&params, params.m, params.ef_construction);
            GrowingGraph::new(dim, params.metric, kernels, hnsw)
        });
        let zones = match plan.zones {
            Some(zones) => {
                let mut zones = Zones::from(ZoneArrays::empty(params.metric, dim, zones)?);
                zones.inner = plan.inner.map(|_| Inner::empty(params.m as usize));
                Some(zones)
            }
            None => None,
        };
        Ok(Self {
            params,
            plan,
            vectors: Matrix::try_new(0, dim)?,
            codes: None,
            decided_rows: 0,
            shortest: Some(Form::Sq4),
            graph,
            zones,
            keys: GrowingKeys::Undecided,
            limit,
            kernels,
            pair: params.metric.score_pair(kernels),
            scratch: AskScratch::stock(dim, kernels),
            note: None,
            batch: None,
        })
    }

    /// Takes over a copy of an index. With codes, or 1,000 rows, it keeps its codec until rows have doubled, and
    /// that of a file unless finer codes are needed; else it may still choose one.
    pub fn thaw(index: &Index, mut plan: Plan, exec: Exec<'_>) -> Result<Self> {
        let params = *index.params();
        if let (Some(zones), None) = (&index.zones, plan.zones) {
            plan.zones = Some(ZonesParams {
                zones: usize::from(params.kind == Kind::Flat),
                bits: zones.bits,
                seed: params.seed,
                soar: zones.soar,
                walked: zones.inner.is_some(),
            });
        }
        if index
            .zones
            .as_ref()
            .is_some_and(|zones| zones.inner.is_some())
        {
            plan.inner = Some((params.m, params.ef_construction));
            // Without rows there were no codes yet.
            plan.codec = plan.codec.or(Some(Codec::Sq8));
        }
        let rows = index.rows_for("adding rows")?;
        if params.m > M_MAX {
            let message = format!("M {} is too large to add rows, at most {M_MAX}", params.m);
            return Err(Error::new(Code::Option, message));
        }
        let mut growing = Self::new(params, plan, index.limit)?;
        growing.vectors.try_append(rows)?;
        if let Some(codes) = &index.codes {
            growing.codes = Some(GrowingCodes {
                form: codes.form,
                bytes: AlignedBytes::try_copy(codes.codes.as_bytes())?,
                centre: codes.centre.as_slice().to_vec(),
            });
        }
        if params.rows as usize >= CODED_ROWS_MIN || index.codes.is_some() {
            growing.decided_rows = (params.rows as usize).max(1);
            if growing.plan.keeps_codec {
                growing.shortest = index.codes.as_ref().map(|codes| codes.form);
            }
        }
        if let Some(graph) = &index.graph {
            growing.graph = Some(GrowingGraph::thaw(
                &graph.view(&params),
                growing.vectors.rows(),
                params.metric,
                growing.kernels,
                hnsw(&params, params.m, params.ef_construction),
                exec,
            ));
        }
        growing.zones.clone_from(&index.zones);
        growing.keys = GrowingKeys::thaw(&index.keys, params.rows);
        Ok(growing)
    }

    /// The numbers it is made with; `rows` that are shown.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// How walks and scans see the vectors.
    pub const fn codec(&self) -> Codec {
        match (&self.zones, &self.codes) {
            (Some(zones), _) => zones.bits.codec(),
            (None, Some(codes)) => codes.form.codec(),
            (None, None) => Codec::F32,
        }
    }

    /// The zones, and the one of a flat index that scans strips.
    pub const fn zones(&self) -> Option<&Zones> {
        self.zones.as_ref()
    }

    /// Whether codes stand between a scan of strips and the vectors.
    pub const fn refines(&self) -> bool {
        self.zones.is_some() && self.codes.is_some()
    }

    /// The instruction set its kernels use.
    pub const fn isa(&self) -> Isa {
        self.kernels.isa
    }

    /// What was chosen on the way and why.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The keys as a column.
    pub fn keys(&self) -> Option<KeyColumn> {
        self.keys.to_column()
    }

    /// What `info()` calls this sort of keys.
    pub const fn keys_name(&self) -> &'static str {
        self.keys.name()
    }

    /// Levels of the graph, or of the highest within a zone; `None` where there is none.
    pub fn levels(&self) -> Option<u32> {
        if let Some(inner) = inner_of(self.zones.as_ref(), &self.params) {
            return Some(inner.graph.level + 1);
        }
        let graph = self.shown_graph()?;
        Some(if graph.shown_rows() == 0 {
            0
        } else {
            graph.shown().level() + 1
        })
    }

    /// The graph, unless it is only being made.
    fn shown_graph(&self) -> Option<&GrowingGraph> {
        let making = self.batch.as_ref().is_some_and(|batch| batch.makes_graph);
        self.graph.as_ref().filter(|_| !making)
    }

    /// Where everything would be in a file of what is shown.
    ///
    /// # Panics
    /// Never: vectors in memory are far from 2^64 bytes.
    pub fn layout(&self) -> Layout {
        let rows = u64::from(self.params.rows);
        let dim = self.params.dim as usize;
        let mut sizes = vec![(Section::Vectors, rows * stride(dim) as u64 * 4)];
        if let Some(graph) = self.shown_graph() {
            let m = graph.params().m as u64;
            sizes.push((Section::Links0, rows * 2 * m * 4));
            sizes.push((Section::Levels, (rows + 1) * 4));
            sizes.push((Section::Links, graph.shown_upper_rows() as u64 * m * 4));
            if graph.shown().has_twins() {
                sizes.push((Section::Twins, rows * 4));
            }
        }
        if let Some(inner) = self.zones.as_ref().and_then(|zones| zones.inner.as_ref()) {
            let links = inner.graph.sections().into_iter();
            sizes.extend(links.map(|(section, region)| (section, region.len() as u64)));
        }
        let columns = match self.keys {
            GrowingKeys::Text(..) => &[Section::KeyOffsets, Section::KeyText][..],
            _ => &[Section::Keys],
        };
        sizes.extend(columns.iter().copied().zip(self.keys.column_bytes()));
        if let Some(codes) = &self.codes {
            sizes.push((Section::Codes, rows * codes.form.stride(dim) as u64));
            sizes.push((Section::Centre, dim as u64 * 4));
        }
        let zones = self.zones.iter().flat_map(Zones::sections);
        sizes.extend(zones.map(|(section, region)| (section, region.len() as u64)));
        Layout::new(&sizes).expect("the sections are in memory")
    }

    /// As [`Index::search`], over what is shown.
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

    /// As [`Index::piece`].
    pub fn piece(&self, queries: usize, how: How, threads: usize) -> Result<usize> {
        self.asked().piece(queries, how, threads)
    }

    /// As [`Index::search_many`], over what is shown.
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

    /// As [`Index::explain`], over what is shown.
    pub fn explain(&self, query: &[f32], how: How, clock: Clock<'_>) -> Result<Told> {
        self.asked().explain(&self.scratch, query, how, clock)
    }

    /// Where walks start, [`NO_SLOT`](crate::ids::NO_SLOT) without rows; `None` for a flat index.
    pub fn entry(&self) -> Option<Slot> {
        Some(self.shown_graph()?.shown().entry())
    }

    fn asked(&self) -> Asked<'_, Shown<'_>> {
        Asked {
            metric: self.params.metric,
            kernels: self.kernels,
            pair: self.pair,
            count: self.params.rows as usize,
            rows: Some(self.vectors.rows().head(self.params.rows as usize)),
            codes: self.codes.as_ref().map(GrowingCodes::view),
            graph: self.shown_graph().map(GrowingGraph::shown),
            zones: self.zones.as_ref().map(|zones| zones.view(&self.params)),
            inner: inner_of(self.zones.as_ref(), &self.params),
        }
    }

    /// A copy of what is shown, to be saved or checked.
    pub fn freeze(&self) -> Result<Index> {
        let rows = self.params.rows as usize;
        let copy = |bytes: &[u8]| -> Result<Region> {
            Ok(Region::new(Arc::new(AlignedBytes::try_copy(bytes)?)))
        };
        let vectors = self.vectors.rows().head(rows);
        let codes = match &self.codes {
            Some(codes) => {
                let bytes = rows * codes.form.stride(codes.centre.len());
                Some(CodeSections {
                    form: codes.form,
                    codes: copy(&codes.bytes.as_ref()[..bytes])?,
                    centre: Region::from_vec(codes.centre.clone()),
                })
            }
            None => None,
        };
        let parts = Parts {
            vectors: Some(copy(bytemuck::cast_slice(vectors.as_floats()))?),
            codes,
            graph: self.shown_graph().map(|graph| Graph::from(graph.freeze())),
            zones: self.zones.clone(),
            keys: self.keys.freeze(),
        };
        Index::new(self.params, parts, self.limit)
    }
}

/// A batch, from its rows to being shown.
impl Growing {
    /// Refuses keys that do not go with those there are.
    pub fn judge_keys(&self, keys: &Keys) -> Result<()> {
        self.keys.judge(keys)
    }

    /// Appends prepared rows, which nobody sees yet. On an error nothing changed.
    ///
    /// # Panics
    /// Never: the number of rows was checked.
    pub fn append(&mut self, rows: Rows<'_>, keys: Keys) -> Result<()> {
        if self.batch.is_some() {
            let message = "another batch is being added to this index";
            return Err(Error::new(Code::Closed, message));
        }
        if !rows.is_empty() {
            self.keys.judge(&keys)?;
        }
        let total = self.vectors.len() as u64 + rows.len() as u64;
        if total > ROWS_MAX {
            let message = format!("{total} rows with this batch, expected at most {ROWS_MAX}");
            return Err(Error::new(Code::Dimension, message));
        }
        self.vectors.try_append(rows)?;
        self.batch = Some(Batch {
            rows: u32::try_from(rows.len()).expect("at most ROWS_MAX"),
            keys,
            codes: NewCodes::AsBefore,
            decided_rows: self.decided_rows,
            shortest: self.shortest,
            note: None,
            makes_graph: self.graph.is_none()
                && self.plan.graph.is_some()
                && total > self.plan.flat_rows_max,
            zones: None,
            graph: None,
        });
        Ok(())
    }

    /// The batch's rows begin here.
    const fn shown_rows(&self) -> usize {
        self.params.rows as usize
    }

    /// Whether the batch puts a graph in the place of strips: what was decided about codes was about these.
    fn replaces_strips(&self) -> bool {
        let makes = self.batch.as_ref().is_some_and(|batch| batch.makes_graph);
        makes && self.zones.is_some()
    }

    /// Takes the codes in, and makes the graph where the batch is to make it.
    pub fn plan(&mut self, encoded: Option<Encoded>) -> Result<()> {
        if let Some(encoded) = encoded {
            self.take_codes(encoded)?;
        }
        let Some(batch) = &self.batch else {
            return Ok(());
        };
        if let (true, Some((m, ef))) = (batch.makes_graph, self.plan.graph) {
            let params = hnsw(&self.params, m, ef);
            let (metric, dim) = (self.params.metric, self.params.dim as usize);
            self.graph = Some(GrowingGraph::new(dim, metric, self.kernels, params));
        }
        Ok(())
    }

    /// Plans the batch's part of the graph, where it goes in by rounds.
    pub fn begin_rounds(&mut self) {
        if let Some(graph) = &mut self.graph {
            graph.begin(self.vectors.rows());
        }
    }

    /// All rows, the batch's too, and the codes they will be walked by.
    fn stored(&self) -> Stored<'_> {
        let codes = match self.batch.as_ref().map(|batch| &batch.codes) {
            None | Some(NewCodes::AsBefore) => self.codes.as_ref(),
            Some(NewCodes::Instead(codes)) => Some(codes),
            Some(NewCodes::GivenUp) => None,
        };
        Stored {
            rows: self.vectors.rows(),
            codes: codes.map(GrowingCodes::view),
        }
    }

    /// Who adds the batch to the zones; `None` where there are none.
    pub fn parting(&self, exec: Exec<'_>) -> Result<Option<ZonesAdder>> {
        let parted = self.zones.as_ref().filter(|_| !self.replaces_strips());
        let (Some(zones), Some(params)) = (parted, self.plan.zones) else {
            return Ok(None);
        };
        let (view, rows) = (zones.view(&self.params), self.vectors.rows());
        let adder = ZonesAdder::new(&view, rows, self.shown_rows(), self.kernels, params, exec)?;
        Ok(Some(adder))
    }

    /// A step of it.
    ///
    /// # Panics
    /// Where it is another index's.
    pub fn part(&self, adder: &mut ZonesAdder, exec: Exec<'_>) -> Result<ZonesReport> {
        let zones = self.zones.as_ref().expect("zones are added to");
        adder.step(&zones.view(&self.params), self.vectors.rows(), exec)
    }

    /// Takes zones of all rows in; they are shown with the batch.
    pub fn take_zones(&mut self, arrays: ZoneArrays) {
        if let Some(batch) = &mut self.batch {
            batch.zones = Some(arrays.into());
        }
    }

    /// Who links rows within these zones of all; `None` where nobody does.
    pub fn linking_zones(&self) -> Option<Linking> {
        let new = self.batch.as_ref()?.zones.as_ref()?;
        let (m, ef) = self.plan.inner?;
        self.stored().codes?;
        let view = self.zones.as_ref().map(|zones| zones.view(&self.params));
        let inner = inner_of(self.zones.as_ref(), &self.params);
        let params = hnsw(&self.params, m, ef);
        let (metric, kernels) = (self.params.metric, self.kernels);
        let old = view.as_ref().zip(inner);
        Some(Linking::new(
            &new.view(&self.params),
            old,
            metric,
            kernels,
            params,
        ))
    }

    /// A step of it.
    pub fn link_zones(&self, linking: &mut Linking, exec: Exec<'_>) -> Result<LinkingReport> {
        let zones = self.batch.as_ref().and_then(|batch| batch.zones.as_ref());
        let Stored { rows, codes } = self.stored();
        match (zones, codes) {
            (Some(zones), Some(codes)) => {
                linking.step(&zones.view(&self.params), (rows, codes), exec)
            }
            _ => Ok(linking.report()),
        }
    }

    /// The graphs that are made.
    pub fn linked_zones(&self, linking: Linking) -> Option<Inner> {
        let zones = self.batch.as_ref()?.zones.as_ref()?;
        let old = inner_of(self.zones.as_ref(), &self.params);
        let view = zones.view(&self.params);
        Some(linking.finish(&view, old, self.vectors.len()))
    }

    /// Takes them in; they are shown with the batch.
    pub fn take_inner(&mut self, inner: Option<Inner>) {
        if let Some(zones) = self.batch.as_mut().and_then(|batch| batch.zones.as_mut()) {
            zones.inner = inner;
        }
    }

    /// Chooses the links of the next round; `None` when there is none.
    pub fn propose(&self, exec: Exec<'_>) -> Result<Option<Round>> {
        match &self.graph {
            Some(graph) => graph.propose(self.stored(), exec),
            None => Ok(None),
        }
    }

    /// See [`GrowingGraph::place`].
    pub fn place(&mut self, round: &Round) {
        if let Some(graph) = &mut self.graph {
            graph.place(round);
        }
    }

    /// See [`GrowingGraph::weigh`].
    pub fn weigh(&self, round: &mut Round, exec: Exec<'_>) {
        if let Some(graph) = &self.graph {
            graph.weigh(self.stored(), round, exec);
        }
    }

    /// See [`GrowingGraph::link`].
    pub fn link(&mut self, round: Round) {
        if let Some(mut graph) = self.graph.take() {
            graph.link(self.stored(), round);
            self.graph = Some(graph);
        }
    }

    /// Nodes linked, and nodes there are to link.
    pub fn linked(&self) -> (usize, usize) {
        self.graph.as_ref().map_or((0, 0), GrowingGraph::progress)
    }

    /// Plans the sweep.
    pub fn begin_sweep(&mut self) {
        // Who was found by the vectors, or by other codes, may not be found by these.
        let everyone = self
            .batch
            .as_ref()
            .is_some_and(|batch| !Self::leaves_codes(batch));
        if let Some(graph) = &mut self.graph {
            graph.begin_sweep(everyone);
        }
    }

    /// See [`GrowingGraph::sweep`].
    pub fn sweep(&self, exec: Exec<'_>) -> Result<Option<Missed>> {
        match &self.graph {
            Some(graph) => graph.sweep(self.stored(), exec),
            None => Ok(None),
        }
    }

    /// See [`GrowingGraph::mend`].
    pub fn mend(&mut self, missed: Missed) -> (usize, usize) {
        let graph = self.graph.as_mut();
        graph.map_or((0, 0), |graph| graph.mend(missed))
    }

    /// Shows the batch; the first slot of it.
    ///
    /// # Panics
    /// Where rounds are left.
    pub fn show(&mut self) -> Slot {
        let first = self.params.rows;
        if self.replaces_strips() {
            (self.zones, self.plan.zones) = (None, None);
        }
        let Some(batch) = self.batch.take() else {
            return first;
        };
        self.params.rows += batch.rows;
        self.keys.take_in(&batch.keys, batch.rows);
        match batch.codes {
            NewCodes::AsBefore => {}
            NewCodes::Instead(codes) => self.codes = Some(codes),
            NewCodes::GivenUp => self.codes = None,
        }
        (self.decided_rows, self.shortest) = (batch.decided_rows, batch.shortest);
        if batch.zones.is_some() {
            self.zones = batch.zones;
        }
        if batch.note.is_some() {
            self.note = batch.note;
        }
        let relinked = batch.graph.is_some();
        if let Some(graph) = batch.graph {
            self.graph = Some(*graph);
        }
        if let Some(graph) = &mut self.graph {
            if !relinked {
                graph.show();
            }
            let HnswParams {
                m, ef_construction, ..
            } = graph.params();
            let number = |value| u32::try_from(value).expect("it came from one");
            self.params.kind = Kind::Hnsw;
            self.params.m = number(m);
            self.params.ef_construction = number(ef_construction);
        }
        first
    }

    /// Puts everything back as it was before [`append`](Self::append).
    pub fn take_back(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let rows = self.shown_rows();
        self.vectors.truncate(rows);
        if let Some(codes) = &mut self.codes {
            let bytes = rows * codes.form.stride(codes.centre.len());
            codes.bytes.truncate(bytes);
        }
        if batch.makes_graph {
            self.graph = None;
        } else if let Some(graph) = &mut self.graph {
            graph.take_back();
        }
    }
}

const fn hnsw(params: &Params, m: u32, ef_construction: u32) -> HnswParams {
    HnswParams {
        m: m as usize,
        ef_construction: ef_construction as usize,
        seed: params.seed,
    }
}
