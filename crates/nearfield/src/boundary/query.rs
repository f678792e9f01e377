//! An index as the bindings see it: every argument is checked here, once, before the core is asked.
//!
//! ```text
//! Frozen   built, loaded or mapped ── the first batch: thaw ──► Growing   takes batches
//!    ▲                                                            │
//!    └───────────────── freeze: an index of its own ◄─────────────┘
//! ```
//! One lock: calls share it, and a batch takes it alone for the short parts of its steps. A panic
//! inside those leaves the index `CLOSED`.

use super::SearchParams;
use super::coding::AGREEMENT_MIN;
use super::kinds::Choice;
use super::options::{self, BUILD, EF_DEFAULT, RECALL_EFFORT, RECALL_UNITS};
use crate::codec::Codec;
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::ids::{KeyColumn, NO_SLOT, Slot};
use crate::index::grow::{Growing, Plan};
use crate::index::inner::Inner;
use crate::index::keys::Keys;
use crate::index::zones::Zones;
use crate::index::{self, Answer, Clock, How, Params, Told, hnswlib};
use crate::kernels::Isa;
use crate::matrix::stride;
use crate::metric::Metric;
use crate::zones::probe::Phase;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What an index is at a time.
#[derive(Debug)]
pub(super) enum Form {
    /// As it was built or opened.
    Frozen(Arc<index::Index>),
    /// As it takes batches.
    Growing(Box<Growing>),
}

impl Form {
    fn params(&self) -> &Params {
        match self {
            Self::Frozen(index) => index.params(),
            Self::Growing(growing) => growing.params(),
        }
    }

    fn search(
        &self,
        query: &[f32],
        how: How,
        slots: &mut [Slot],
        distances: &mut [f32],
    ) -> Result<usize> {
        match self {
            Self::Frozen(index) => index.search(query, how, slots, distances),
            Self::Growing(growing) => growing.search(query, how, slots, distances),
        }
    }

    fn piece(&self, queries: usize, how: How, threads: usize) -> Result<usize> {
        match self {
            Self::Frozen(index) => index.piece(queries, how, threads),
            Self::Growing(growing) => growing.piece(queries, how, threads),
        }
    }

    fn search_many(
        &self,
        queries: &[f32],
        how: How,
        exec: Exec<'_>,
        answers: &mut [Answer<'_>],
    ) -> Result<()> {
        match self {
            Self::Frozen(index) => index.search_many(queries, how, exec, answers),
            Self::Growing(growing) => growing.search_many(queries, how, exec, answers),
        }
    }

    fn explain(&self, query: &[f32], how: How, clock: Clock<'_>) -> Result<Told> {
        match self {
            Self::Frozen(index) => index.explain(query, how, clock),
            Self::Growing(growing) => growing.explain(query, how, clock),
        }
    }

    /// Where walks start, [`NO_SLOT`] without rows; `None` for a flat index.
    fn entry(&self) -> Option<Slot> {
        match self {
            Self::Frozen(index) => index.graph().map(|graph| graph.entry),
            Self::Growing(growing) => growing.entry(),
        }
    }

    /// The zones there are, and the codec between them and the vectors.
    fn zones(&self) -> (Option<&Zones>, Option<Codec>) {
        let (zones, codes) = match self {
            Self::Frozen(index) => (index.zones(), index.refines()),
            Self::Growing(growing) => (growing.zones(), growing.refines()),
        };
        (zones, codes.then_some(Codec::Sq8))
    }

    fn codec(&self) -> Codec {
        match self {
            Self::Frozen(index) => index.codec(),
            Self::Growing(growing) => growing.codec(),
        }
    }

    /// Whether the vectors are there and not their codes alone.
    fn keeps_vectors(&self) -> bool {
        match self {
            Self::Frozen(index) => index.rows().is_some(),
            Self::Growing(_) => true,
        }
    }

    fn isa(&self) -> Isa {
        match self {
            Self::Frozen(index) => index.isa(),
            Self::Growing(growing) => growing.isa(),
        }
    }

    /// What was chosen while it grew and why.
    fn note(&self) -> Option<&str> {
        match self {
            Self::Frozen(_) => None,
            Self::Growing(growing) => growing.note(),
        }
    }

    /// Refuses a form that changes: of these the parts of a file would not fit each other.
    fn file(&self) -> Result<&index::Index> {
        match self {
            Self::Frozen(index) => Ok(index),
            Self::Growing(_) => Err(Error::new(
                Code::Io,
                "this index takes rows: its file is that of a frozen copy",
            )),
        }
    }

    /// As it is now, for good.
    fn frozen(&self) -> Result<Arc<index::Index>> {
        match self {
            Self::Frozen(index) => Ok(Arc::clone(index)),
            Self::Growing(growing) => Ok(Arc::new(growing.freeze()?)),
        }
    }
}

/// An index that answers: any number of threads may search at once, also while a batch is added.
#[derive(Debug)]
pub struct Index {
    form: RwLock<Form>,
    dim: u32,
    metric: Metric,
    /// What `auto` chose for kind and codec and why, where it had to.
    chosen: Option<String>,
    plan: Plan,
    /// What writing it as another library's file needs, once somebody asked. Of a frozen form.
    export: OnceLock<hnswlib::Plan>,
}

impl Index {
    pub(super) fn new(index: index::Index, chosen: Option<String>, plan: Plan) -> Self {
        Self::of(Form::Frozen(Arc::new(index)), chosen, plan)
    }

    /// Of a file, which says what the index is and not what was asked for: rows that are added later
    /// go into the graph there is, or none. `codec` is what the caller asked for, if it was.
    pub(super) fn opened(
        index: index::Index,
        chosen: Option<String>,
        codec: Option<Codec>,
    ) -> Self {
        let plan = Plan {
            graph: None,
            flat_rows_max: 0,
            codec,
            keeps_codec: true,
            zones: None,
            inner: None,
            agreement_min: AGREEMENT_MIN,
        };
        Self::new(index, chosen, plan)
    }

    fn of(form: Form, chosen: Option<String>, plan: Plan) -> Self {
        let Params { dim, metric, .. } = *form.params();
        Self {
            form: RwLock::new(form),
            dim,
            metric,
            chosen,
            plan,
            export: OnceLock::new(),
        }
    }

    /// An index without rows, made to take them. The options are those of a build, as JSON; kind
    /// `auto` is a graph.
    ///
    /// # Panics
    /// Never: what it relies on is the table of options, which is constant.
    pub fn empty(options: &str) -> Result<Self> {
        let values = options::parse(BUILD, options)?;
        if !values.flag("keepVectors") {
            let what = "option keepVectors must be true for an index that takes rows, got false";
            return Err(Error::new(Code::Option, what));
        }
        if values.integer("memory") > 0 {
            let what = "option memory must be left out for an index that takes rows: nobody knows how many";
            return Err(Error::new(Code::Option, what));
        }
        let choice = Choice::new(&values, None)?;
        let plan = choice.growth(&values);
        let (m, ef_construction) = plan.graph.or(plan.inner).unwrap_or((0, 0));
        let params = Params {
            kind: choice.kind,
            rows: 0,
            dim: u32::try_from(values.integer("dim")).expect("the table's limit"),
            metric: Metric::parse(values.word("metric")).expect("the table's words"),
            seed: values.integer("seed"),
            m,
            ef_construction,
        };
        let chosen = (!choice.chosen.is_empty()).then(|| choice.chosen.join("; "));
        let growing = Growing::new(params, plan.clone(), super::isa_limit(&values))?;
        Ok(Self::of(Form::Growing(Box::new(growing)), chosen, plan))
    }

    /// Shares the index with other calls.
    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, Form>> {
        self.form.read().map_err(|_| stopped())
    }

    /// As [`read`](Self::read) for what can be told of an index that a panic stopped, too.
    fn peek(&self) -> RwLockReadGuard<'_, Form> {
        self.form.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shuts other calls out.
    pub(super) fn write(&self) -> Result<RwLockWriteGuard<'_, Form>> {
        self.form.write().map_err(|_| stopped())
    }

    pub(super) const fn metric(&self) -> Metric {
        self.metric
    }

    /// Makes a frozen index one that takes rows.
    pub(super) fn thaw(&self, exec: Exec<'_>) -> Result<()> {
        let index = match &*self.read()? {
            Form::Frozen(index) => Arc::clone(index),
            Form::Growing(_) => return Ok(()),
        };
        // Nobody waits for this: searches go on in the frozen form.
        let growing = Growing::thaw(&index, self.plan.clone(), exec)?;
        let mut form = self.write()?;
        if let Form::Frozen(_) = &*form {
            *form = Form::Growing(Box::new(growing));
        }
        Ok(())
    }

    /// Refuses keys that do not go with those there are, and all rows where there are no vectors to
    /// compare them with.
    pub(super) fn judge_keys(&self, keys: &Keys, rows: u32) -> Result<()> {
        match &*self.read()? {
            Form::Frozen(index) => index.rows_for("adding rows").map(drop),
            Form::Growing(growing) if rows > 0 => growing.judge_keys(keys),
            Form::Growing(_) => Ok(()),
        }
    }

    /// An index of its own that stays as this one is now: to be saved or checked while this one grows.
    /// Of an index that never grew it is the same memory, else a copy.
    pub fn freeze(&self) -> Result<Self> {
        let form = Form::Frozen(self.read()?.frozen()?);
        Ok(Self::of(form, self.chosen.clone(), self.plan.clone()))
    }

    /// Rows; with [`dim`](Self::dim), what a binding sizes its buffers by.
    pub fn size(&self) -> u32 {
        self.peek().params().rows
    }

    /// Numbers a vector.
    pub const fn dim(&self) -> u32 {
        self.dim
    }

    /// Whether the index keeps its vectors; where it does not, searches ask for no
    /// [`rerank`](SearchParams::rerank).
    pub fn keeps_vectors(&self) -> bool {
        self.peek().keeps_vectors()
    }

    /// JSON: `{ size, dim, metric, kind, keys: "rows"|"numbers"|"text", codec, isa, bytes, vectors, vectorBytes,
    /// M, efConstruction, levels, zones, soar, graphs, codeNumbers, refine, seed, sections: [{ name, bytes }], chosen }`; what `stats()` shows.
    /// `M` and `efConstruction` are null without a graph, `graphs` counts the zones that have one of their own, `codeNumbers` without trained points, `zones` and `refine` (codes between a scan and
    /// the vectors) without strips, `chosen` where nothing was left to choose.
    /// Where `vectors` is false there are codes only, and `vectorBytes` is what that saves.
    pub fn info(&self) -> String {
        let form = self.peek();
        let params = form.params();
        let (zones, refine) = form.zones();
        let (levels, keys, layout) = match &*form {
            Form::Frozen(index) => {
                let levels =
                    |graph: &index::graph::Graph| u32::from(params.rows > 0) * (graph.level + 1);
                let layout = index.layout().clone();
                let inner = index.zones().and_then(|zones| zones.inner.as_ref());
                let graph = index.graph().or(inner.map(|inner| &inner.graph));
                (graph.map(levels), index.keys().name(), layout)
            }
            Form::Growing(growing) => (growing.levels(), growing.keys_name(), growing.layout()),
        };
        let entries = layout.entries().iter();
        let sections: Vec<Value> = entries
            .map(|entry| json!({ "name": entry.section.name(), "bytes": entry.bytes }))
            .collect();
        let about = json!({
            "size": params.rows,
            "dim": params.dim,
            "metric": params.metric.name(),
            "kind": params.kind.name(),
            "keys": keys,
            "M": levels.map(|_| params.m),
            "efConstruction": levels.map(|_| params.ef_construction),
            "seed": params.seed,
            "levels": levels.unwrap_or(0),
            "zones": zones.map(Zones::count),
            "probes": zones.map(|zones| zones.probes(params)),
            "soar": zones.is_some_and(|zones| zones.soar),
            "graphs": zones.and_then(|zones| zones.inner.as_ref()).map_or(0, Inner::count),
            "codeNumbers": zones.map(|zones| zones.bits.trained_numbers()).filter(|numbers| *numbers > 0),
            "refine": refine.map(Codec::name),
            "codec": form.codec().name(),
            "isa": form.isa().name(),
            "bytes": layout.file_bytes(),
            "vectors": form.keeps_vectors(),
            "vectorBytes": u64::from(params.rows) * stride(params.dim as usize) as u64 * 4,
            "sections": sections,
            "chosen": self.chosen(&form),
        });
        options::written(&about)
    }

    fn chosen(&self, form: &Form) -> Option<String> {
        let made = self.chosen.as_deref().into_iter();
        let chosen: Vec<&str> = made.chain(form.note()).collect();
        (!chosen.is_empty()).then(|| chosen.join("; "))
    }

    /// The nearest rows to `query`, nearest first, ties by slot. `slots` and `distances` hold at
    /// least `min(k, size)`. Returns how many were written. Allocates nothing after warm-up.
    pub fn search_into(
        &self,
        query: &[f32],
        params: SearchParams,
        slots: &mut [u32],
        distances: &mut [f32],
    ) -> Result<usize> {
        let how = how(params)?;
        self.check_query(query)?;
        let form = self.read()?;
        let wanted = how.k.min(form.params().rows as usize);
        for (name, room) in [("slots", slots.len()), ("distances", distances.len())] {
            expect(room >= wanted, || {
                format!("{name} holds {room}, expected at least {wanted}")
            })?;
        }
        form.search(query, how, slots, distances)
    }

    /// As [`search_into`](Self::search_into) for `queries` row-major, which are spread over threads; of
    /// one query alone the strips of its zones are, where these are many. Row `i` of `slots` and
    /// `distances` is `k` wide and has `counts[i]` answers.
    pub fn search_batch(
        &self,
        queries: &[f32],
        params: SearchParams,
        exec: Exec<'_>,
        slots: &mut [u32],
        distances: &mut [f32],
        counts: &mut [u32],
    ) -> Result<()> {
        let how = how(params)?;
        let dim = self.dim() as usize;
        let received = queries.len();
        expect(received.is_multiple_of(dim), || {
            format!("queries have {received} numbers, expected a multiple of dim {dim}")
        })?;
        let rows = received / dim;
        expect(counts.len() == rows, || {
            format!(
                "counts holds {}, expected {rows}, one a query",
                counts.len()
            )
        })?;
        for (name, room) in [("slots", slots.len()), ("distances", distances.len())] {
            expect(rows.checked_mul(how.k) == Some(room), || {
                format!("{name} holds {room}, expected {rows} queries × k {}", how.k)
            })?;
        }
        for (row, query) in queries.chunks_exact(dim).enumerate() {
            if let Some(fault) = index::not_finite(query) {
                return Err(index::refuse_not_finite(&format!("query {row}"), fault));
            }
        }
        let form = &*self.read()?;
        let outputs = slots
            .chunks_exact_mut(how.k)
            .zip(distances.chunks_exact_mut(how.k));
        let answers = outputs
            .zip(counts)
            .map(|((slots, distances), count)| Answer {
                slots,
                distances,
                count,
            });
        let mut answers: Vec<_> = answers.collect();
        if rows == 1 {
            return form.search_many(queries, how, exec, &mut answers);
        }
        let piece = form.piece(rows, how, exec.threads())?;
        let failed = OnceLock::new();
        exec.parts(&mut answers, piece, |at, answers| {
            let queries = &queries[at * piece * dim..][..answers.len() * dim];
            if let Err(error) = form.search_many(queries, how, Exec::Serial, answers) {
                // Whichever comes first: they are of one kind.
                let _ = failed.set(error);
            }
        });
        failed.into_inner().map_or(Ok(()), Err)
    }

    /// What a search for this query does, as JSON: `{ found, distances: { byCode, byVector },
    /// expanded: [of level 0, 1, …], pool, entry, k, ef, probes, promise: { recall, least, left }, scanned, kept, phases: { rotate,
    /// table, route, scan, codes, vectors }, exact, rerank, kind, codec, isa, chosen }`. `entry` is a slot, null where nothing is walked; `ef` is the one that counts. `probes`
    /// zones had `scanned` rows, of which `kept` were judged; null where no strips are scanned. `phases` are
    /// microseconds of its parts, by the caller's clock of milliseconds, as the mean of a few searches. `promise` is null where no recall was
    /// asked for; `least` is the share of a zone that is scanned and `left` that of the first that was not, both null where
    /// a number of zones stands for the recall.
    pub fn explain(&self, query: &[f32], params: SearchParams, clock: Clock<'_>) -> Result<String> {
        let how = how(params)?;
        self.check_query(query)?;
        let form = self.read()?;
        let Told {
            trace,
            probed,
            span,
            phases,
            found,
        } = form.explain(query, how, clock)?;
        let phases = phases.map(|phases| {
            let named = Phase::ALL.iter().map(|phase| phase.name().to_owned());
            let micros = phases.iter().map(|millis| Value::from(millis * 1e3));
            named.zip(micros).collect::<serde_json::Map<_, _>>()
        });
        let entry = form.entry();
        let walked = entry.filter(|&entry| !how.exact && entry != NO_SLOT);
        Ok(options::written(&json!({
            "found": found,
            "distances": { "byCode": trace.by_code, "byVector": trace.by_vector },
            "expanded": trace.expanded,
            "pool": trace.pool,
            "entry": walked,
            "k": how.k,
            "ef": walked.map(|_| how.ef.max(how.k)),
            "probes": probed.map(|probed| probed.zones),
            "promise": probed.and(how.recall).map(|recall| json!({
                "recall": recall,
                "least": span.map(|span| span.least),
                "left": span.and(probed).map(|probed| probed.left),
            })),
            "scanned": probed.map(|probed| probed.scanned),
            "kept": probed.map(|probed| probed.kept),
            "phases": phases,
            "exact": walked.is_none() && trace.by_code == 0,
            "rerank": trace.by_vector > 0,
            "kind": form.params().kind.name(),
            "codec": form.codec().name(),
            "isa": form.isa().name(),
            "chosen": self.chosen(&form),
        })))
    }

    fn check_query(&self, query: &[f32]) -> Result<()> {
        let dim = self.dim() as usize;
        expect(query.len() == dim, || {
            format!("query has {} numbers, expected {dim}", query.len())
        })?;
        match index::not_finite(query) {
            Some(fault) => Err(index::refuse_not_finite("query", fault)),
            None => Ok(()),
        }
    }

    /// The key of every slot; `None` when keys are row numbers.
    pub fn keys(&self) -> Option<KeyColumn> {
        match &*self.peek() {
            Form::Frozen(index) => index.keys().to_column(),
            Form::Growing(growing) => growing.keys(),
        }
    }

    /// The length of the index's file.
    pub fn file_bytes(&self) -> u64 {
        match &*self.peek() {
            Form::Frozen(index) => index.layout().file_bytes(),
            Form::Growing(growing) => growing.layout().file_bytes(),
        }
    }

    /// Copies file bytes `offset..offset + out.len()`. A growing index has no file: see
    /// [`freeze`](Self::freeze).
    pub fn read_file(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.read()?.file()?.read_file(offset, out)
    }

    /// The length of the index's file in the form of hnswlib; an error where it cannot have it. Of a
    /// growing index, too: see [`freeze`](Self::freeze).
    pub fn export_bytes(&self) -> Result<u64> {
        Ok(self.export(self.read()?.file()?)?.file_bytes())
    }

    /// Copies bytes `offset..offset + out.len()` of the file in the form of hnswlib.
    pub fn read_export(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let form = self.read()?;
        let index = form.file()?;
        self.export(index)?.read(index, offset, out)
    }

    /// How `index`, the frozen form, is written: that form never changes while it is there.
    fn export(&self, index: &index::Index) -> Result<&hnswlib::Plan> {
        if let Some(plan) = self.export.get() {
            return Ok(plan);
        }
        let plan = hnswlib::Plan::new(index)?;
        // Two threads may both make it; they make the same.
        Ok(self.export.get_or_init(|| plan))
    }

    /// Walks every invariant (reachability too).
    pub fn check(&self) -> Result<()> {
        let frozen = self.read()?.frozen()?;
        frozen.check()
    }
}

fn stopped() -> Error {
    Error::new(
        Code::Closed,
        "this index was stopped by a panic while rows were added",
    )
}

fn how(params: SearchParams) -> Result<How> {
    if params.k == 0 {
        return Err(Error::new(
            Code::Option,
            "option k must be at least 1, got 0",
        ));
    }
    let promised = params.effort.checked_sub(RECALL_EFFORT);
    let effort = if promised.is_some() { 0 } else { params.effort };
    let ef = if effort == 0 { EF_DEFAULT } else { effort };
    Ok(How {
        k: params.k as usize,
        ef: ef as usize,
        probes: effort as usize,
        recall: promised.map(recall_of),
        exact: params.exact,
        rerank: params.rerank,
    })
}

/// A recall in [`RECALL_UNITS`] as a number.
#[allow(clippy::cast_possible_truncation)] // a part of one
fn recall_of(units: u32) -> f32 {
    (f64::from(units) / f64::from(RECALL_UNITS)) as f32
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::new(Code::Dimension, message()))
    }
}
