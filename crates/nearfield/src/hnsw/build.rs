//! The steps of a build: whole levels at once (`bulk`), or in rounds where rows are few. Every member of a round walks the graph as the round found it, in parallel;
//! then links are made in a fixed order. Threads share no mutable state and cannot change the result.
//!
//! ```text
//! round   members ── propose ──► own links chosen          (parallel, reads the draft)
//!                    own rows written                      (in order)
//!                    reverse edges sorted by (level, target, score, slot)
//!                    overfull targets pruned               (parallel, reads the draft)
//!                    targets written                       (in order)
//! ```

use super::bulk::{self, Bulk, Turn};
use super::draft::Draft;
use super::enrich::{Enrich, Near};
use super::prune::{Contender, Rule};
use super::repair::{Repair, Site};
use super::view::FrozenArrays;
use super::{CROWD_MIN, plan, twins, walk};
use crate::codec::pairs::Basis;
use crate::codec::{F32Scorer, Scorer, Stored, Vectors, by_code};
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::metric::{Metric, ScorePair};
use crate::search::{Buffers, Candidate, Pool, Scratch, ScratchPool};

/// Rows a step handles at least, so that tiny early rounds do not make tiny steps.
const STEP_ROWS_MIN: usize = 256;
/// Nearest found nodes that a newcomer chooses its links from. Beyond these the rule keeps next to
/// nothing, yet compares each with all that it kept.
const CONTENDERS_MAX: usize = 100;
/// Neighbouring members that share a lease.
const GRAIN: usize = 8;

/// How a graph is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HnswParams {
    /// Links a node above level 0, half of those on it; at least 2.
    pub m: usize,
    /// Candidates kept while inserting.
    pub ef_construction: usize,
    /// Of levels and insertion order.
    pub seed: u64,
}

/// What a build is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildPhase {
    /// Inserting.
    Link,
    /// Making every slot reachable, and found by a search for its own vector.
    Repair,
    /// `finish` may be called.
    Done,
}

/// How far a build is, in rows of its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// What is being done.
    pub phase: BuildPhase,
    /// Rows finished; all of them once done.
    pub done: usize,
    /// Rows there are.
    pub total: usize,
}

/// Builds a graph over rows its owner keeps and passes to every call.
#[derive(Debug)]
pub struct HnswBuilder {
    metric: Metric,
    kernels: &'static Kernels,
    pair: ScorePair,
    rule: Rule,
    crowded: bool,
    ef_construction: usize,
    phase: BuildPhase,
    order: Vec<Slot>,
    /// Rows that have links.
    linked: usize,
    /// How many had when all were taken back, to be made again by the vectors.
    resumed: usize,
    /// For inner products, what makes them distances.
    lift: Vec<f32>,
    twins: Option<Vec<u32>>,
    draft: Draft,
    scratch: ScratchPool,
    proposals: Vec<Vec<Proposal>>,
    near: Near,
    bulk: Option<Bulk>,
    enrich: Option<Enrich>,
    repair: Option<Repair>,
    linked_by_codes: bool,
    m: usize,
    seed: u64,
}

/// One level of one member: the neighbours it chose.
#[derive(Clone, Debug, Default)]
struct Proposal {
    level: u32,
    kept: Vec<Contender>,
    /// On level 0, the nearest it met.
    near: Vec<Candidate>,
}

/// A link to be made from `target` to the candidate's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reverse {
    pub(super) level: u32,
    pub(super) target: Slot,
    pub(super) candidate: Candidate,
}

impl Reverse {
    /// The edges back to a slot from all it keeps on a level.
    pub(super) fn of(
        slot: Slot,
        level: u32,
        kept: &[Contender],
    ) -> impl Iterator<Item = Self> + '_ {
        kept.iter().map(move |&Contender { candidate, .. }| Self {
            level,
            target: candidate.slot(),
            candidate: Candidate::new(candidate.score(), slot),
        })
    }

    /// Edges by the place they start from, in order.
    pub(super) fn grouped(edges: &mut [Self]) -> Vec<&[Self]> {
        edges.sort_unstable();
        edges
            .chunk_by(|a, b| (a.level, a.target) == (b.level, b.target))
            .collect()
    }
}

impl HnswBuilder {
    /// Finds twins and plans levels, order and rounds.
    ///
    /// # Panics
    /// Where `m` is below 2.
    pub fn new(
        rows: Rows<'_>,
        metric: Metric,
        kernels: &'static Kernels,
        params: HnswParams,
        exec: Exec<'_>,
    ) -> Self {
        assert!(params.m >= 2, "M is at least 2, received {}", params.m);
        let twins = twins::find(rows, exec);
        let order = plan::order(params.seed, &twins.firsts, params.m);
        let mut above = vec![0; rows.len() + 1];
        for &slot in &twins.firsts {
            above[slot as usize + 1] = plan::level(params.seed, slot, params.m);
        }
        for at in 1..above.len() {
            above[at] += above[at - 1];
        }
        let pair = metric.score_pair(kernels);
        Self {
            metric,
            kernels,
            pair,
            rule: Rule::new(pair),
            crowded: false,
            ef_construction: params.ef_construction.max(params.m),
            phase: BuildPhase::Link,
            linked: 0,
            resumed: 0,
            lift: match metric {
                Metric::Ip if Bulk::suits(order.len()) => bulk::lift(rows, exec),
                _ => Vec::new(),
            },
            twins: twins.next,
            draft: if Bulk::suits(order.len()) {
                Draft::in_order(above, params.m)
            } else {
                Draft::new(above, params.m)
            },
            scratch: ScratchPool::new(rows.dim(), kernels),
            proposals: Vec::new(),
            near: Near::new(0, 0),
            bulk: Bulk::suits(order.len())
                .then(|| Bulk::new(params.seed, params.m, params.ef_construction)),
            enrich: None,
            repair: None,
            linked_by_codes: false,
            m: params.m,
            seed: params.seed,
            order,
        }
    }

    /// Rows, each another, from which levels are built at once.
    pub const AT_ONCE_MIN: usize = Bulk::ROWS_MIN;

    /// Whether whole levels are built at once, not row by row.
    pub const fn is_at_once(&self) -> bool {
        self.bulk.is_some()
    }

    fn entry(&self) -> Slot {
        self.order.first().copied().unwrap_or(NO_SLOT)
    }

    /// Whether codes cannot tell some row from many others, so that walks by code may miss it. Known
    /// of the codes rows were linked by once all are, and while repairing of those it has.
    pub fn crowded(&self) -> bool {
        self.crowded || self.repair.as_ref().is_some_and(Repair::crowded)
    }

    /// Whether links were chosen by codes alone, so that without these rows are to be linked again.
    pub const fn linked_by_codes(&self) -> bool {
        self.linked_by_codes
    }

    /// Takes all links back; rows are then linked by what steps are given.
    pub fn link_again(&mut self) {
        self.order.sort_unstable();
        self.order = plan::order(self.seed, &self.order, self.m);
        self.begin_linking();
        self.repair = None;
        (self.linked, self.resumed, self.phase) = (0, 0, BuildPhase::Link);
        (self.crowded, self.linked_by_codes) = (false, false);
    }

    /// Starts with no links.
    fn begin_linking(&mut self) {
        self.draft.clear();
        self.bulk = Bulk::suits(self.order.len())
            .then(|| Bulk::new(self.seed, self.m, self.ef_construction));
    }

    /// Forgets what was met with codes that are given up; repairing searches for every row again.
    pub fn repair_again(&mut self) {
        self.crowded = false;
        if let Some(repair) = &mut self.repair {
            repair.again(&self.order);
        }
    }

    /// Does one bounded piece of work; the rows are those of [`new`](Self::new). With codes, walks
    /// go by these; links are chosen by the vectors.
    pub fn step(&mut self, stored: Stored<'_>, exec: Exec<'_>) -> Result<StepReport> {
        let total = self.order.len();
        match self.phase {
            BuildPhase::Link => {
                if let Some(report) = self.at_once(stored, exec) {
                    return Ok(report);
                }
                let start = self.linked;
                if start == 0 {
                    self.near = Near::new(stored.rows.len(), 2 * self.m);
                }
                while self.linked < total && self.linked - start < STEP_ROWS_MIN {
                    self.round(stored, exec)?;
                }
                if self.linked == total {
                    self.phase = BuildPhase::Repair;
                }
                return Ok(StepReport {
                    phase: BuildPhase::Link,
                    done: self.linked,
                    total,
                });
            }
            BuildPhase::Repair => {
                if let Some(done) = self.repair(stored, exec)? {
                    return Ok(StepReport {
                        phase: BuildPhase::Repair,
                        done,
                        total,
                    });
                }
                self.phase = BuildPhase::Done;
            }
            BuildPhase::Done => {}
        }
        Ok(StepReport {
            phase: BuildPhase::Done,
            done: total,
            total,
        })
    }

    /// A step of building whole levels at once; `None` where rows are inserted.
    fn at_once(&mut self, stored: Stored<'_>, exec: Exec<'_>) -> Option<StepReport> {
        let bulk = self.bulk.as_mut()?;
        let vectors = |metric: Metric, lift| {
            Basis::Vectors(Vectors {
                rows: stored.rows,
                pair: metric.score_pair(self.kernels),
                lift,
            })
        };
        let (basis, lifted) = match (self.metric, stored.codes) {
            (Metric::Ip, _) => (
                vectors(Metric::Ip, &[]),
                Some(vectors(Metric::L2, &self.lift)),
            ),
            (_, Some(codes)) if !self.crowded => (Basis::Codes(codes), None),
            // Rows at unit length too: a product has lost the bits that tell near ones apart.
            _ => (vectors(Metric::L2, &[]), None),
        };
        let site = bulk::Site {
            stored,
            basis,
            lifted,
            metric: self.metric,
            kernels: self.kernels,
            exec,
        };
        let total = self.order.len();
        match bulk.step(&mut self.draft, &site, &self.order) {
            Turn::Going(done) => {
                self.linked = self.resumed + (total - self.resumed) * done / 1000;
            }
            Turn::Linked => {
                let entry = self.entry();
                self.linked_by_codes = basis.codes().is_some();
                self.order = self.bulk.take()?.into_order(entry);
                self.phase = BuildPhase::Repair;
                self.linked = total;
            }
            Turn::Crowded => {
                self.begin_linking();
                (self.crowded, self.resumed) = (true, self.linked);
            }
        }
        Some(StepReport {
            phase: BuildPhase::Link,
            done: self.linked,
            total,
        })
    }

    /// One step of giving free places away, then of repairing: the rows in order, or `None` where
    /// nothing is left to do.
    fn repair(&mut self, stored: Stored<'_>, exec: Exec<'_>) -> Result<Option<usize>> {
        if self.order.is_empty() {
            return Ok(None);
        }
        let order = &self.order;
        if self.repair.is_none() && self.near.width() > 0 {
            let enrich = self
                .enrich
                .get_or_insert_with(|| Enrich::new(&self.draft, order));
            if enrich.turn(&mut self.draft, &self.near, order) {
                return Ok(Some(0));
            }
            // What only giving needed.
            (self.near, self.enrich) = (Near::new(0, 0), None);
        }
        let site = Site {
            stored,
            metric: self.metric,
            kernels: self.kernels,
            pair: self.pair,
            order,
            scratch: &self.scratch,
            exec,
        };
        if let Some(repair) = &mut self.repair {
            return repair.step(&mut self.draft, &site);
        }
        self.repair = Some(Repair::begin(&mut self.draft, &site, self.ef_construction)?);
        Ok(Some(0))
    }

    /// The arrays.
    ///
    /// # Panics
    /// While steps are left.
    pub fn finish(self) -> FrozenArrays {
        assert_eq!(self.phase, BuildPhase::Done, "steps are left");
        let entry = self.entry();
        let level = if entry == NO_SLOT {
            0
        } else {
            self.draft.level(entry)
        };
        self.draft.freeze(self.twins, entry, level)
    }

    fn round(&mut self, stored: Stored<'_>, exec: Exec<'_>) -> Result<()> {
        let len = plan::round_len(self.linked, self.order.len());
        let members = self.linked..self.linked + len;
        if self.linked > 0 {
            self.propose(stored, exec, members.clone())?;
            self.link(stored.rows, exec, members.clone());
        }
        self.linked = members.end;
        Ok(())
    }

    /// Chooses every member's own links, on the graph as it is.
    fn propose(
        &mut self,
        stored: Stored<'_>,
        exec: Exec<'_>,
        members: std::ops::Range<usize>,
    ) -> Result<()> {
        let mut proposals = std::mem::take(&mut self.proposals);
        proposals.resize_with(members.len(), Vec::new);
        let this = &*self;
        let members = &this.order[members];
        let mut crowds: Vec<Result<bool>> = vec![Ok(false); members.len()];
        let mut out: Vec<_> = proposals.iter_mut().zip(&mut crowds).collect();
        exec.fill(
            &mut out,
            GRAIN,
            || this.scratch.lease(),
            |lease, at, (proposal, crowd)| {
                **crowd = lease
                    .as_mut()
                    .map(|scratch| this.propose_one(stored, members[at], scratch, proposal))
                    .map_err(|error| error.clone());
            },
        );
        drop(out);
        self.proposals = proposals;
        for crowd in crowds {
            self.crowded |= crowd?;
        }
        Ok(())
    }

    /// One member's links; whether it stands in a crowd.
    fn propose_one(
        &self,
        stored: Stored<'_>,
        slot: Slot,
        scratch: &mut Scratch,
        out: &mut Vec<Proposal>,
    ) -> bool {
        let Scratch { code, buffers, .. } = scratch;
        let exact = F32Scorer::of_row(stored.rows, slot, self.pair);
        let Some(codes) = stored.codes else {
            self.propose_by(stored.rows, slot, &exact, |_| {}, buffers, out);
            return false;
        };
        code.set(self.metric, stored.rows.row(slot), codes);
        let mut crowded = false;
        by_code!(codes, code, self.kernels, |coded| {
            let own = coded.score(slot);
            let judge = |pool: &mut Pool| {
                crowded = pool.within(own) >= CROWD_MIN;
                pool.rescore(&exact, self.contenders_max());
            };
            self.propose_by(stored.rows, slot, &coded, judge, buffers, out);
        });
        // The nearest by inner product need not be the row itself: there is nothing to find.
        crowded && self.metric != Metric::Ip
    }

    /// Nearest found nodes that a newcomer chooses among.
    fn contenders_max(&self) -> usize {
        CONTENDERS_MAX.max(self.draft.width(0))
    }

    /// Walks by `scorer` and chooses among what `judge` leaves in the pool, scored by the vectors.
    fn propose_by<S: Scorer>(
        &self,
        rows: Rows<'_>,
        slot: Slot,
        scorer: &S,
        mut judge: impl FnMut(&mut Pool),
        buffers: &mut Buffers,
        out: &mut Vec<Proposal>,
    ) {
        let (entry, top) = (self.entry(), self.draft.level(self.entry()));
        let level = self.draft.level(slot);
        let start = Candidate::new(scorer.score(entry), entry);
        let mut starts = vec![walk::descend(&self.draft, scorer, start, top, level)];
        out.clear();
        let mut contenders = Vec::new();
        for level in (0..=level.min(top)).rev() {
            let ef = self.ef_construction;
            walk::beam(&self.draft, scorer, &starts, level, ef, buffers);
            starts.clear();
            starts.extend(buffers.pool.entries());
            judge(&mut buffers.pool);
            let met = buffers.pool.entries();
            contenders.clear();
            contenders.extend(
                met.iter()
                    .take(self.contenders_max())
                    .map(|&candidate| Contender {
                        candidate,
                        settled: false,
                    }),
            );
            let mut kept = Vec::new();
            self.rule
                .select(rows, &contenders, self.draft.width(1), &mut kept);
            settle(&mut kept);
            let near = match level {
                0 => met[..met.len().min(self.near.width())].to_vec(),
                _ => Vec::new(),
            };
            out.push(Proposal { level, kept, near });
        }
    }

    /// Writes own rows and reverse edges of the round.
    fn link(&mut self, rows: Rows<'_>, exec: Exec<'_>, members: std::ops::Range<usize>) {
        let mut reverse = Vec::new();
        for (&slot, proposals) in self.order[members].iter().zip(&self.proposals) {
            for Proposal { level, kept, near } in proposals {
                self.draft.set(slot, *level, kept);
                for &other in near {
                    self.near.met(slot, other);
                }
                reverse.extend(Reverse::of(slot, *level, kept));
            }
        }
        let groups = Reverse::grouped(&mut reverse);
        let mut merged = vec![Vec::new(); groups.len()];
        let (draft, rule) = (&self.draft, &self.rule);
        exec.fill(&mut merged, GRAIN, Vec::new, |contenders, at, kept| {
            merge(draft, rule, rows, groups[at], contenders, kept);
        });
        for (group, kept) in groups.iter().zip(&merged) {
            self.draft.set(group[0].target, group[0].level, kept);
        }
    }
}

/// Marks what passed the rule together.
fn settle(kept: &mut [Contender]) {
    for contender in kept {
        contender.settled = true;
    }
}

/// A target's links with the newcomers, pruned when they are too many.
fn merge(
    draft: &Draft,
    rule: &Rule,
    rows: Rows<'_>,
    group: &[Reverse],
    contenders: &mut Vec<Contender>,
    kept: &mut Vec<Contender>,
) {
    let (target, level) = (group[0].target, group[0].level);
    contenders.clear();
    contenders.extend(draft.contenders(target, level));
    contenders.extend(group.iter().map(|edge| Contender {
        candidate: edge.candidate,
        settled: false,
    }));
    let width = draft.width(level);
    if contenders.len() <= width {
        kept.clone_from(contenders);
        return;
    }
    contenders.sort_unstable();
    rule.select(rows, contenders, width, kept);
    settle(kept);
}
