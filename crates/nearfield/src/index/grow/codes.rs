//! The codes of an index that grows: which are made, when they are made anew, and what becomes of them where they
//! do not serve.
//!
//! ```text
//! rows doubled, or linked anew ─► sq4 ─ trial ─► sq8 ─ trial ─► f32    all rows, around a centre of all
//! any other batch ─► as before                                         its rows, around the centre there is
//! rounds or a sweep crowded ─► the next finer ─► everyone is searched for ─ crowded ─► …
//! ```
//! So walks go by what a build of the rows there are would choose, and by a centre that is theirs, at the cost of
//! coding every row twice. Invariants: what was asked for is kept, only `auto` chooses and gives up. What it gave up
//! for rows that are too near to each other it does not take again, for a trial sees few of these. Codes of a
//! batch are with the batch, or behind those that are shown: who takes it back leaves these as they were.

use super::{Batch, Growing};
use crate::bytes::region::AlignedBytes;
use crate::codec::{Codec, Codes, Encoder, Form};
use crate::error::Result;
use crate::exec::Exec;
use crate::hnsw::GrowingGraph;
use crate::matrix::Rows;
use crate::search::trial::{self, Trial};

/// Rows that codes take their centre from at least; below, walks of `auto` go by the vectors.
pub(super) const CODED_ROWS_MIN: usize = 1000;

/// Codes with room for more.
#[derive(Debug)]
pub(super) struct GrowingCodes {
    pub(super) form: Form,
    pub(super) bytes: AlignedBytes,
    pub(super) centre: Vec<f32>,
}

impl GrowingCodes {
    pub(super) fn view(&self) -> Codes<'_> {
        Codes::new(self.form, self.bytes.as_ref(), &self.centre)
    }
}

impl From<Encoder> for GrowingCodes {
    fn from(encoder: Encoder) -> Self {
        let (form, bytes, centre) = encoder.finish();
        Self {
            form,
            bytes,
            centre,
        }
    }
}

/// What becomes of the codes when a batch is shown.
#[derive(Debug)]
pub(super) enum NewCodes {
    /// They stay, and go on if there are any.
    AsBefore,
    /// These, of all rows, take their place.
    Instead(GrowingCodes),
    /// There are none any more.
    GivenUp,
}

/// Codes of a batch, or of all rows, in the making.
#[derive(Debug)]
pub struct Coder {
    encoder: Encoder,
    /// The rows to be coded are those from here on.
    from: usize,
    /// The form that was tried before, on what, and what it found.
    failed: Option<Box<Failed>>,
}

#[derive(Debug)]
struct Failed {
    form: Form,
    trial: Trial,
    found: f64,
}

impl Coder {
    /// Whether other codes were made before, and did not serve.
    pub const fn is_another(&self) -> bool {
        self.failed.is_some()
    }
}

/// What becomes of codes that were made.
#[derive(Debug)]
pub enum Judged {
    /// They do not serve; these are to be made next.
    Next(Coder),
    /// They are taken in, or there are none.
    Done(Encoded),
}

/// Codes on their way into an index, `None` where none are good enough, and what there is to be said of them.
#[derive(Debug)]
pub struct Encoded(Option<GrowingCodes>, Option<String>);

/// The first of a form and the finer ones that makes rows enough shorter.
fn worth(form: Option<Form>, dim: usize) -> Option<Form> {
    let form = form?;
    if form.gains(dim) {
        Some(form)
    } else {
        worth(form.finer(), dim)
    }
}

impl Growing {
    /// Whether codes go on as they are.
    fn is_settled(&self) -> bool {
        let Some(batch) = &self.batch else {
            return true;
        };
        // What was decided of a flat index was not about walks.
        if self.decided_rows == 0 || batch.makes_graph {
            return false;
        }
        let doubled = self.vectors.len() / 2 >= self.decided_rows;
        self.graph.is_none() || !(doubled || self.is_large(batch))
    }

    /// Who codes the batch, or all rows; `None` where there are to be no codes.
    pub fn coder(&self, exec: Exec<'_>) -> Result<Option<Coder>> {
        let (rows, dim) = (self.vectors.rows(), self.params.dim as usize);
        let graph =
            self.graph.is_some() || self.batch.as_ref().is_some_and(|batch| batch.makes_graph);
        // Without links there are codes only where they were asked for, or are.
        let unasked = self.plan.graph.is_some() || self.plan.codec.is_none();
        if !graph && self.codes.is_none() && unasked {
            return Ok(None);
        }
        if self.is_settled() {
            let Some(codes) = &self.codes else {
                return Ok(None);
            };
            let (from, metric) = (self.shown_rows(), self.params.metric);
            let encoder = Encoder::around(codes.form, &codes.centre, rows.len() - from, metric)?;
            return Ok(Some(Coder {
                encoder,
                from,
                failed: None,
            }));
        }
        let wanted = match self.plan.codec {
            None if rows.len() < CODED_ROWS_MIN => None,
            None => worth(self.shortest, dim),
            Some(codec) => codec.form(),
        };
        wanted
            .map(|form| self.coder_of_all(form, None, exec))
            .transpose()
    }

    fn coder_of_all(&self, form: Form, failed: Option<Failed>, exec: Exec<'_>) -> Result<Coder> {
        let encoder = Encoder::new(form, self.vectors.rows(), self.params.metric, exec)?;
        Ok(Coder {
            encoder,
            from: 0,
            failed: failed.map(Box::new),
        })
    }

    /// A step of coding: rows that are coded, and all that are to be.
    pub fn code(&self, coder: &mut Coder, exec: Exec<'_>) -> (usize, usize) {
        let rows: Rows<'_> = self.vectors.rows().tail(coder.from);
        (coder.encoder.step(rows, exec), rows.len())
    }

    /// Whether codes are good enough to walk by: a trial where nobody asked for them and all rows are coded.
    pub fn judge(&self, coder: Coder, exec: Exec<'_>) -> Result<Judged> {
        let Coder {
            encoder, failed, ..
        } = coder;
        let codes = GrowingCodes::from(encoder);
        if self.plan.codec.is_some() || self.is_settled() {
            return Ok(Judged::Done(Encoded(Some(codes), None)));
        }
        let rows = self.vectors.rows();
        let (shorter, trial) = if let Some(failed) = failed {
            let Failed { form, trial, found } = *failed;
            (Some((form, found)), trial)
        } else {
            let metric = self.params.metric;
            (None, Trial::new(rows, metric, self.kernels, exec))
        };
        let (form, enough) = (codes.form, self.plan.agreement_min);
        let found = trial.agreement(rows, codes.view(), exec);
        if found >= enough {
            // Why these: what the shorter ones did not find, where there are any.
            let (tried, found) = shorter.unwrap_or((form, found));
            let note = trial::verdict(form.codec(), tried, found, enough);
            return Ok(Judged::Done(Encoded(Some(codes), Some(note))));
        }
        if let Some(finer) = worth(form.finer(), rows.dim()) {
            drop(codes);
            let failed = Failed { form, trial, found };
            let coder = self.coder_of_all(finer, Some(failed), exec)?;
            return Ok(Judged::Next(coder));
        }
        let note = trial::verdict(Codec::F32, form, found, enough);
        Ok(Judged::Done(Encoded(None, Some(note))))
    }

    /// Takes codes in.
    pub(super) fn take_codes(&mut self, Encoded(codes, note): Encoded) -> Result<()> {
        let settled = self.is_settled();
        let total = self.vectors.len();
        let Some(batch) = &mut self.batch else {
            return Ok(());
        };
        if settled {
            // The same centre: the codes go behind those there are.
            if let (Some(more), Some(codes)) = (codes, &mut self.codes) {
                codes.bytes.try_append(more.bytes.as_ref())?;
            }
            return Ok(());
        }
        batch.codes = codes.map_or(NewCodes::GivenUp, NewCodes::Instead);
        batch.note = note;
        if total >= CODED_ROWS_MIN {
            batch.decided_rows = total;
        }
        Ok(())
    }

    /// Whether the batch met rows that its codes cannot tell from many others, and they may be given up for that.
    pub fn crowded(&self) -> bool {
        let graph = self.graph.as_ref();
        self.plan.codec.is_none()
            && self.stored().codes.is_some()
            && graph.is_some_and(GrowingGraph::crowded)
    }

    /// Who makes the codes to go on with in place of those that are given up; `None` where it goes on without.
    pub fn finer_coder(&self, exec: Exec<'_>) -> Result<Option<Coder>> {
        let form = self.stored().codes.and_then(|codes| codes.form().finer());
        let form = worth(form, self.params.dim as usize);
        form.map(|form| self.coder_of_all(form, None, exec))
            .transpose()
    }

    /// Goes on with these codes, once the batch is shown, or with none, as those before cannot tell some rows apart.
    pub fn exchange_codes(&mut self, finer: Option<Coder>) {
        self.go_on_with(finer.map(|coder| GrowingCodes::from(coder.encoder)));
    }

    pub(super) fn go_on_with(&mut self, finer: Option<GrowingCodes>) {
        let total = self.vectors.len();
        if let Some(batch) = &mut self.batch {
            batch.shortest = finer.as_ref().map(|codes| codes.form);
            batch.decided_rows = total;
            batch.note = Some(trial::crowd_verdict(batch.shortest));
            batch.codes = finer.map_or(NewCodes::GivenUp, NewCodes::Instead);
        }
    }

    /// Whether a batch leaves codes as they were; those of all others are met by everyone.
    pub(super) const fn leaves_codes(batch: &Batch) -> bool {
        matches!(batch.codes, NewCodes::AsBefore)
    }
}
