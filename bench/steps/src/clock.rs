//! Passes over the questions against the clock.

use crate::Result;
use crate::steps::{Effort, Step, Steps};
use rayon::prelude::*;
use std::time::Instant;

/// Passes that are timed at least. Of several, the quickest answers are free of what else runs.
const PASSES_MIN: usize = 3;

/// One call a question, on one thread unless the step takes more.
pub struct Timed {
    /// Microseconds over the questions: the middle, and what 99 of 100 keep within.
    pub p50: f64,
    pub p99: f64,
    pub slots: Vec<Vec<u32>>,
}

/// Asks all questions over and over for some seconds and [`PASSES_MIN`] times at least, or once where there are no
/// seconds. Of each the quickest answer counts: what else runs on the machine only adds.
pub fn each(steps: &Steps, step: Step, effort: Effort, seconds: f64) -> Result<Timed> {
    let mut searcher = steps.searcher(step, effort)?;
    let queries = &steps.data.queries;
    let mut slots = vec![Vec::new(); queries.len()];
    let mut micros = vec![f64::INFINITY; queries.len()];
    let passes_min = if seconds > 0.0 { PASSES_MIN } else { 1 };
    let (started, mut passes) = (Instant::now(), 0);
    while passes < passes_min || started.elapsed().as_secs_f64() < seconds {
        for ((query, slots), least) in (0..).zip(&mut slots).zip(&mut micros) {
            let called = Instant::now();
            searcher.find(queries.row(query), slots);
            *least = least.min(called.elapsed().as_secs_f64() * 1e6);
        }
        passes += 1;
    }
    micros.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| micros[(micros.len() * percent).div_ceil(100).max(1) - 1];
    Ok(Timed {
        p50: at(50),
        p99: at(99),
        slots,
    })
}

/// Questions answered a second where all threads take them, in the quickest of the passes that these seconds
/// have room for.
pub fn all(steps: &Steps, step: Step, effort: Effort, seconds: f64) -> Result<f64> {
    steps.searcher(step, effort)?; // says what is missing before threads would have to
    let searcher = || {
        let searcher = steps.searcher(step, effort);
        (searcher.expect("it could be had a moment ago"), Vec::new())
    };
    let queries = &steps.data.queries;
    let started = Instant::now();
    let mut least = f64::INFINITY;
    while least.is_infinite() || started.elapsed().as_secs_f64() < seconds {
        let called = Instant::now();
        steps.pool.install(|| {
            (0..queries.len())
                .into_par_iter()
                .for_each_init(searcher, |(searcher, slots), at| {
                    #[allow(clippy::cast_possible_truncation)] // a few thousand
                    searcher.find(queries.row(at as u32), slots);
                });
        });
        least = least.min(called.elapsed().as_secs_f64());
    }
    #[allow(clippy::cast_precision_loss)] // a few thousand
    Ok(queries.len() as f64 / least)
}
