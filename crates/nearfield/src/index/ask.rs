//! One search, of any form of index: prepares the query, walks, scans or probes, and reports.

use super::{How, lacks_vectors};
use crate::codec::{Codes, Estimate, F32Scorer, Scorer, by_code};
use crate::error::Result;
use crate::hnsw::{Walkable, walk};
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::matrix::{Matrix, Rows};
use crate::metric::{Metric, ScorePair};
use crate::search::{Candidate, Scratch, ScratchPool, exact, narrow, rescore};
use crate::zones::{Effort, Judges, ProbeScratch, ZonesView, probe};

/// What one thread needs to search an index of any kind.
#[derive(Debug)]
pub struct AskScratch {
    pub walk: Scratch,
    pub probe: ProbeScratch,
}

/// A stock of it.
pub type AskScratchPool = ScratchPool<AskScratch>;

impl AskScratch {
    /// An empty stock for queries of `dim` numbers.
    pub const fn stock(dim: usize) -> AskScratchPool {
        ScratchPool::of(dim, |dim| {
            Ok(Self {
                walk: Scratch::try_new(dim)?,
                probe: ProbeScratch::default(),
            })
        })
    }
}

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
    pub zones: Option<ZonesView<'a>>,
}

impl<'a, G: Walkable> Asked<'a, G> {
    /// The rows whose vectors answer; `None` where their codes do.
    pub fn judge(&self, how: How) -> Result<Option<Rows<'a>>> {
        let coded = self.codes.is_some() || self.zones.is_some();
        match self.rows {
            None if how.rerank => Err(lacks_vectors("an exact or reranked answer")),
            rows => Ok(rows.filter(|_| how.rerank || !coded)),
        }
    }

    /// The query as rows are stored, in a row of the scratch.
    pub(super) fn prepared<'m>(&self, query: &[f32], own: &'m mut Matrix) -> &'m [f32] {
        own.row_mut(0).copy_from_slice(query);
        self.metric.prepare(own.row_mut(0));
        own.row(0)
    }

    /// The zones to probe and how many: all of them where everything is asked for and strips are all
    /// there is.
    pub(super) fn probed(
        &self,
        how: How,
        judge: Option<Rows<'_>>,
    ) -> Option<(&ZonesView<'a>, Effort)> {
        let zones = self.zones.as_ref()?;
        let k = how.k.min(self.count);
        if !how.exact {
            return Some((zones, Effort::of(zones, k, how.probes)));
        }
        let alone = judge.is_none() && self.codes.is_none();
        alone.then(|| (zones, Effort::of(zones, k, usize::MAX)))
    }

    /// Writes the nearest slots and their distances, nearest first, ties by slot, and says how many.
    /// The query has `dim` finite numbers and both outputs hold `min(k, rows)`; who calls has checked.
    pub fn search(
        &self,
        scratch: &AskScratchPool,
        query: &[f32],
        how: How,
        slots: &mut [Slot],
        distances: &mut [f32],
    ) -> Result<usize> {
        let judge = self.judge(how)?;
        let mut lease = scratch.lease()?;
        let AskScratch { walk, probe } = &mut *lease;
        if let Some((zones, effort)) = self.probed(how, judge) {
            let query = self.prepared(query, &mut walk.query);
            let judges = self.judges(judge);
            probe::search(zones, judges, query, self.kernels, effort, probe);
            let estimate = match (judge, self.codes) {
                (Some(_), _) => None,
                (None, Some(codes)) => Some(Estimate::new(self.metric, query, codes)),
                (None, None) => Some(Estimate::of_scan(self.metric, query)),
            };
            return Ok(self.report(&probe.results, estimate, slots, distances));
        }
        let k = how.k.min(self.count);
        let Scratch {
            query: own,
            code,
            buffers,
        } = walk;
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
            (None, Some(codes), scorer) if scorer.is_none() || !how.exact => {
                code.set(self.metric, query, codes);
                let keep = scorer.as_ref().map_or(k, |_| judged(k));
                by_code!(codes, code, self.kernels, |coded| {
                    exact::search::<dyn Scorer>(&coded, self.count, keep, &mut buffers.results);
                });
                if let Some(scorer) = scorer {
                    rescore(&mut buffers.results, scorer);
                    narrow(&mut buffers.results, k);
                    buffers.results.sort_unstable();
                }
            }
            (_, _, Some(scorer)) => exact::search(scorer, self.count, k, &mut buffers.results),
            (_, _, None) => buffers.results.clear(), // there is always one of them
        }
        let estimate = match (&scorer, self.codes) {
            (None, Some(codes)) => Some(Estimate::new(self.metric, query, codes)),
            _ => None,
        };
        Ok(self.report(&buffers.results, estimate, slots, distances))
    }

    /// Who judges what a scan of strips keeps.
    pub(super) const fn judges(&self, judge: Option<Rows<'a>>) -> Judges<'a> {
        Judges {
            count: self.count,
            rows: judge,
            codes: self.codes,
        }
    }

    /// Writes slots and distances of what was found.
    fn report(
        &self,
        results: &[Candidate],
        estimate: Option<Estimate>,
        slots: &mut [Slot],
        distances: &mut [f32],
    ) -> usize {
        for ((candidate, slot), distance) in results.iter().zip(slots).zip(distances) {
            let score = candidate.score();
            *slot = candidate.slot();
            *distance = estimate.map_or_else(
                || self.metric.distance(score),
                |estimate| estimate.distance(score),
            );
        }
        results.len()
    }
}

/// Rows that a scan of all codes keeps for the vectors to judge: as many as a walk does.
pub(super) const fn judged(k: usize) -> usize {
    k.saturating_mul(4).saturating_add(24)
}
