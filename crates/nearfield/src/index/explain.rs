//! A search that tells what it did. It takes the way [`Asked::search`] takes, with counting walks.

use super::How;
use super::ask::Asked;
use crate::codec::{F32Scorer, by_code};
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
        let rows = self.rows;
        let k = how.k.min(rows.len());
        let mut lease = scratch.lease()?;
        let Scratch {
            query: own,
            code,
            buffers,
        } = &mut *lease;
        own.row_mut(0).copy_from_slice(query);
        self.metric.prepare(own.row_mut(0));
        let scorer = F32Scorer::new(rows, own.row(0), self.pair);
        let trace = match (&self.graph, self.codes) {
            (Some(graph), None) if !how.exact => trace::search(graph, &scorer, how.ef, k, buffers),
            (Some(graph), Some(codes)) if !how.exact => {
                code.set(self.metric, own.row(0), codes);
                by_code!(codes, code, self.kernels, |coded| {
                    trace::search_by_codes(graph, &coded, &scorer, (how.ef, k), buffers)
                })
            }
            _ => {
                exact::search(&scorer, rows.len(), k, &mut buffers.results);
                Trace {
                    by_vector: rows.len() as u64,
                    ..Trace::default()
                }
            }
        };
        Ok((trace, buffers.results.len()))
    }
}
