//! A search that tells what it did. It takes the way [`Index::search`] takes, with counting walks.

use super::{How, Index};
use crate::codec::{F32Scorer, Sq8Scorer};
use crate::error::Result;
use crate::hnsw::trace::{self, Trace};
use crate::search::{Scratch, exact};

impl Index {
    /// Answers a query, of which who calls has checked what [`search`](Self::search) asks, and gives
    /// the counts of it and how many neighbours it found.
    pub fn explain(&self, query: &[f32], how: How) -> Result<(Trace, usize)> {
        let k = how.k.min(self.params.rows as usize);
        let mut lease = self.scratch.lease()?;
        let Scratch {
            query: own,
            code,
            buffers,
        } = &mut *lease;
        own.row_mut(0).copy_from_slice(query);
        self.params.metric.prepare(own.row_mut(0));
        let rows = self.rows();
        let scorer = F32Scorer::new(rows, own.row(0), self.pair);
        let trace = match (&self.graph, &self.codes) {
            (Some(graph), None) if !how.exact => {
                trace::search(&graph.view(&self.params), &scorer, how.ef, k, buffers)
            }
            (Some(graph), Some(codes)) if !how.exact => {
                let codes = codes.view();
                code.set(self.params.metric, own.row(0), codes.centre());
                let coded = Sq8Scorer::new(codes, code, self.kernels);
                let view = graph.view(&self.params);
                trace::search_by_codes(&view, &coded, &scorer, (how.ef, k), buffers)
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
