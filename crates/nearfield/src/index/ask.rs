//! One search, of any form of index: prepares the query, walks or scans, and reports.

use super::How;
use crate::codec::{Codes, F32Scorer, by_code};
use crate::error::Result;
use crate::hnsw::{Walkable, walk};
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::metric::{Metric, ScorePair};
use crate::search::{Scratch, ScratchPool, exact};

/// What a search looks at.
pub struct Asked<'a, G> {
    pub metric: Metric,
    pub kernels: &'static Kernels,
    pub pair: ScorePair,
    /// The rows that are shown, no others.
    pub rows: Rows<'a>,
    pub codes: Option<Codes<'a>>,
    pub graph: Option<G>,
}

impl<G: Walkable> Asked<'_, G> {
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
        match (&self.graph, self.codes) {
            (Some(graph), None) if !how.exact => {
                walk::search(graph, &scorer, how.ef, k, buffers);
            }
            (Some(graph), Some(codes)) if !how.exact => {
                code.set(self.metric, own.row(0), codes);
                by_code!(codes, code, self.kernels, |coded| {
                    walk::search_by_codes(graph, &coded, &scorer, (how.ef, k), buffers);
                });
            }
            _ => exact::search(&scorer, rows.len(), k, &mut buffers.results),
        }
        let results = &buffers.results;
        for ((candidate, slot), distance) in results.iter().zip(slots).zip(distances) {
            *slot = candidate.slot();
            *distance = self.metric.distance(candidate.score());
        }
        Ok(results.len())
    }
}
