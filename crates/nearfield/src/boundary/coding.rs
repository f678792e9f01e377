//! The codes of a build or an import: which were asked for, which are made, and which `auto` keeps and why.
//!
//! ```text
//! first ─► sq8 ─ trial ─┬─► links go by these ─ crowded ─► none: f32
//!                       └─► next: sq4 ─ trial ─► walks go by those ─ crowded ─► sq8
//! ```
//! Rows are linked by sq8, which is the finer, whatever walks go by: a graph is the same for both.
//! Invariant: what was asked for is kept. Only `auto` gives codes up. Where the vectors are not kept nothing
//! judges what codes answer, so there `auto` is sq8, the finer, and is not given up.

use crate::codec::{Codec, Codes, Encoder, Form};
use crate::exec::Exec;
use crate::index::codes::CodeSections;
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::metric::Metric;
use crate::search::trial::{self, Trial};

/// What codes must find of sampled rows' neighbours for codec `auto` to walk by them.
pub(super) const AGREEMENT_MIN: f64 = 0.995;
/// The codes of one build.
#[derive(Debug)]
pub(super) struct Coding {
    /// The codec that was asked for; `None` for `auto`.
    asked: Option<Codec>,
    /// The codes are all that is kept of the vectors, and `auto` has chosen them.
    chosen_alone: bool,
    /// What rows are linked by.
    links: Option<CodeSections>,
    /// What walks go by, where these are others.
    walks: Option<CodeSections>,
    /// What `auto` chose and why.
    why: Option<String>,
    /// What the first codes were tried on, for the next.
    trial: Option<Trial>,
}

impl Coding {
    pub(super) const fn new(asked: Option<Codec>) -> Self {
        Self {
            asked,
            chosen_alone: false,
            links: None,
            walks: None,
            why: None,
            trial: None,
        }
    }

    /// Of an index that keeps no vectors: there are codes, whatever they find.
    pub(super) const fn alone(asked: Option<Codec>) -> Self {
        let mut coding = Self::new(asked);
        if asked.is_none() {
            coding.asked = Some(Codec::Sq8);
            coding.chosen_alone = true;
        }
        coding
    }

    /// The codec that was asked for, or that stands for it; `None` for `auto`.
    pub(super) const fn asked(&self) -> Option<Codec> {
        self.asked
    }

    /// The codes to begin with: those that are asked for, or that `auto` has something to gain by.
    pub(super) fn first(&mut self, dim: usize) -> Option<Form> {
        let gains = Form::Sq8.gains(dim);
        if self.asked.is_none() && !gains {
            self.why = Some(format!("f32: codes of {dim} numbers are not half as long"));
        }
        let wanted = self.asked.map_or(gains, |codec| codec != Codec::F32);
        wanted.then_some(Form::Sq8)
    }

    /// The codes of an index without links, where it is to have any.
    pub(super) fn only(&self) -> Option<Form> {
        self.asked.and_then(Codec::form)
    }

    /// Keeps codes if they are asked for or good; the ones to make next.
    pub(super) fn judge(
        &mut self,
        encoder: Encoder,
        rows: Rows<'_>,
        metric: Metric,
        kernels: &'static Kernels,
        exec: Exec<'_>,
    ) -> Option<Form> {
        let codes = CodeSections::from(encoder);
        let form = codes.form;
        if self.asked.is_none() {
            let found = self
                .trial(rows, metric, kernels, exec)
                .agreement(rows, codes.view(), exec);
            let good = found >= AGREEMENT_MIN;
            let kept = match form {
                _ if good => form.codec(),
                Form::Sq8 => Codec::F32,
                Form::Sq4 => Codec::Sq8,
            };
            self.why = Some(trial::verdict(kept, form, found, AGREEMENT_MIN));
            if !good {
                return None;
            }
        }
        if self.chosen_alone {
            let found =
                self.trial(rows, metric, kernels, exec)
                    .agreement_alone(rows, codes.view(), exec);
            self.why = Some(format!(
                "{}: these codes alone find {found:.3} of sampled rows' ten nearest",
                form.codec().name(),
            ));
        }
        if form == Form::Sq4 {
            self.walks = Some(codes);
            return None;
        }
        self.links = Some(codes);
        let gains = Form::Sq4.gains(rows.dim());
        let wanted = self.asked.map_or(gains, |codec| codec == Codec::Sq4);
        wanted.then_some(Form::Sq4)
    }

    fn trial(
        &mut self,
        rows: Rows<'_>,
        metric: Metric,
        kernels: &'static Kernels,
        exec: Exec<'_>,
    ) -> &Trial {
        let trial = || Trial::new(rows, metric, kernels, exec);
        self.trial.get_or_insert_with(trial)
    }

    /// What rows are linked by.
    pub(super) fn links(&self) -> Option<Codes<'_>> {
        self.links.as_ref().map(CodeSections::view)
    }

    /// What walks go by.
    pub(super) fn walks(&self) -> Option<Codes<'_>> {
        self.walks
            .as_ref()
            .or(self.links.as_ref())
            .map(CodeSections::view)
    }

    /// Gives all codes up, for linking met rows that they cannot tell apart; false where they were asked
    /// for, or are none.
    pub(super) fn give_all_up(&mut self) -> bool {
        self.walks = None;
        self.give_up()
    }

    /// Gives those up that walks go by, for these cannot tell some rows apart; false as above.
    pub(super) fn give_up(&mut self) -> bool {
        if self.asked.is_some() || self.links.is_none() {
            return false;
        }
        if self.walks.take().is_none() {
            self.links = None;
        }
        let left = self.links.as_ref().map(|codes| codes.form);
        self.why = Some(trial::crowd_verdict(left));
        true
    }

    /// The codes that the index keeps, and what `auto` chose.
    pub(super) fn finish(self) -> (Option<CodeSections>, Option<String>) {
        (self.walks.or(self.links), self.why)
    }
}
