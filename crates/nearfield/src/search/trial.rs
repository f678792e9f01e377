//! Whether codes order rows as the vectors do: asked of a sample before a graph is built on them.
//!
//! Codes fail where the nearest rows differ by less than the codes' step: tight clusters far apart,
//! or one number much larger than all others. No bound on the data would tell; neighbours do.

use super::{Candidate, Top};
use crate::codec::{Codes, F32Scorer, QueryCode, Scorer, by_code};
use crate::exec::Exec;
use crate::ids::{Slot, spread};
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::metric::Metric;

/// Rows looked at, and how many of them ask.
const SAMPLE_MAX: usize = 16_384;
const QUERIES_MAX: usize = 64;
/// Neighbours that are looked for, and candidates by code that they must be among.
const K: usize = 10;
const WITHIN: usize = 40;

/// The share, 0 to 1, of sampled rows' ten nearest that are among the forty nearest by code. Ties
/// count: a row as near as the tenth is as good.
pub fn agreement(
    rows: Rows<'_>,
    codes: Codes<'_>,
    metric: Metric,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> f64 {
    share(WITHIN, rows, codes, metric, kernels, exec)
}

/// As [`agreement`], among the ten nearest by code: what is right of answers that nothing judges again.
pub fn agreement_alone(
    rows: Rows<'_>,
    codes: Codes<'_>,
    metric: Metric,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> f64 {
    share(K, rows, codes, metric, kernels, exec)
}

fn share(
    within: usize,
    rows: Rows<'_>,
    codes: Codes<'_>,
    metric: Metric,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> f64 {
    let sample = spread(rows.len(), SAMPLE_MAX);
    let queries = spread(sample.len(), QUERIES_MAX);
    let pair = metric.score_pair(kernels);
    let mut shares = vec![0.0; queries.len()];
    exec.fill(&mut shares, 1, QueryCode::default, |code, at, share| {
        let asks = sample[queries[at] as usize];
        let exact = F32Scorer::of_row(rows, asks, pair);
        code.set(metric, rows.row(asks), codes);
        *share = by_code!(codes, code, kernels, |coded| found(
            &exact, &coded, asks, &sample, within
        ));
    });
    #[allow(clippy::cast_precision_loss)] // at most QUERIES_MAX
    let count = shares.len().max(1) as f64;
    if shares.is_empty() {
        1.0
    } else {
        shares.iter().sum::<f64>() / count
    }
}

/// The share of one row's nearest.
fn found<E: Scorer, C: Scorer>(
    exact: &E,
    coded: &C,
    asks: Slot,
    sample: &[Slot],
    within: usize,
) -> f64 {
    let (mut near, mut by_code) = (Vec::new(), Vec::new());
    nearest(exact, asks, sample, K, &mut near);
    nearest(coded, asks, sample, within, &mut by_code);
    let Some(farthest) = near.last() else {
        return 1.0;
    };
    let good = |candidate: &&Candidate| exact.score(candidate.slot()) <= farthest.score();
    let good = by_code.iter().filter(good).count();
    #[allow(clippy::cast_precision_loss)] // at most K
    let share = good.min(near.len()) as f64 / near.len() as f64;
    share
}

fn nearest<S: Scorer>(scorer: &S, asks: Slot, sample: &[Slot], k: usize, out: &mut Vec<Candidate>) {
    let mut top = Top::new(k, out);
    let mut push = |score, slot| {
        if slot != asks {
            top.push(Candidate::new(score, slot));
        }
    };
    let (fours, rest) = sample.as_chunks::<4>();
    for &four in fours {
        for (slot, score) in four.into_iter().zip(scorer.score4(four)) {
            push(score, slot);
        }
    }
    for &slot in rest {
        push(scorer.score(slot), slot);
    }
    top.finish();
}
