//! Passes over the queries against the clock.

use crate::engine::Engine;
use crate::protocol::{Answer, Result, Search, Slots, failed};
use crate::vectors::Vectors;
use rayon::prelude::*;
use std::time::Instant;

/// One call a query on this thread.
pub fn each(
    engine: &dyn Engine,
    queries: &Vectors,
    search: Search,
    seconds: f64,
) -> Result<Answer> {
    let mut searcher = engine.searcher(search)?;
    Ok(passes(queries, seconds, || {
        queries.rows().map(|query| searcher.find(query)).collect()
    }))
}

/// Queries shared out over the threads of the pool that is installed.
pub fn batch(
    engine: &dyn Engine,
    queries: &Vectors,
    search: Search,
    seconds: f64,
) -> Result<Answer> {
    engine.searcher(search)?; // says what is missing before threads would have to
    let searcher = || {
        engine
            .searcher(search)
            .expect("it could be had a moment ago")
    };
    Ok(passes(queries, seconds, || {
        let all = (0..queries.len()).into_par_iter();
        all.map_init(searcher, |searcher, at| searcher.find(queries.row(at)))
            .collect()
    }))
}

fn passes(queries: &Vectors, seconds: f64, mut pass: impl FnMut() -> Slots) -> Answer {
    let started = Instant::now();
    let mut count = 0.0;
    loop {
        let slots = pass();
        count += 1.0;
        let elapsed = started.elapsed().as_secs_f64();
        if elapsed >= seconds {
            #[expect(clippy::cast_precision_loss)] // a few thousand queries
            let qps = count * queries.len() as f64 / elapsed;
            return Answer::Found { qps, slots };
        }
    }
}

/// Each call timed by itself on this thread.
pub fn latency(
    engine: &dyn Engine,
    queries: &Vectors,
    search: Search,
    seconds: f64,
) -> Result<Answer> {
    let mut searcher = engine.searcher(search)?;
    let mut micros = Vec::new();
    let started = Instant::now();
    loop {
        for query in queries.rows() {
            let called = Instant::now();
            std::hint::black_box(searcher.find(query));
            micros.push(called.elapsed().as_secs_f64() * 1e6);
        }
        if started.elapsed().as_secs_f64() >= seconds {
            break;
        }
    }
    micros.sort_unstable_by(f64::total_cmp);
    let (Some(p50), Some(p99)) = (quantile(&micros, 50), quantile(&micros, 99)) else {
        return Err(failed("expected queries; there are none"));
    };
    Ok(Answer::Latency { p50, p99 })
}

/// The smallest value that this many in a hundred do not exceed.
fn quantile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}
