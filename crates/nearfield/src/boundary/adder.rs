//! A batch on its way into an index, in steps.
//!
//! ```text
//! new ─► Prepare ─► Append ─► Encode … ─► Plan ─┬─► Link … ─► Repair … ─┬─► Done ─► finish: shown
//!        own rows   thaws     reads       writes│     └─► Recode … ─►┘  │   reads, then writes
//!                                               ├─► Relink … ───────────┤
//!                                               └─► Part … (LinkZones …)┘
//! Encode … another codec, where codes of one fail their trial
//! Recode   of all rows, where codes cannot tell some apart
//! ```
//!
//! Invariants: searches go on meanwhile and see nothing of the batch before `finish`; long parts of a
//! step read beside them, only short ones shut them out. An adder that is dropped before `finish`, or
//! whose step failed, leaves the index as it was. A batch is refused as a whole.

use super::builder::{parted, prepare_rows, rows_of};
use super::query::{Form, Index};
use super::{Phase, Progress};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::hnsw::BuildPhase;
use crate::ids::KeyColumn;
use crate::index::grow::{Coder, Growing, Judged, Relink};
use crate::index::inner::Linking;
use crate::index::keys::Keys;
use crate::matrix::Matrix;
use crate::zones::{ZonesAdder, ZonesPhase};
use std::sync::Arc;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// The slot of its first row; the others follow.
    pub first: u32,
    /// Its rows.
    pub rows: u32,
}

/// Adds one batch to an index in steps.
#[derive(Debug)]
pub struct Adder {
    index: Arc<Index>,
    rows: u32,
    stage: Stage,
    /// The index holds the batch, which is not shown.
    holds: bool,
}

#[derive(Debug)]
enum Stage {
    /// This many rows are checked and normalised.
    Prepare(Box<Matrix>, Keys, usize),
    /// Rows and keys are ready to be appended.
    Append(Box<Matrix>, Keys),
    /// Appended; codes come next.
    Appended,
    /// The batch, or all rows, are being coded.
    Encode(Box<Coder>),
    /// Appended and coded; links or zones come next.
    Coded,
    /// The batch is being added to zones.
    Part(Box<ZonesAdder>),
    /// Zones that have outgrown their graphs are being linked.
    LinkZones(Box<Linking>),
    /// All rows are being linked anew.
    Relink(Box<Relink>),
    Link,
    Repair,
    /// All rows are being coded anew; everyone is searched for then.
    Recode(Box<Coder>),
    Done,
    /// A step failed.
    Failed,
}

impl Adder {
    /// Takes a copy of `vectors` (row-major, of the index's dimension) and their keys, if it has any.
    /// Shape and key errors surface here, non-finite values in the first steps.
    pub fn new(index: Arc<Index>, vectors: &[f32], keys: Option<KeyColumn>) -> Result<Self> {
        Self::new_by(Exec::Serial, index, vectors, keys)
    }

    /// As [`new`](Self::new), copying by all threads.
    pub fn new_by(
        exec: Exec<'_>,
        index: Arc<Index>,
        vectors: &[f32],
        keys: Option<KeyColumn>,
    ) -> Result<Self> {
        let dim = index.dim();
        let rows = rows_of(vectors.len(), dim)?;
        let keys = Keys::from_column(keys, rows)?;
        index.judge_keys(&keys, rows)?;
        let copy = Matrix::try_copy(vectors, dim as usize, exec)?;
        Ok(Self {
            index,
            rows,
            stage: Stage::Prepare(Box::new(copy), keys, 0),
            holds: false,
        })
    }

    /// Does one bounded piece of work; after an error nothing of the batch is left.
    pub fn step(&mut self, exec: Exec<'_>) -> Result<Progress> {
        let stage = std::mem::replace(&mut self.stage, Stage::Failed);
        let (stage, phase, done, total) = self.advance(stage, exec)?;
        self.stage = stage;
        Ok(Progress {
            phase,
            done: done as u64,
            total: total as u64,
        })
    }

    /// Shows the batch to searches; an error while steps are left.
    pub fn finish(mut self) -> Result<Added> {
        if !matches!(self.stage, Stage::Done) {
            let message = "the batch is not added: steps are left";
            return Err(Error::new(Code::Closed, message));
        }
        let first = self.change(Growing::show)?;
        self.holds = false;
        Ok(Added {
            first,
            rows: self.rows,
        })
    }

    fn advance(&mut self, stage: Stage, exec: Exec<'_>) -> Result<(Stage, Phase, usize, usize)> {
        let rows = self.rows as usize;
        Ok(match stage {
            Stage::Prepare(mut vectors, keys, done) => {
                let metric = self.index.metric();
                let done = prepare_rows(&mut vectors, metric, done, exec)?;
                let next = if done == rows {
                    Stage::Append(vectors, keys)
                } else {
                    Stage::Prepare(vectors, keys, done)
                };
                (next, Phase::Prepare, done, rows)
            }
            Stage::Append(vectors, keys) => {
                self.index.thaw(exec)?;
                self.change(|growing| growing.append(vectors.rows(), keys))??;
                self.holds = true;
                (Stage::Appended, Phase::Encode, 0, rows)
            }
            Stage::Appended => {
                if let Some(coder) = self.look(|growing| growing.coder(exec))?? {
                    (Stage::Encode(Box::new(coder)), Phase::Encode, 0, rows)
                } else {
                    self.change(|growing| growing.plan(None))??;
                    (Stage::Coded, Phase::Encode, rows, rows)
                }
            }
            Stage::Encode(coder) => self.encode(coder, exec)?,
            Stage::Coded => match self.look(|growing| growing.parting(exec))?? {
                Some(zones) => (Stage::Part(Box::new(zones)), Phase::Part, 0, rows),
                None => (self.linking(exec)?, Phase::Link, 0, rows),
            },
            Stage::Part(mut zones) => {
                let report = self.look(|growing| growing.part(&mut zones, exec))??;
                if report.phase == ZonesPhase::Done {
                    self.change(|growing| growing.take_zones(zones.finish()))?;
                    return Ok(match self.look(Growing::linking_zones)? {
                        Some(linking) => {
                            (Stage::LinkZones(Box::new(linking)), Phase::Link, 0, rows)
                        }
                        None => (Stage::Done, Phase::Done, rows, rows),
                    });
                }
                let done = parted(report, rows);
                (Stage::Part(zones), Phase::Part, done, rows)
            }
            Stage::LinkZones(linking) => self.link_zones(linking, exec)?,
            Stage::Relink(relink) => self.relink(relink, exec)?,
            Stage::Link => self.link(exec)?,
            Stage::Repair => self.repair(exec)?,
            Stage::Recode(coder) => self.recode(coder, exec)?,
            Stage::Done => (Stage::Done, Phase::Done, rows, rows),
            Stage::Failed => {
                let message = "this batch was given up after an earlier error";
                return Err(Error::new(Code::Closed, message));
            }
        })
    }

    /// A step of coding, and what comes of codes that are made.
    fn encode(
        &self,
        mut coder: Box<Coder>,
        exec: Exec<'_>,
    ) -> Result<(Stage, Phase, usize, usize)> {
        let (done, total) = self.look(|growing| growing.code(&mut coder, exec))?;
        // Who codes again has reported all rows before.
        let shown = if coder.is_another() { total } else { done };
        if done < total {
            return Ok((Stage::Encode(coder), Phase::Encode, shown, total));
        }
        let stage = match self.look(|growing| growing.judge(*coder, exec))?? {
            Judged::Next(coder) => Stage::Encode(Box::new(coder)),
            Judged::Done(encoded) => {
                self.change(|growing| growing.plan(Some(encoded)))??;
                Stage::Coded
            }
        };
        Ok((stage, Phase::Encode, total, total))
    }

    /// A step of linking zones, or the end of it.
    fn link_zones(
        &self,
        mut linking: Box<Linking>,
        exec: Exec<'_>,
    ) -> Result<(Stage, Phase, usize, usize)> {
        if linking.is_done() {
            let inner = self.look(|growing| growing.linked_zones(*linking))?;
            self.change(|growing| growing.take_inner(inner))?;
            let rows = self.rows as usize;
            return Ok((Stage::Done, Phase::Done, rows, rows));
        }
        let report = self.look(|growing| growing.link_zones(&mut linking, exec))??;
        Ok((
            Stage::LinkZones(linking),
            Phase::Link,
            report.done,
            report.total,
        ))
    }

    /// How the batch is linked.
    fn linking(&self, exec: Exec<'_>) -> Result<Stage> {
        if let Some(relink) = self.look(|growing| growing.relinking(exec))?? {
            return Ok(Stage::Relink(Box::new(relink)));
        }
        self.change(Growing::begin_rounds)?;
        Ok(Stage::Link)
    }

    /// A step of linking all rows anew.
    fn relink(
        &self,
        mut relink: Box<Relink>,
        exec: Exec<'_>,
    ) -> Result<(Stage, Phase, usize, usize)> {
        let report = self.look(|growing| growing.relink(&mut relink, exec))??;
        let phase = match report.phase {
            BuildPhase::Link => Phase::Link,
            BuildPhase::Repair => Phase::Repair,
            BuildPhase::Done => {
                self.change(|growing| growing.take_graph(*relink))?;
                return Ok((Stage::Done, Phase::Done, report.total, report.total));
            }
        };
        Ok((Stage::Relink(relink), phase, report.done, report.total))
    }

    /// One round.
    fn link(&mut self, exec: Exec<'_>) -> Result<(Stage, Phase, usize, usize)> {
        let Some(mut round) = self.look(|growing| growing.propose(exec))?? else {
            let rows = self.rows as usize;
            return Ok((self.sweeping(exec)?, Phase::Repair, 0, rows));
        };
        self.change(|growing| growing.place(&round))?;
        self.look(|growing| growing.weigh(&mut round, exec))?;
        let (done, total) = self.change(|growing| {
            growing.link(round);
            growing.linked()
        })?;
        Ok((Stage::Link, Phase::Link, done, total))
    }

    /// Some searches for what was linked.
    fn repair(&mut self, exec: Exec<'_>) -> Result<(Stage, Phase, usize, usize)> {
        let rows = self.rows as usize;
        let Some(missed) = self.look(|growing| growing.sweep(exec))?? else {
            return Ok((Stage::Done, Phase::Done, rows, rows));
        };
        let ((done, total), crowded) =
            self.change(|growing| (growing.mend(missed), growing.crowded()))?;
        let stage = if crowded {
            self.sweeping(exec)?
        } else {
            Stage::Repair
        };
        Ok((stage, Phase::Repair, done, total))
    }

    /// Searching, by other codes or by none where those there are cannot tell some rows apart.
    fn sweeping(&self, exec: Exec<'_>) -> Result<Stage> {
        if self.look(Growing::crowded)? {
            if let Some(coder) = self.look(|growing| growing.finer_coder(exec))?? {
                return Ok(Stage::Recode(Box::new(coder)));
            }
            self.change(|growing| growing.exchange_codes(None))?;
        }
        self.change(Growing::begin_sweep)?;
        Ok(Stage::Repair)
    }

    /// A step of coding all rows anew, while searching.
    fn recode(
        &self,
        mut coder: Box<Coder>,
        exec: Exec<'_>,
    ) -> Result<(Stage, Phase, usize, usize)> {
        let rows = self.rows as usize;
        let (done, total) = self.look(|growing| growing.code(&mut coder, exec))?;
        if done < total {
            return Ok((Stage::Recode(coder), Phase::Repair, 0, rows));
        }
        self.change(|growing| {
            growing.exchange_codes(Some(*coder));
            growing.begin_sweep();
        })?;
        Ok((Stage::Repair, Phase::Repair, 0, rows))
    }

    /// Reads the index beside searches.
    fn look<T>(&self, body: impl FnOnce(&Growing) -> T) -> Result<T> {
        match &*self.index.read()? {
            Form::Growing(growing) => Ok(body(growing)),
            Form::Frozen(_) => Err(not_growing()),
        }
    }

    /// Changes the index while no search runs.
    fn change<T>(&self, body: impl FnOnce(&mut Growing) -> T) -> Result<T> {
        match &mut *self.index.write()? {
            Form::Growing(growing) => Ok(body(growing)),
            Form::Frozen(_) => Err(not_growing()),
        }
    }
}

impl Drop for Adder {
    fn drop(&mut self) {
        if self.holds {
            // Of an index that a panic stopped nothing is used again: there is nobody to tell.
            let _ = self.change(Growing::take_back);
        }
    }
}

fn not_growing() -> Error {
    Error::new(Code::Backend, "the index does not take rows")
}
