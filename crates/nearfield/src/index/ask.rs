//! One search, of any form of index: prepares the query, walks or scans, and reports.

use super::{How, lacks_vectors};
use crate::codec::{Codes, Estimate, F32Scorer, Scorer, by_code};
use crate::error::Result;
use crate::hnsw::{Walkable, walk};
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::matrix::{Matrix, Rows};
use crate::metric::{Metric, ScorePair};
use crate::search::{Scratch, ScratchPool, exact};

/// What a search looks at.
pub struct Asked<'a, G> {
    pub metric: Metric,
    pub kernels: &'static Kernels,
    pub pair: ScorePair,
    /// How many rows are shown.
    pub count: usize,
    /// These rows and no others, unless their codes are all that is kept.
    pub rows: Option<Rows<'a>>,
    pub codes: Option<Codes<'a>>,
    pub graph: Option<G>,
}

impl<'a, G: Walkable> Asked<'a, G> {
    /// The rows whose vectors answer; `None` where their codes do.
    pub fn judge(&self, how: How) -> Result<Option<Rows<'a>>> {
        match self.rows {
            None if how.rerank => Err(lacks_vectors("an exact or reranked answer")),
            rows => Ok(rows.filter(|_| how.rerank || self.codes.is_none())),
        }
    }

    /// The query as rows are stored, in a row of the scratch.
    pub(super) fn prepared<'m>(&self, query: &[f32], own: &'m mut Matrix) -> &'m [f32] {
        own.row_mut(0).copy_from_slice(query);
        self.metric.prepare(own.row_mut(0));
        own.row(0)
    }

    /// Writes the nearest slots and their distances, nearest first, ties by slot, and says how many.
    /// The query has `dim` finite numbers and both outputs hold `min(k, rows)`; who calls has checked.
    pub fn search(
        &self,
        scratch: &ScratchPool,
        query: &[f32],
        how: How,
        slots: &mut [Slot],
        distances: &mut [f32],
    ) -> Result<usize> {
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
        let graph = self.graph.as_ref().filter(|_| !how.exact);
        match (graph, self.codes, &scorer) {
            (Some(graph), Some(codes), scorer) => {
                code.set(self.metric, query, codes);
                by_code!(codes, code, self.kernels, |coded| {
                    walk::search_by_codes(graph, &coded, scorer.as_ref(), (how.ef, k), buffers);
                });
            }
            (Some(graph), None, Some(scorer)) => walk::search(graph, scorer, how.ef, k, buffers),
            (_, _, Some(scorer)) => exact::search(scorer, self.count, k, &mut buffers.results),
            (_, Some(codes), None) => {
                code.set(self.metric, query, codes);
                by_code!(codes, code, self.kernels, |coded| {
                    exact::search::<dyn Scorer>(&coded, self.count, k, &mut buffers.results);
                });
            }
            (_, None, None) => buffers.results.clear(), // there is always one of them
        }
        let estimate = match (&scorer, self.codes) {
            (None, Some(codes)) => Some(Estimate::new(self.metric, query, codes)),
            _ => None,
        };
        let results = &buffers.results;
        for ((candidate, slot), distance) in results.iter().zip(slots).zip(distances) {
            let score = candidate.score();
            *slot = candidate.slot();
            *distance = estimate.map_or_else(
                || self.metric.distance(score),
                |estimate| estimate.distance(score),
            );
        }
        Ok(results.len())
    }
}
