//! A file of another library becomes an index, in steps as a build.
//!
//! ```text
//! new ─► Check … ─► Copy … ─┬─► Encode … ─┬─► Adopt … ─► Done ─► finish
//!                           └─────────────┘ codec f32
//! ```
//!
//! Invariants: nothing larger than the file is reserved before all of it was checked. What was made of
//! the file is checked again at the end: a mapped file may have changed meanwhile. A step is bounded
//! by rows and cut the same way for any number of threads.

use super::coding::Coding;
use super::options::{self, IMPORT};
use super::query::Index;
use super::{Builder, Phase, Progress, isa_limit};
use crate::bytes::region::Region;
use crate::codec::{Codec, Encoder, Form, Stored};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::hnsw::{Adopter, BuildPhase, FrozenArrays};
use crate::ids::{KeyColumn, NO_SLOT};
use crate::index::graph::Graph;
use crate::index::hnswlib::File;
use crate::index::keys::{Keys, gather};
use crate::index::{self, Kind, Params, Parts};
use crate::kernels::{Isa, kernels};
use crate::matrix::Matrix;
use crate::metric::Metric;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Numbers a copy step handles.
const STEP_NUMBERS: usize = 4 << 20;
/// Rows one thread copies at a time.
const ROWS_GRAIN: usize = 64;
/// The least links a node that leave repairing room.
const M_MIN: u32 = 8;

/// An index in the making: from vectors, or from another library's file.
#[derive(Debug)]
pub enum Making {
    /// From vectors.
    Build(Box<Builder>),
    /// From a file.
    Import(Box<Importer>),
}

impl Making {
    /// Does one bounded piece of work. A panic inside ends the making, and so does an error.
    pub fn step(&mut self, exec: Exec<'_>) -> Result<Progress> {
        match self {
            Self::Build(builder) => builder.step(exec),
            Self::Import(importer) => importer.step(exec),
        }
    }

    /// The index; an error while steps are left.
    pub fn finish(self) -> Result<Index> {
        match self {
            Self::Build(builder) => builder.finish(),
            Self::Import(importer) => importer.finish(),
        }
    }
}

impl From<Builder> for Making {
    fn from(builder: Builder) -> Self {
        Self::Build(Box::new(builder))
    }
}

impl From<Importer> for Making {
    fn from(importer: Importer) -> Self {
        Self::Import(Box::new(importer))
    }
}

/// Takes over one hnswlib file in steps.
#[derive(Debug)]
pub struct Importer {
    file: File,
    metric: Metric,
    dim: u32,
    isa: Option<Isa>,
    /// The codec that was asked for; `None` for `auto`.
    codec: Option<Codec>,
    /// By label, where the caller names rows otherwise.
    names: Option<KeyColumn>,
    /// What was chosen and why, the file first.
    chosen: Vec<String>,
    /// The elements that become rows.
    elements: Vec<u32>,
    vectors: Matrix,
    coding: Coding,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The file is being checked.
    Check,
    /// This many rows are copied and brought into the form they are stored in.
    Copy(usize),
    /// All rows are ready and are being coded.
    Encode(Box<Encoder>),
    /// Equal rows are joined next.
    Plan,
    Adopt(Box<Adopter>),
    Done(Box<FrozenArrays>),
    /// A step failed or panicked.
    Broken,
}

impl Importer {
    /// Takes the file's bytes, the options as JSON (`dim` and `metric` are needed) and keys, if any:
    /// the key of label `i` is the `i`th. A file that is not of this form or dimension is refused here.
    ///
    /// # Panics
    /// Never: what it relies on is the table of options, which is constant.
    pub fn new(file: Region, options: &str, keys: Option<KeyColumn>) -> Result<Self> {
        let values = options::parse(IMPORT, options)?;
        let dim = u32::try_from(values.integer("dim")).expect("the table's limit");
        let codec = Codec::parse(values.word("codec"));
        Ok(Self {
            file: File::open(file, dim)?,
            metric: Metric::parse(values.word("metric")).expect("the table's words"),
            dim,
            isa: isa_limit(&values),
            codec,
            names: keys,
            chosen: Vec::new(),
            elements: Vec::new(),
            vectors: Matrix::try_new(0, dim as usize)?,
            coding: Coding::new(codec),
            stage: Stage::Check,
        })
    }

    /// Does one bounded piece of work. A panic or an error inside ends the import.
    pub fn step(&mut self, exec: Exec<'_>) -> Result<Progress> {
        // Unwind safety: whatever is half-changed is never looked at again, except to be dropped.
        catch_unwind(AssertUnwindSafe(|| self.advance(exec))).unwrap_or_else(|payload| {
            let why = super::builder::said(payload.as_ref());
            Err(Error::new(
                Code::Backend,
                format!("opening panicked: {why}"),
            ))
        })
    }

    /// The index; an error while steps are left.
    ///
    /// # Panics
    /// Never: a file has at most as many elements as a slot counts.
    pub fn finish(self) -> Result<Index> {
        let Stage::Done(arrays) = self.stage else {
            return Err(Error::new(
                Code::Closed,
                "the import is not done: steps are left",
            ));
        };
        let params = Params {
            kind: Kind::Hnsw,
            rows: u32::try_from(self.vectors.len()).expect("counted by u32 in the file"),
            dim: self.dim,
            metric: self.metric,
            seed: 0,
            m: m_of(&self.file),
            ef_construction: u32::try_from(self.file.ef_construction()).unwrap_or(u32::MAX),
        };
        let graph = Graph::from(*arrays);
        graph.validate(&params, |_| 0)?;
        let keys = keys(&self.file, &self.elements, self.names)?;
        let (codes, why) = self.coding.finish();
        let parts = Parts {
            vectors: Some(self.vectors.into_region()),
            codes,
            graph: Some(graph),
            zones: None,
            keys,
        };
        let index = index::Index::new(params, parts, self.isa)?;
        let chosen: Vec<_> = self.chosen.into_iter().chain(why).collect();
        Ok(Index::opened(index, Some(chosen.join("; ")), self.codec))
    }

    fn advance(&mut self, exec: Exec<'_>) -> Result<Progress> {
        let stage = std::mem::replace(&mut self.stage, Stage::Broken);
        let (next, phase, done) = match stage {
            Stage::Broken => {
                return Err(Error::new(
                    Code::Closed,
                    "this import was stopped by an earlier error",
                ));
            }
            Stage::Check => {
                let done = self.file.check()?;
                let all = 2 * u64::from(self.file.elements());
                if done == all {
                    self.reserve()?;
                }
                let next = if done == all {
                    Stage::Copy(0)
                } else {
                    Stage::Check
                };
                // A quarter of what is called preparing.
                return Ok(self.report(next, Phase::Prepare, done / 8));
            }
            Stage::Copy(done) if done < self.vectors.len() => {
                let done = self.copy(done, exec)?;
                (Stage::Copy(done), Phase::Prepare, done)
            }
            Stage::Copy(_) => {
                let form = self.coding.first(self.vectors.dim());
                self.encode(form, exec)?
            }
            Stage::Encode(mut encoder) => {
                let done = encoder.step(self.vectors.rows(), exec);
                if done < self.vectors.len() {
                    let done = self.coded(&encoder, done);
                    (Stage::Encode(encoder), Phase::Encode, done)
                } else {
                    let (rows, kernels) = (self.vectors.rows(), kernels(self.isa));
                    let next = self
                        .coding
                        .judge(*encoder, rows, self.metric, kernels, exec);
                    self.encode(next, exec)?
                }
            }
            Stage::Plan => (Stage::Adopt(Box::new(self.plan(exec))), Phase::Link, 0),
            Stage::Adopt(mut adopter) => {
                let mut report = adopter.step(&self.file, self.stored(), exec)?;
                if adopter.crowded() && self.coding.give_up() {
                    adopter.judge_again();
                    report.phase = BuildPhase::Repair;
                }
                match report.phase {
                    BuildPhase::Link => (Stage::Adopt(adopter), Phase::Link, report.done),
                    BuildPhase::Repair => (Stage::Adopt(adopter), Phase::Repair, report.done),
                    BuildPhase::Done => {
                        let arrays = Box::new(adopter.finish());
                        (Stage::Done(arrays), Phase::Done, self.vectors.len())
                    }
                }
            }
            Stage::Done(arrays) => (Stage::Done(arrays), Phase::Done, self.vectors.len()),
        };
        Ok(self.report(next, phase, done as u64))
    }

    fn report(&mut self, next: Stage, phase: Phase, done: u64) -> Progress {
        self.stage = next;
        let rows = self.vectors.len() as u64;
        // Until all is checked nobody knows how many elements are left out.
        let total = if matches!(self.stage, Stage::Check) {
            self.file.elements().into()
        } else {
            rows
        };
        Progress {
            phase,
            done: done.min(total),
            total,
        }
    }

    /// Makes room for the rows that will be, now that the file has been checked.
    fn reserve(&mut self) -> Result<()> {
        let (elements, deleted) = (self.file.elements(), self.file.deleted_count());
        let rows = (elements - deleted) as usize;
        let refuse = |_| Error::new(Code::Memory, format!("{rows} × 4 bytes could not be had"));
        self.elements.try_reserve_exact(rows).map_err(refuse)?;
        self.elements.extend(
            (0..elements)
                .filter(|&element| !self.file.is_deleted(element))
                .take(rows),
        );
        self.vectors = Matrix::try_new(self.elements.len(), self.dim as usize)?;
        self.chosen.push(match deleted {
            0 => format!("opened from hnswlib: {elements} elements"),
            _ => format!(
                "opened from hnswlib: {elements} elements, {deleted} of them deleted and left out"
            ),
        });
        Ok(())
    }

    /// Copies the next rows; how many are then ready.
    fn copy(&mut self, done: usize, exec: Exec<'_>) -> Result<usize> {
        let step = (STEP_NUMBERS / self.vectors.stride()).max(1);
        let end = (done + step).min(self.vectors.len());
        let (file, metric, elements) = (&self.file, self.metric, &self.elements[done..end]);
        let rows = self.vectors.rows_mut(done..end);
        let mut rows: Vec<_> = rows.map(|row| (row, Ok(()))).collect();
        exec.fill(
            &mut rows,
            ROWS_GRAIN,
            || (),
            |(), at, (row, read)| *read = file.read_row(elements[at], metric, row),
        );
        rows.into_iter().try_for_each(|(_, read)| read)?;
        Ok(end)
    }

    fn stored(&self) -> Stored<'_> {
        Stored {
            rows: self.vectors.rows(),
            codes: self.coding.walks(),
        }
    }

    /// The stage that makes these codes, or the one after all are made.
    fn encode(&self, form: Option<Form>, exec: Exec<'_>) -> Result<(Stage, Phase, usize)> {
        let Some(form) = form else {
            return Ok((Stage::Plan, Phase::Link, 0));
        };
        let encoder = Encoder::new(form, self.vectors.rows(), self.metric, exec)?;
        let done = self.coded(&encoder, 0);
        Ok((Stage::Encode(Box::new(encoder)), Phase::Encode, done))
    }

    /// Rows that have a code when the encoder is `done` with so many: all, once they have one form.
    fn coded(&self, encoder: &Encoder, done: usize) -> usize {
        match encoder.form() {
            Form::Sq8 => done,
            Form::Sq4 => self.vectors.len(),
        }
    }

    fn plan(&self, exec: Exec<'_>) -> Adopter {
        let file = &self.file;
        let elements = (
            self.elements.clone(),
            file.elements() as usize,
            file.entry(),
        );
        let measure = (self.metric, kernels(self.isa));
        Adopter::new(
            self.vectors.rows(),
            measure,
            m_of(file) as usize,
            file,
            elements,
            exec,
        )
    }
}

/// Links a node of the graph: the file's, or so many more that links to rows which searches would miss
/// find a place.
fn m_of(file: &File) -> u32 {
    file.m().max(M_MIN)
}

/// Labels as keys, or the names the caller has for them.
fn keys(file: &File, elements: &[u32], names: Option<KeyColumn>) -> Result<Keys> {
    let rows = u32::try_from(elements.len()).unwrap_or(NO_SLOT);
    let labels = || elements.iter().map(|&element| file.label(element));
    let Some(names) = names else {
        if labels().zip(0..).all(|(label, slot)| label == slot) {
            return Ok(Keys::Rows);
        }
        #[allow(clippy::cast_precision_loss)] // safe integers are exact
        let labels = labels().map(|label| label as f64).collect();
        return Keys::from_column(Some(KeyColumn::Numbers(labels)), rows);
    };
    let count = match &names {
        KeyColumn::Numbers(numbers) => numbers.len(),
        KeyColumn::Text { offsets, .. } => offsets.len().saturating_sub(1),
    };
    let place = |label: u64| usize::try_from(label).ok().filter(|&at| at < count);
    let places: std::result::Result<Vec<usize>, u64> =
        labels().map(|label| place(label).ok_or(label)).collect();
    let places = places.map_err(|label| {
        let what = format!(
            "label {label} has no key: {count} keys were given, the key of label i is the i-th"
        );
        Error::new(Code::Key, what)
    })?;
    Keys::from_column(Some(gather(&names, &places)?), rows)
}
