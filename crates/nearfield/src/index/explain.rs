//! A search that tells what it did. It takes the way [`Asked::search`] takes, with counting walks; of
//! zones it tells how long each part took by the clock of who asks, for the core has none.

use super::How;
use super::ask::{AskScratch, AskScratchPool, Asked, judged};
use crate::codec::{F32Scorer, Scorer, by_code};
use crate::error::Result;
use crate::exec::Exec;
use crate::hnsw::Walkable;
use crate::hnsw::trace::{self, Trace};
use crate::search::{Scratch, exact};
use crate::zones::Span;
use crate::zones::probe::{self, Phase, Probed};

/// Milliseconds since whenever.
pub type Clock<'a> = &'a dyn Fn() -> f64;

/// Searches whose parts are timed: a part is often shorter than a clock's step, and their mean is not.
const TIMES: u32 = 16;

/// What a search did.
#[derive(Clone, Debug)]
pub struct Told {
    /// Rows compared, and nodes walked over.
    pub trace: Trace,
    /// Zones and rows scanned by strips, where there are any.
    pub probed: Option<Probed>,
    /// Where such a scan ends, if that hangs on the query.
    pub span: Option<Span>,
    /// Milliseconds of each part of such a scan, in order.
    pub phases: Option<[f64; Phase::ALL.len()]>,
    /// Neighbours found.
    pub found: usize,
}

impl<G: Walkable> Asked<'_, G> {
    /// Answers a query, of which who calls has checked what [`search`](Self::search) asks, and gives
    /// the counts of it and how many neighbours it found.
    pub fn explain(
        &self,
        scratch: &AskScratchPool,
        query: &[f32],
        how: How,
        clock: Clock<'_>,
    ) -> Result<Told> {
        let judge = self.judge(how)?;
        let mut lease = scratch.lease()?;
        let AskScratch { walk, probe, .. } = &mut *lease;
        let Scratch {
            query: own,
            code,
            buffers,
        } = walk;
        let query = self.prepared(query, own);
        if let Some((zones, effort)) = self.probed(how, judge) {
            let mut walks = self.walks(query, effort, (code, buffers));
            let mut phases = [0.0; Phase::ALL.len()];
            // The first finds what the scratch and the caches lack.
            for time in 0..=TIMES {
                let mut before = clock();
                let mut over = |phase: Phase| {
                    let now = clock();
                    let share = f64::from(time.min(1)) / f64::from(TIMES);
                    phases[phase as usize] += (now - before) * share;
                    before = now;
                };
                let judges = self.judges(judge);
                let kernels = (self.kernels, Exec::Serial);
                let how = (effort, walks.as_mut().map(|walks| walks as _));
                probe::search_watched(zones, judges, query, kernels, how, probe, &mut over);
            }
            let mut probed = probe.probed(zones);
            let mut trace = Trace::default();
            if let Some(walks) = &mut walks {
                walks.counts = Some(Trace::default());
                let (by, how) = ((self.kernels, Exec::Serial), (effort, Some(walks as _)));
                let judges = self.judges(judge);
                probe::search_watched(zones, judges, query, by, how, probe, &mut |_| ());
                trace = walks.counts.take().unwrap_or_default();
            }
            probed.scanned += trace.by_code;
            trace.by_code = probed.scanned + probed.coded;
            trace.by_vector = probed.judged;
            return Ok(Told {
                trace,
                probed: Some(probed),
                span: effort.span,
                phases: Some(phases),
                found: probe.results.len(),
            });
        }
        let k = how.k.min(self.count);
        let scorer = judge.map(|rows| F32Scorer::new(rows, query, self.pair));
        let scorer = scorer.as_ref().map(|scorer| scorer as &dyn Scorer);
        let graph = self.graph.as_ref().filter(|_| !how.exact);
        let trace = match (graph, self.codes, scorer) {
            (Some(graph), Some(codes), scorer) => {
                code.set(self.metric, query, codes);
                by_code!(codes, code, self.kernels, |coded| {
                    trace::search_by_codes(graph, &coded, scorer, (how.ef, k), buffers)
                })
            }
            (Some(graph), None, Some(scorer)) => trace::search(graph, scorer, how.ef, k, buffers),
            (None, Some(codes), scorer) if scorer.is_none() || !how.exact => {
                code.set(self.metric, query, codes);
                by_code!(codes, code, self.kernels, |coded| {
                    exact::search::<dyn Scorer>(&coded, self.count, k, &mut buffers.results);
                });
                Trace {
                    by_code: self.count as u64,
                    by_vector: scorer.map_or(0, |_| judged(k).min(self.count) as u64),
                    ..Trace::default()
                }
            }
            (_, _, Some(scorer)) => {
                exact::search(scorer, self.count, k, &mut buffers.results);
                Trace {
                    by_vector: self.count as u64,
                    ..Trace::default()
                }
            }
            (_, _, None) => Trace::default(), // there is always one of them
        };
        Ok(Told {
            trace,
            probed: None,
            span: None,
            phases: None,
            found: buffers.results.len(),
        })
    }
}
