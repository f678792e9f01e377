//! One search, of any form of index: prepares the query, walks, scans or probes, and reports.

use super::inner::{InnerView, Walks};
use super::{How, lacks_vectors};
use crate::codec::{Codes, Estimate, F32Scorer, QueryCode, Scorer, by_code};
use crate::error::Result;
use crate::exec::Exec;
use crate::hnsw::{Walkable, walk};
use crate::ids::Slot;
use crate::kernels::Kernels;
use crate::matrix::{Matrix, Rows};
use crate::metric::{Metric, ScorePair};
use crate::search::{Buffers, Candidate, Scratch, ScratchPool, exact, narrow, rescore};
use crate::zones::{Effort, Group, GroupScratch, Judges, ProbeScratch, ZonesView, probe};

/// What one thread needs to search an index of any kind.
#[derive(Debug)]
pub struct AskScratch {
    pub walk: Scratch,
    pub probe: ProbeScratch,
    pub group: GroupScratch,
}

/// A stock of it.
pub type AskScratchPool = ScratchPool<AskScratch>;

impl AskScratch {
    /// An empty stock for queries of `dim` numbers.
    pub const fn stock(dim: usize, kernels: &'static Kernels) -> AskScratchPool {
        ScratchPool::of((dim, kernels), |dim, kernels| {
            Ok(Self {
                walk: Scratch::try_new(dim, kernels)?,
                probe: ProbeScratch::default(),
                group: GroupScratch::try_new(dim)?,
            })
        })
    }
}

/// Where an answer of many goes.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The nearest, nearest first.
    pub slots: &'a mut [Slot],
    /// Theirs.
    pub distances: &'a mut [f32],
    /// How many were found.
    pub count: &'a mut u32,
}

impl Answer<'_> {
    /// At most the rows of an index, which a slot can count.
    fn set_count(&mut self, found: usize) {
        *self.count = u32::try_from(found).unwrap_or(u32::MAX);
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
    /// Graphs within these.
    pub inner: Option<InnerView<'a>>,
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
            let effort = match how.recall {
                Some(recall) => Effort::promised(zones, k, recall),
                None => Effort::of(zones, k, how.probes),
            };
            return Some((zones, effort));
        }
        let alone = judge.is_none() && self.codes.is_none();
        alone.then(|| (zones, Effort::of(zones, k, usize::MAX)))
    }

    /// Writes the nearest slots and their distances, nearest first, ties by slot, and says how many. Strips are
    /// split over threads where these are many. The query has `dim` finite numbers and both outputs hold `min(k, rows)`; who calls has checked.
    pub fn search(
        &self,
        scratch: &AskScratchPool,
        query: &[f32],
        how: How,
        exec: Exec<'_>,
        (slots, distances): (&mut [Slot], &mut [f32]),
    ) -> Result<usize> {
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
            let judges = self.judges(judge);
            let by = (self.kernels, exec);
            let mut walks = self.walks(query, effort, (code, buffers));
            let how = (effort, walks.as_mut().map(|walks| walks as _));
            probe::search_watched(zones, judges, query, by, how, probe, &mut |_| ());
            let estimate = self.estimate(judges, query);
            return Ok(self.report(&probe.results, estimate, slots, distances));
        }
        let k = how.k.min(self.count);
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

    /// Who walks the zones that have a graph, for a prepared query.
    pub(super) fn walks<'w>(
        &'w self,
        query: &[f32],
        effort: Effort,
        (code, buffers): (&'w mut QueryCode, &'w mut Buffers),
    ) -> Option<Walks<'w>> {
        let (inner, codes) = (self.inner?, self.codes?);
        code.set(self.metric, query, codes);
        Some(Walks {
            inner,
            codes,
            code,
            kernels: self.kernels,
            ef: effort.walked(),
            buffers,
            counts: None,
        })
    }

    /// Into pieces of how many queries a batch is cut for so many threads: several where these gain from
    /// each other.
    pub fn piece(&self, queries: usize, how: How, threads: usize) -> Result<usize> {
        let group = self.group(how)?;
        let piece = group.and_then(|group| group.piece(queries, threads));
        Ok(piece.unwrap_or(1))
    }

    /// As [`search`](Self::search) for queries row-major, an answer each. Of one alone strips are split over
    /// threads.
    pub fn search_many(
        &self,
        scratch: &AskScratchPool,
        queries: &[f32],
        how: How,
        exec: Exec<'_>,
        answers: &mut [Answer<'_>],
    ) -> Result<()> {
        let dim = queries.len() / answers.len().max(1);
        let grouped = self.group(how)?.filter(|_| answers.len() > 1);
        let Some(group) = grouped else {
            let exec = if answers.len() == 1 {
                exec
            } else {
                Exec::Serial
            };
            for (query, answer) in queries.chunks_exact(dim).zip(answers) {
                let out = (&mut *answer.slots, &mut *answer.distances);
                let found = self.search(scratch, query, how, exec, out)?;
                answer.set_count(found);
            }
            return Ok(());
        };
        let mut lease = scratch.lease()?;
        let AskScratch {
            probe: own,
            group: shared,
            ..
        } = &mut *lease;
        group.search(queries, (shared, own), &mut |at, query, found| {
            let estimate = self.estimate(group.judges, query);
            let answer = &mut answers[at];
            let found = self.report(found, estimate, answer.slots, answer.distances);
            answer.set_count(found);
        })
    }

    /// What answers many queries at once; `None` where each is answered alone.
    fn group(&self, how: How) -> Result<Option<Group<'a>>> {
        let judge = self.judge(how)?;
        if self.inner.is_some() {
            return Ok(None);
        }
        let group = self.probed(how, judge).map(|(view, effort)| Group {
            view: *view,
            judges: self.judges(judge),
            kernels: self.kernels,
            effort,
        });
        Ok(group)
    }

    /// How scores of zones become distances; `None` where vectors gave them.
    fn estimate(&self, judges: Judges<'_>, query: &[f32]) -> Option<Estimate> {
        match (judges.rows, judges.codes) {
            (Some(_), _) => None,
            (None, Some(codes)) => Some(Estimate::new(self.metric, query, codes)),
            (None, None) => Some(Estimate::of_scan(self.metric, query)),
        }
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
