//! A build in steps.
//!
//! ```text
//! new ─► Prepare ─┬─► Encode … ─┬─► Plan ─► Link … ─► Recode ─► Repair ─► Done ─► finish      hnsw
//!                 └─────────────┤  no codes
//!                               ├─► Part … ─► trial ──────────────────────► Done               zones, and
//!                               │        │    └─► Encode … of hnsw          ▲       flat with strips
//!                               │        └─► LinkZones … ───────────────────┘       zones with graphs
//!                               └───────────────────────────────────────► Done               flat
//! Recode                          codes that only walks go by: linking needs the memory
//! Repair ─► Relink ─► Repair      where codes are given up by which rows were linked
//! ```
//!
//! Invariant: a step is bounded by rows, not by the size of the data, and cut the same way for any
//! number of threads. A step that panics leaves its builder poisoned; nothing of it is used again.

use super::coding::{AGREEMENT_MIN, Coding};
use super::generator::Dataset;
use super::kinds::Choice;
use super::options::{self, BUILD, Values};
use super::query::Index;
use super::{Phase, Progress, isa_limit};
use crate::codec::{Codes, Encoder, Form, Stored};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::hnsw::{BuildPhase, FrozenArrays, HnswBuilder, HnswParams, StepReport};
use crate::ids::{KeyColumn, ROWS_MAX};
use crate::index::grow::Plan;
use crate::index::inner::{Linking, LinkingReport};
use crate::index::keys::Keys;
use crate::index::zones::Zones;
use crate::index::{self, Kind, Params, Parts};
use crate::kernels::{Isa, kernels};
use crate::matrix::Matrix;
use crate::metric::Metric;
use crate::zones::trial;
use crate::zones::{ZoneArrays, ZonesBuilder, ZonesParams, ZonesPhase, ZonesReport};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Numbers a prepare step handles: some milliseconds of work, whatever the dimension.
const STEP_NUMBERS: usize = 4 << 20;
/// Rows one thread prepares at a time.
const ROWS_GRAIN: usize = 64;

/// Builds one index in steps.
#[derive(Debug)]
pub struct Builder {
    params: Params,
    isa: Option<Isa>,
    /// What `auto` chose and why.
    chosen: Vec<String>,
    /// For rows that are added later.
    plan: Plan,
    vectors: Matrix,
    /// Whether the index keeps them.
    keeps_vectors: bool,
    coding: Coding,
    zones: Option<ZonesParams>,
    /// Whether the strips must pass a trial.
    tried: bool,
    keys: Keys,
    stage: Stage,
    /// The codes to make once rows are linked.
    later: Option<Form>,
    /// Rows that were repaired when links had to be made again; progress goes on from there.
    repaired: usize,
    poisoned: Option<String>,
}

#[derive(Debug)]
enum Stage {
    /// This many rows are checked and normalised.
    Prepare(usize),
    /// All rows are ready and are being coded.
    Encode(Box<Encoder>),
    /// All rows are ready, coded or not; twins and levels come next.
    Plan,
    Link(Box<HnswBuilder>),
    /// Every row is linked and is being coded for walks.
    Recode(Box<Encoder>, Box<HnswBuilder>),
    /// Reachability comes next.
    Repair(Box<HnswBuilder>),
    /// Links are made again, for codes were given up while repairing: a part of that to who looks on.
    Relink(Box<HnswBuilder>),
    /// Rows are given to zones and coded in strips.
    Part(Box<ZonesBuilder>),
    /// The rows of zones are linked.
    LinkZones(Box<Zones>, Box<Linking>),
    Done(Made),
}

/// What finds rows, once it is made.
#[derive(Debug)]
enum Made {
    /// Nothing but the rows and their codes.
    Rows,
    Graph(Box<FrozenArrays>),
    Zones(Box<Zones>),
}

impl Builder {
    /// Takes a copy of `vectors` (row-major, `rows × dim`), the options as JSON (see
    /// [`options`]) and the keys, if any. Shape, option and key errors
    /// surface here, non-finite values in the first steps.
    ///
    /// # Panics
    /// Never: what it relies on is the table of options, which is constant.
    pub fn new(vectors: &[f32], options: &str, keys: Option<KeyColumn>) -> Result<Self> {
        Self::new_by(Exec::Serial, vectors, options, keys)
    }

    /// As [`new`](Self::new), copying by all threads.
    ///
    /// # Panics
    /// Never: what it relies on is the table of options, which is constant.
    pub fn new_by(
        exec: Exec<'_>,
        vectors: &[f32],
        options: &str,
        keys: Option<KeyColumn>,
    ) -> Result<Self> {
        let values = options::parse(BUILD, options)?;
        let dim = u32::try_from(values.integer("dim")).expect("the table's limit");
        let rows = rows_of(vectors.len(), dim)?;
        let copy = || Matrix::try_copy(vectors, dim as usize, exec);
        Self::over(&values, rows, keys, copy)
    }

    /// As [`new`](Self::new) over the rows a data set keeps, which become the index's own: nothing is
    /// copied. An error leaves the rows lost.
    ///
    /// # Panics
    /// Never: a data set has no more rows than an index can.
    pub fn of_dataset(dataset: Dataset, options: &str, keys: Option<KeyColumn>) -> Result<Self> {
        let values = options::parse(BUILD, options)?;
        let matrix = dataset.into_matrix()?;
        let (dim, made) = (values.integer("dim"), matrix.dim());
        if dim != made as u64 {
            let message = format!("rows have {made} numbers, expected dim {dim}");
            return Err(Error::new(Code::Dimension, message));
        }
        let rows = u32::try_from(matrix.len()).expect("the table's limit");
        Self::over(&values, rows, keys, || Ok(matrix))
    }

    /// Options and keys are checked before there is memory for rows.
    fn over(
        values: &Values,
        rows: u32,
        keys: Option<KeyColumn>,
        vectors: impl FnOnce() -> Result<Matrix>,
    ) -> Result<Self> {
        let dim = u32::try_from(values.integer("dim")).expect("the table's limit");
        let choice = Choice::new(values, Some(rows))?;
        let plan = choice.growth(values);
        let Choice {
            kind,
            chosen,
            coding,
            zones,
            inner,
            tried,
            keeps_vectors,
        } = choice;
        let graph = kind == Kind::Hnsw || inner;
        let setting = |name| u32::try_from(values.integer(name)).expect("the table's limit");
        let params = Params {
            kind,
            rows,
            dim,
            metric: Metric::parse(values.word("metric")).expect("the table's words"),
            seed: values.integer("seed"),
            m: if graph { setting("M") } else { 0 },
            ef_construction: if graph { setting("efConstruction") } else { 0 },
        };
        let keys = Keys::from_column(keys, rows)?;
        let vectors = vectors()?;
        let isa = isa_limit(values);
        let stage = Stage::Prepare(0);
        Ok(Self {
            params,
            isa,
            chosen,
            plan,
            vectors,
            coding,
            zones,
            tried,
            keeps_vectors,
            keys,
            stage,
            later: None,
            repaired: 0,
            poisoned: None,
        })
    }

    /// Does one bounded piece of work. A panic inside poisons the builder; an error ends it.
    pub fn step(&mut self, exec: Exec<'_>) -> Result<Progress> {
        if let Some(why) = &self.poisoned {
            let message = format!("builder is poisoned by an earlier panic: {why}");
            return Err(Error::new(Code::Closed, message));
        }
        // Unwind safety: a half-changed builder is never looked at again, except to be dropped.
        catch_unwind(AssertUnwindSafe(|| self.advance(exec))).unwrap_or_else(|payload| {
            let why = said(payload.as_ref());
            let message = format!("building panicked: {why}");
            self.poisoned = Some(why);
            Err(Error::new(Code::Backend, message))
        })
    }

    /// The index; an error while steps are left.
    pub fn finish(self) -> Result<Index> {
        if let Some(why) = self.poisoned {
            let message = format!("builder is poisoned by an earlier panic: {why}");
            return Err(Error::new(Code::Closed, message));
        }
        let Stage::Done(made) = self.stage else {
            return Err(Error::new(
                Code::Closed,
                "the build is not done: steps are left",
            ));
        };
        let (codes, codec) = self.coding.finish();
        let (graph, zones) = match made {
            Made::Rows => (None, None),
            Made::Graph(arrays) => (Some((*arrays).into()), None),
            Made::Zones(zones) => (None, Some(*zones)),
        };
        let parts = Parts {
            vectors: self.keeps_vectors.then(|| self.vectors.into_region()),
            codes,
            graph,
            zones,
            keys: self.keys,
        };
        let index = index::Index::new(self.params, parts, self.isa)?;
        let chosen: Vec<_> = self.chosen.into_iter().chain(codec).collect();
        let chosen = (!chosen.is_empty()).then(|| chosen.join("; "));
        Ok(Index::new(index, chosen, self.plan))
    }

    fn advance(&mut self, exec: Exec<'_>) -> Result<Progress> {
        let rows = self.vectors.len();
        let stage = std::mem::replace(&mut self.stage, Stage::Prepare(0));
        let (next, phase, done) = match stage {
            Stage::Prepare(done) if done < rows => {
                let done = self.prepare(done, exec)?;
                (Stage::Prepare(done), Phase::Prepare, done)
            }
            Stage::Prepare(_) => self.prepared(exec)?,
            Stage::Encode(mut encoder) => {
                let done = encoder.step(self.vectors.rows(), exec);
                if done < rows {
                    (Stage::Encode(encoder), Phase::Encode, done)
                } else {
                    self.later = self.judge(*encoder, exec);
                    self.coded(exec)?
                }
            }
            Stage::Part(mut zones) => {
                let report = zones.step(self.vectors.rows(), exec)?;
                if report.phase == ZonesPhase::Done {
                    self.parted(zones.finish(), exec)?
                } else {
                    (Stage::Part(zones), Phase::Part, parted(report, rows))
                }
            }
            Stage::LinkZones(zones, linking) => self.link_zones(zones, linking, exec)?,
            Stage::Plan => (Stage::Link(Box::new(self.plan(exec))), Phase::Link, 0),
            Stage::Link(mut graph) => {
                let report = graph.step(self.stored(self.coding.links()), exec)?;
                if report.phase == BuildPhase::Link && report.done < report.total {
                    (Stage::Link(graph), Phase::Link, report.done)
                } else {
                    (self.linked(graph, exec)?, Phase::Repair, 0)
                }
            }
            Stage::Recode(mut encoder, graph) => {
                let next = if encoder.step(self.vectors.rows(), exec) < rows {
                    Stage::Recode(encoder, graph)
                } else {
                    self.judge(*encoder, exec);
                    Stage::Repair(graph)
                };
                (next, Phase::Repair, 0)
            }
            Stage::Relink(mut graph) => {
                let report = graph.step(self.stored(None), exec)?;
                // Most of what is left; the rest is repairing.
                let most = (rows - self.repaired) / 4 * 3;
                let done = self.repaired + share(most, report);
                if report.phase == BuildPhase::Link && report.done < report.total {
                    (Stage::Relink(graph), Phase::Repair, done)
                } else {
                    self.repaired = done;
                    (Stage::Repair(graph), Phase::Repair, done)
                }
            }
            Stage::Repair(graph) => self.repair(graph, exec)?,
            Stage::Done(made) => (Stage::Done(made), Phase::Done, rows),
        };
        self.stage = next;
        Ok(Progress {
            phase,
            done: done as u64,
            total: rows as u64,
        })
    }

    /// What comes once rows are ready: codes, where there are to be any.
    fn prepared(&mut self, exec: Exec<'_>) -> Result<(Stage, Phase, usize)> {
        let form = match self.params.kind {
            Kind::Hnsw => self.coding.first(self.vectors.dim()),
            Kind::Flat | Kind::Zones => self.coding.only(),
        };
        match form {
            Some(form) => Ok((Stage::Encode(self.encoder(form, exec)?), Phase::Encode, 0)),
            None => self.coded(exec),
        }
    }

    /// What comes once rows are parted: nothing, or a graph in place of strips that `auto` took and that
    /// find too little.
    fn parted(&mut self, arrays: ZoneArrays, exec: Exec<'_>) -> Result<(Stage, Phase, usize)> {
        let rows = self.vectors.rows();
        if std::mem::take(&mut self.tried) {
            let stored = self.stored(self.coding.walks());
            let (view, kernels) = (arrays.view(), kernels(self.isa));
            let found = trial::agreement(&view, stored.into(), rows, kernels, exec);
            let name = arrays.strips.strips().bits().name();
            self.chosen.push(format!(
                "codes of {name} find {found:.3} of sampled rows' neighbours, {AGREEMENT_MIN} are enough"
            ));
            if found < AGREEMENT_MIN {
                (self.zones, self.plan.zones) = (None, None);
                self.coding = Coding::new(None);
                if let Some((m, ef_construction)) = self.plan.graph {
                    (self.params.m, self.params.ef_construction) = (m, ef_construction);
                }
                self.params.kind = Kind::Hnsw;
                self.chosen.push("hnsw in place of flat".into());
                return self.prepared(exec);
            }
        }
        let zones = Box::new(Zones::from(arrays));
        if self.plan.inner.is_none() {
            return Ok((Stage::Done(Made::Zones(zones)), Phase::Done, rows.len()));
        }
        let (metric, kernels) = (self.params.metric, kernels(self.isa));
        let view = zones.view(&self.params);
        let linking = Linking::new(&view, None, metric, kernels, self.hnsw());
        Ok((Stage::LinkZones(zones, Box::new(linking)), Phase::Link, 0))
    }

    /// A step of linking the rows of zones.
    fn link_zones(
        &self,
        mut zones: Box<Zones>,
        mut linking: Box<Linking>,
        exec: Exec<'_>,
    ) -> Result<(Stage, Phase, usize)> {
        let (view, rows) = (zones.view(&self.params), self.vectors.rows());
        if let (false, Some(codes)) = (linking.is_done(), self.coding.walks()) {
            let LinkingReport { done, total } = linking.step(&view, (rows, codes), exec)?;
            let done = rows.len() - (total - done);
            return Ok((Stage::LinkZones(zones, linking), Phase::Link, done));
        }
        let inner = linking.finish(&view, None, rows.len());
        zones.inner = Some(inner);
        Ok((Stage::Done(Made::Zones(zones)), Phase::Done, rows.len()))
    }

    /// What comes once rows are ready, and coded where they are to be.
    fn coded(&self, exec: Exec<'_>) -> Result<(Stage, Phase, usize)> {
        let rows = self.vectors.rows();
        Ok(match (self.params.kind, self.zones) {
            (Kind::Hnsw, _) => (Stage::Plan, Phase::Link, 0),
            (_, None) => (Stage::Done(Made::Rows), Phase::Done, rows.len()),
            (_, Some(params)) => {
                let (metric, kernels) = (self.params.metric, kernels(self.isa));
                let zones = ZonesBuilder::new(rows, metric, kernels, params, exec)?;
                (Stage::Part(Box::new(zones)), Phase::Part, 0)
            }
        })
    }

    /// A step of repairing, or the first of linking again.
    fn repair(
        &mut self,
        mut graph: Box<HnswBuilder>,
        exec: Exec<'_>,
    ) -> Result<(Stage, Phase, usize)> {
        let report = graph.step(self.stored(self.coding.walks()), exec)?;
        let rows = self.vectors.len();
        if graph.crowded() && self.coding.give_up() {
            if graph.linked_by_codes() && self.coding.links().is_none() {
                graph.link_again();
                self.repaired = report.done.min(rows);
                return Ok((Stage::Relink(graph), Phase::Repair, self.repaired));
            }
            graph.repair_again();
        } else if report.phase == BuildPhase::Done {
            let made = Made::Graph(Box::new(graph.finish()));
            return Ok((Stage::Done(made), Phase::Done, rows));
        }
        let done = self.repaired + share(rows - self.repaired, report);
        Ok((Stage::Repair(graph), Phase::Repair, done))
    }

    /// Checks and normalises the next rows; how many are then ready.
    fn prepare(&mut self, done: usize, exec: Exec<'_>) -> Result<usize> {
        prepare_rows(&mut self.vectors, self.params.metric, done, exec)
    }

    fn encoder(&self, form: Form, exec: Exec<'_>) -> Result<Box<Encoder>> {
        let encoder = Encoder::new(form, self.vectors.rows(), self.params.metric, exec)?;
        Ok(Box::new(encoder))
    }

    /// Keeps codes if they are asked for or good; the ones to make next.
    fn judge(&mut self, encoder: Encoder, exec: Exec<'_>) -> Option<Form> {
        let (rows, kernels) = (self.vectors.rows(), kernels(self.isa));
        self.coding
            .judge(encoder, rows, self.params.metric, kernels, exec)
    }

    /// What comes once every row is linked.
    fn linked(&mut self, mut graph: Box<HnswBuilder>, exec: Exec<'_>) -> Result<Stage> {
        if graph.crowded() && self.coding.give_all_up() {
            graph.repair_again();
            self.later = None;
        }
        Ok(match self.later.take() {
            Some(form) => Stage::Recode(self.encoder(form, exec)?, graph),
            None => Stage::Repair(graph),
        })
    }

    fn stored<'a>(&'a self, codes: Option<Codes<'a>>) -> Stored<'a> {
        Stored {
            rows: self.vectors.rows(),
            codes,
        }
    }

    fn plan(&self, exec: Exec<'_>) -> HnswBuilder {
        let (rows, params) = (self.vectors.rows(), self.hnsw());
        HnswBuilder::new(rows, self.params.metric, kernels(self.isa), params, exec)
    }

    /// How rows are linked.
    const fn hnsw(&self) -> HnswParams {
        HnswParams {
            m: self.params.m as usize,
            ef_construction: self.params.ef_construction as usize,
            seed: self.params.seed,
        }
    }
}

/// Rows that are parted, to who looks on: the sample's turns are half of it, giving rows out and coding
/// them a quarter each.
pub(super) fn parted(report: ZonesReport, rows: usize) -> usize {
    let share = |from: usize, to: usize| {
        let (from, to) = (rows * from / 4, rows * to / 4);
        from + (to - from) * report.done / report.total.max(1)
    };
    match report.phase {
        ZonesPhase::Part => share(0, 2),
        ZonesPhase::Assign => share(2, 3),
        ZonesPhase::Code => share(3, 4),
        ZonesPhase::Done => rows,
    }
}

/// Checks and normalises the next rows from `done` on; how many are then ready.
pub(super) fn prepare_rows(
    vectors: &mut Matrix,
    metric: Metric,
    done: usize,
    exec: Exec<'_>,
) -> Result<usize> {
    let step = (STEP_NUMBERS / vectors.stride()).max(1);
    let end = (done + step).min(vectors.len());
    let pending = |row| Pending { row, fault: None };
    let mut rows: Vec<_> = vectors.rows_mut(done..end).map(pending).collect();
    exec.fill(
        &mut rows,
        ROWS_GRAIN,
        || (),
        |(), _, pending| {
            pending.fault = index::not_finite(pending.row);
            if pending.fault.is_none() {
                metric.prepare(pending.row);
            }
        },
    );
    let faulty = rows
        .iter()
        .zip(done..)
        .find_map(|(pending, row)| Some((row, pending.fault?)));
    match faulty {
        None => Ok(end),
        Some((row, fault)) => Err(index::refuse_not_finite(&format!("row {row}"), fault)),
    }
}

/// As much of `rows` as is done of what is reported.
#[allow(clippy::cast_possible_truncation)] // at most `rows`
fn share(rows: usize, report: StepReport) -> usize {
    (rows as u64 * report.done as u64 / report.total.max(1) as u64) as usize
}

/// A row to be prepared, and what stands in its way.
struct Pending<'r> {
    row: &'r mut [f32],
    fault: Option<(usize, f32)>,
}

pub(super) fn rows_of(numbers: usize, dim: u32) -> Result<u32> {
    let refuse = |message| Err(Error::new(Code::Dimension, message));
    if !numbers.is_multiple_of(dim as usize) {
        return refuse(format!(
            "vectors have {numbers} numbers, expected a multiple of dim {dim}"
        ));
    }
    match u32::try_from(numbers / dim as usize) {
        Ok(rows) if u64::from(rows) <= ROWS_MAX => Ok(rows),
        _ => {
            let rows = numbers / dim as usize;
            refuse(format!("{rows} rows, expected at most {ROWS_MAX}"))
        }
    }
}

/// What a panic said.
pub(super) fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_that_panicked_stays_closed() {
        let mut builder = Builder::new(&[1.0, 2.0], r#"{"dim":2}"#, None).expect("good");
        // Not reachable from outside: a stage that does not fit its parameters.
        builder.params.kind = Kind::Hnsw;
        builder.params.m = 1;
        builder.stage = Stage::Plan;
        let first = builder.step(Exec::Serial).expect_err("panics").to_string();
        assert!(
            first.starts_with("BACKEND: building panicked: M is at least 2"),
            "{first}"
        );
        let poisoned = "CLOSED: builder is poisoned by an earlier panic: M is at least 2";
        let again = builder
            .step(Exec::Serial)
            .expect_err("poisoned")
            .to_string();
        assert!(again.starts_with(poisoned), "{again}");
        let finish = builder.finish().expect_err("poisoned").to_string();
        assert!(finish.starts_with(poisoned), "{finish}");
    }
}
