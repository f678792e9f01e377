//! Whether codes order rows as the vectors do: asked of a sample before a graph is built on them.
//!
//! Codes fail where the nearest rows differ by less than the codes' step: tight clusters far apart,
//! or one number much larger than all others. No bound on the data would tell; neighbours do.

use super::{Candidate, Top};
use crate::codec::{Codec, Codes, F32Scorer, Form, QueryCode, Scorer, Sq4Scorer, Sq8Scorer};
use crate::exec::Exec;
use crate::ids::{Slot, spread};
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::metric::Metric;

/// Rows looked at, and how many of them ask.
const SAMPLE_MAX: usize = 16_384;
const QUERIES_MAX: usize = 64;
/// Neighbours that are looked for, and candidates by code that they must be among.
pub const K: usize = 10;
const WITHIN: usize = 40;

/// Asking rows that look at a sampled one together: it is read once for all of them.
const TOGETHER: usize = 8;

/// Sampled rows and how near their neighbours are by the vectors, to be asked of any form of codes.
#[derive(Debug)]
pub struct Trial {
    metric: Metric,
    kernels: &'static Kernels,
    sample: Vec<Slot>,
    asks: Vec<Ask>,
}

/// A row that asks.
#[derive(Clone, Copy, Debug, Default)]
struct Ask {
    slot: Slot,
    /// Neighbours it has, [`K`] unless there are fewer rows.
    near: usize,
    /// The score of the last.
    farthest: f32,
    /// The share of them that codes find.
    share: f64,
}

impl Trial {
    /// Looks for the neighbours of sampled rows.
    pub fn new(rows: Rows<'_>, metric: Metric, kernels: &'static Kernels, exec: Exec<'_>) -> Self {
        let sample = spread(rows.len(), SAMPLE_MAX);
        let asks = spread(sample.len(), QUERIES_MAX).into_iter().map(|at| Ask {
            slot: sample[at as usize],
            ..Ask::default()
        });
        let mut asks: Vec<_> = asks.collect();
        let pair = metric.score_pair(kernels);
        let mut out: Vec<_> = asks.chunks_mut(TOGETHER).collect();
        exec.fill(
            &mut out,
            1,
            || (),
            |(), _, asks| {
                let scorer = |ask: &Ask| (ask.slot, F32Scorer::of_row(rows, ask.slot, pair));
                let scorers: Vec<_> = asks.iter().map(scorer).collect();
                for (ask, near) in asks.iter_mut().zip(nearest(&dynamic(&scorers), &sample, K)) {
                    ask.near = near.len();
                    ask.farthest = near.last().map_or(0.0, |last| last.score());
                }
            },
        );
        Self {
            metric,
            kernels,
            sample,
            asks,
        }
    }

    /// The share, 0 to 1, of sampled rows' ten nearest that are among the forty nearest by code. Ties
    /// count: a row as near as the tenth is as good. The rows are those of [`new`](Self::new).
    pub fn agreement(&self, rows: Rows<'_>, codes: Codes<'_>, exec: Exec<'_>) -> f64 {
        self.share(WITHIN, rows, codes, exec)
    }

    /// As [`agreement`](Self::agreement), among the ten nearest by code: what is right of answers that
    /// nothing judges again.
    pub fn agreement_alone(&self, rows: Rows<'_>, codes: Codes<'_>, exec: Exec<'_>) -> f64 {
        self.share(K, rows, codes, exec)
    }

    fn share(&self, within: usize, rows: Rows<'_>, codes: Codes<'_>, exec: Exec<'_>) -> f64 {
        let mut asks = self.asks.clone();
        let mut out: Vec<_> = asks.chunks_mut(TOGETHER).collect();
        exec.fill(
            &mut out,
            1,
            || (),
            |(), _, asks| {
                let queries: Vec<_> = asks
                    .iter()
                    .map(|ask| {
                        let mut code = QueryCode::default();
                        code.set(self.metric, rows.row(ask.slot), codes);
                        code
                    })
                    .collect();
                let slots = asks.iter().map(|ask| ask.slot);
                let found = match codes.form() {
                    Form::Sq8 => {
                        let scorer = |code| Sq8Scorer::new(codes, code, self.kernels);
                        let scorers: Vec<_> = slots.zip(queries.iter().map(scorer)).collect();
                        nearest(&dynamic(&scorers), &self.sample, within)
                    }
                    Form::Sq4 => {
                        let scorer = |code| Sq4Scorer::new(codes, code, self.kernels);
                        let scorers: Vec<_> = slots.zip(queries.iter().map(scorer)).collect();
                        nearest(&dynamic(&scorers), &self.sample, within)
                    }
                };
                for (ask, found) in asks.iter_mut().zip(found) {
                    ask.share = self.right(rows, *ask, &found);
                }
            },
        );
        mean(&asks)
    }

    /// The share of sampled rows' ten nearest that any search finds, which leaves what it finds for a row,
    /// itself left out. Of more rows than are sampled it may find others that are nearer: these count.
    pub fn agreement_of(
        &self,
        rows: Rows<'_>,
        search: &mut dyn FnMut(Slot, &mut Vec<Candidate>),
    ) -> f64 {
        let mut asks = self.asks.clone();
        let mut found = Vec::new();
        for ask in &mut asks {
            found.clear();
            search(ask.slot, &mut found);
            ask.share = self.right(rows, *ask, &found);
        }
        mean(&asks)
    }

    /// The share of one row's neighbours that are among what codes found.
    fn right(&self, rows: Rows<'_>, ask: Ask, found: &[Candidate]) -> f64 {
        if ask.near == 0 {
            return 1.0;
        }
        let exact = F32Scorer::of_row(rows, ask.slot, self.metric.score_pair(self.kernels));
        let good = |found: &&Candidate| exact.score(found.slot()) <= ask.farthest;
        let good = found.iter().filter(good).count();
        #[allow(clippy::cast_precision_loss)] // at most K
        let share = good.min(ask.near) as f64 / ask.near as f64;
        share
    }
}

/// What is said of codes that were tried, and of the codec that is kept.
pub fn verdict(kept: Codec, form: Form, found: f64, enough: f64) -> String {
    let (kept, tried) = (kept.name(), form.codec().name());
    format!(
        "{kept}: codes of {tried} find {found:.3} of sampled rows' neighbours, {enough} are enough"
    )
}

/// What is said where codes are given up that cannot tell some rows apart, and these are left; none, if none.
pub fn crowd_verdict(left: Option<Form>) -> String {
    let near = "some rows are too near to many others for codes";
    match left {
        Some(form) => {
            let given_up = Form::Sq4.codec().name();
            format!("{}: {near} of {given_up}", form.codec().name())
        }
        None => format!("{}: {near}", Codec::F32.name()),
    }
}

/// What is found of all, on average; all of it where nobody asks.
fn mean(asks: &[Ask]) -> f64 {
    #[allow(clippy::cast_precision_loss)] // at most QUERIES_MAX
    let count = asks.len().max(1) as f64;
    if asks.is_empty() {
        1.0
    } else {
        asks.iter().map(|ask| ask.share).sum::<f64>() / count
    }
}

/// A form's scorers as any form's: one copy of what follows is enough for a sample.
fn dynamic<S: Scorer>(asks: &[(Slot, S)]) -> Vec<(Slot, &dyn Scorer)> {
    let asks = asks.iter();
    asks.map(|(slot, scorer)| (*slot, scorer as &dyn Scorer))
        .collect()
}

/// The `k` nearest of the sample to each row that asks, itself left out, nearest first.
fn nearest(asks: &[(Slot, &dyn Scorer)], sample: &[Slot], k: usize) -> Vec<Vec<Candidate>> {
    let mut kept = vec![Vec::new(); asks.len()];
    let mut tops: Vec<_> = kept.iter_mut().map(|kept| Top::new(k, kept)).collect();
    for some in sample.chunks(4) {
        for ((asks, scorer), top) in asks.iter().zip(&mut tops) {
            let mut told = |slot, score| {
                if slot != *asks {
                    top.push(Candidate::new(score, slot));
                }
            };
            if let Ok(slots) = <[Slot; 4]>::try_from(some) {
                let scores = scorer.score4(slots);
                slots
                    .into_iter()
                    .zip(scores)
                    .for_each(|(slot, score)| told(slot, score));
            } else {
                for &slot in some {
                    told(slot, scorer.score(slot));
                }
            }
        }
    }
    tops.into_iter().for_each(Top::finish);
    kept
}
