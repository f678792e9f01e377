//! A search that tells what it did. It takes the way [`Asked::search`] takes, with counting walks.

use super::How;
use super::ask::Asked;
use crate::codec::{F32Scorer, Scorer, by_code};
use crate::error::Result;
use crate::hnsw::Walkable;
use crate::hnsw::trace::{self, Trace};
use crate::search::{Scratch, ScratchPool, exact};

impl<G: Walkable> Asked<'_, G> {
    /// Answers a query, of which who calls has checked what [`search`](Self::search) asks, and gives
    /// the counts of it and how many neighbours it found.
    pub fn explain(
        &self,
        scratch: &ScratchPool,
        query: &[f32],
        how: How,
    ) -> Result<(Trace, usize)> {
        let judge = self.judge(how)?;
        let k = how.k.min(self.count);
        let mut lease = scratch.lease()?;
        let Scratch {
            query: own,
            code,
            buffers,
        } = &mut *lease;
        let query = self.prepared(query, own);
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
            (_, _, Some(scorer)) => {
                exact::search(scorer, self.count, k, &mut buffers.results);
                Trace {
                    by_vector: self.count as u64,
                    ..Trace::default()
                }
            }
            (_, Some(codes), None) => {
                code.set(self.metric, query, codes);
                by_code!(codes, code, self.kernels, |coded| {
                    exact::search::<dyn Scorer>(&coded, self.count, k, &mut buffers.results);
                });
                Trace {
                    by_code: self.count as u64,
                    ..Trace::default()
                }
            }
            (_, None, None) => Trace::default(), // there is always one of them
        };
        Ok((trace, buffers.results.len()))
    }
}
