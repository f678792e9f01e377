//! Taking over a graph that was built elsewhere: its links stay where they can, and what this
//! graph promises beyond them (one node for equal rows, every row reached and found) is made good.
//!
//! ```text
//! elements  e₀ e₁ ✕ e₃ …      of the foreign graph, ✕ left out
//!   │ slots in the same order, equal rows joined under their first
//!   ▼
//! links     of all elements of a node, joined ─► beyond an ✕, what it links to ─► too many? prune
//!   │
//!   ▼
//! crowds? ─► repair ─► FrozenArrays
//! ```
//! Where an element is left out, its neighbours get a choice of what it led to (Singh et al.,
//! "`FreshDiskANN`", 2021, Algorithm 4).
//!
//! Invariant: links are chosen slot by slot from the foreign graph alone, so threads cannot change
//! the result.

use super::draft::Draft;
use super::prune::{Contender, Rule};
use super::repair::{Repair, Site};
use super::view::{FrozenArrays, Links};
use super::{BuildPhase, CROWD_MIN, StepReport, twins};
use crate::codec::{Codes, F32Scorer, QueryCode, Scorer, Stored, by_code};
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::metric::{Metric, ScorePair};
use crate::search::{Candidate, ScratchPool};

/// Slots a step links.
const STEP_ROWS: usize = 4096;
/// Neighbouring slots that share a list.
const GRAIN: usize = 32;
/// Elements left out that a node looks beyond, on each level.
const BEYOND_MAX: usize = 64;
/// Nearest candidates that a node chooses its links from where they are too many.
const CONTENDERS_MAX: usize = 256;
/// Candidates kept when a slot that nothing leads to looks for one that can.
const REACH_EF: usize = 200;
/// Times a graph is repaired at most. A link given for one slot changes the walks to others: where many
/// were missing, one time over all slots does not do.
const REPAIRS_MAX: u32 = 4;
/// As many among a row's own links make it worth looking further.
const CROWD_HINT: usize = 4;

/// A graph in a form of its own, checked: what it says of its elements can be relied upon.
pub trait Foreign: Sync {
    /// The highest level of an element.
    fn level(&self, element: u32) -> u32;

    /// Appends the neighbours of an element on a level it has.
    fn links(&self, element: u32, level: u32, out: &mut Vec<u32>);
}

/// Takes a graph over in steps; rows and the foreign graph are its owner's and passed to every call.
#[derive(Debug)]
pub struct Adopter {
    metric: Metric,
    kernels: &'static Kernels,
    pair: ScorePair,
    rule: Rule,
    /// The element of every slot.
    elements: Vec<u32>,
    /// The first slot of every element's row; [`NO_SLOT`] where it is left out.
    nodes: Vec<Slot>,
    twins: Option<Vec<u32>>,
    /// Every first, the entry at the front.
    order: Vec<Slot>,
    draft: Draft,
    linked: usize,
    crowded: bool,
    scratch: ScratchPool,
    repair: Option<Repair>,
    repairs: u32,
    phase: BuildPhase,
}

impl Adopter {
    /// Joins equal rows and plans levels. `elements` has the element of every row, ascending, below
    /// `count`; what it does not have is left out. `entry` is an element, the wish for a first one.
    ///
    /// # Panics
    /// Where `m` is below 2, or rows and elements are not as many.
    pub fn new(
        rows: Rows<'_>,
        (metric, kernels): (Metric, &'static Kernels),
        m: usize,
        foreign: &impl Foreign,
        (elements, count, entry): (Vec<u32>, usize, u32),
        exec: Exec<'_>,
    ) -> Self {
        assert!(m >= 2, "M is at least 2, received {m}");
        assert_eq!(elements.len(), rows.len(), "one element a row");
        let twins::Twins { firsts, next } = twins::find(rows, exec);
        let first_of = first_of(&firsts, next.as_deref(), rows.len());
        let mut nodes = vec![NO_SLOT; count];
        let mut levels = vec![0; rows.len() + 1];
        for (&element, &first) in elements.iter().zip(&first_of) {
            nodes[element as usize] = first;
            let level = &mut levels[first as usize + 1];
            *level = foreign.level(element).max(*level);
        }
        let order = order(firsts, &levels, nodes.get(entry as usize).copied());
        for at in 1..levels.len() {
            levels[at] += levels[at - 1];
        }
        let pair = metric.score_pair(kernels);
        Self {
            metric,
            kernels,
            pair,
            rule: Rule::new(pair),
            elements,
            nodes,
            twins: next,
            order,
            draft: Draft::new(levels, m),
            linked: 0,
            crowded: false,
            scratch: ScratchPool::new(rows.dim(), kernels),
            repair: None,
            repairs: 0,
            phase: BuildPhase::Link,
        }
    }

    /// Whether the codes it was given cannot tell some row from many others, so that walks by code may
    /// miss it. Known of a row's neighbours once all are linked, of others while repairing.
    pub fn crowded(&self) -> bool {
        self.crowded || self.repair.as_ref().is_some_and(Repair::crowded)
    }

    /// Forgets what was met with codes that are given up: others, or none, are looked at in their place.
    pub fn judge_again(&mut self) {
        (self.crowded, self.phase) = (false, BuildPhase::Link);
        if let Some(repair) = &mut self.repair {
            repair.again(&self.order);
        }
    }

    /// Does one bounded piece of work.
    pub fn step(
        &mut self,
        foreign: &impl Foreign,
        stored: Stored<'_>,
        exec: Exec<'_>,
    ) -> Result<StepReport> {
        let total = self.order.len();
        let mut done = total;
        match self.phase {
            BuildPhase::Link if self.linked < total => {
                self.link(foreign, stored.rows, exec);
                done = self.linked;
            }
            BuildPhase::Link => {
                let crowded = stored
                    .codes
                    .is_some_and(|codes| self.crowds(codes, stored, exec));
                self.crowded = crowded && self.metric != Metric::Ip;
                self.phase = BuildPhase::Repair;
            }
            BuildPhase::Repair => match self.repair(stored, exec)? {
                Some(rows) => done = rows,
                None => self.phase = BuildPhase::Done,
            },
            BuildPhase::Done => {}
        }
        Ok(StepReport {
            phase: self.phase,
            done,
            total,
        })
    }

    /// The arrays.
    ///
    /// # Panics
    /// While steps are left.
    pub fn finish(self) -> FrozenArrays {
        assert_eq!(self.phase, BuildPhase::Done, "steps are left");
        let entry = self.order.first().copied().unwrap_or(NO_SLOT);
        let level = self.order.first().map_or(0, |&slot| self.draft.level(slot));
        self.draft.freeze(self.twins, entry, level)
    }

    /// Writes the rows of the next slots.
    fn link(&mut self, foreign: &impl Foreign, rows: Rows<'_>, exec: Exec<'_>) {
        let end = self.order.len().min(self.linked + STEP_ROWS);
        let slots = &self.order[self.linked..end];
        let mut chosen: Vec<Vec<Vec<Contender>>> = vec![Vec::new(); slots.len()];
        let this = &*self;
        exec.fill(
            &mut chosen,
            GRAIN,
            Gathered::default,
            |gathered, at, levels| {
                let slot = slots[at];
                for level in 0..=this.draft.level(slot) {
                    this.gather(foreign, slot, level, gathered);
                    levels.push(this.choose(rows, slot, level, &gathered.nodes));
                }
            },
        );
        for (&slot, levels) in slots.iter().zip(&chosen) {
            for (level, kept) in (0..).zip(levels) {
                self.draft.set(slot, level, kept);
            }
        }
        self.linked = end;
    }

    /// The nodes that the elements of one lead to on a level, each once, without itself.
    fn gather(&self, foreign: &impl Foreign, slot: Slot, level: u32, out: &mut Gathered) {
        out.nodes.clear();
        out.beyond.clear();
        let next = |slot: &Slot| -> Option<Slot> {
            let next = self.twins.as_ref()?[*slot as usize];
            (next != NO_SLOT).then_some(next)
        };
        for twin in std::iter::successors(Some(slot), next) {
            let element = self.elements[twin as usize];
            if foreign.level(element) >= level {
                self.follow(foreign, element, level, out);
            }
        }
        let mut at = 0;
        while at < out.beyond.len() {
            self.follow(foreign, out.beyond[at], level, out);
            at += 1;
        }
        out.nodes.sort_unstable();
        out.nodes.dedup();
        out.nodes.retain(|&node| node != slot);
    }

    /// Appends where an element leads to, and the elements left out to look beyond.
    fn follow(&self, foreign: &impl Foreign, element: u32, level: u32, out: &mut Gathered) {
        out.elements.clear();
        foreign.links(element, level, &mut out.elements);
        for &element in &out.elements {
            match self.nodes[element as usize] {
                NO_SLOT if out.beyond.len() == BEYOND_MAX => {}
                NO_SLOT if out.beyond.contains(&element) => {}
                NO_SLOT => out.beyond.push(element),
                node => out.nodes.push(node),
            }
        }
    }

    /// All of `nodes` where they fit, else a choice of the nearest.
    fn choose(&self, rows: Rows<'_>, slot: Slot, level: u32, nodes: &[Slot]) -> Vec<Contender> {
        let scorer = F32Scorer::of_row(rows, slot, self.pair);
        let contender = |(&slot, score): (&Slot, f32)| Contender {
            candidate: Candidate::new(score, slot),
            settled: false,
        };
        let scores = scores(&scorer, nodes);
        let mut contenders: Vec<_> = nodes.iter().zip(scores).map(contender).collect();
        contenders.sort_unstable();
        let width = self.draft.width(level);
        if contenders.len() <= width {
            return contenders;
        }
        contenders.truncate(CONTENDERS_MAX.max(width));
        let mut kept = Vec::new();
        self.rule.select(rows, &contenders, width, &mut kept);
        kept
    }

    /// Whether some row has a crowd among its links and theirs.
    fn crowds(&self, codes: Codes<'_>, stored: Stored<'_>, exec: Exec<'_>) -> bool {
        let mut crowds = vec![false; self.order.len()];
        let start = || (QueryCode::default(), Vec::new());
        exec.fill(&mut crowds, GRAIN, start, |(code, met), at, crowd| {
            let slot = self.order[at];
            code.set(self.metric, stored.rows.row(slot), codes);
            *crowd = by_code!(codes, code, self.kernels, |coded| {
                self.in_crowd(slot, &coded, met)
            });
        });
        crowds.contains(&true)
    }

    /// Whether a row has a crowd among its links and theirs, which `met` is the room for.
    fn in_crowd(&self, slot: Slot, coded: &dyn Scorer, met: &mut Vec<Slot>) -> bool {
        let own = coded.score(slot);
        let as_near = |slots: &[Slot]| {
            let near = scores(coded, slots).into_iter();
            near.filter(|&score| score <= own).count()
        };
        let links = self.draft.links(slot, 0);
        if as_near(links) < CROWD_HINT {
            return false;
        }
        met.clear();
        met.extend_from_slice(links);
        for &link in links {
            met.extend_from_slice(self.draft.links(link, 0));
        }
        met.sort_unstable();
        met.dedup();
        as_near(met) >= CROWD_MIN
    }

    /// One step of repairing: the rows in order, or `None` where nothing is left to do.
    fn repair(&mut self, stored: Stored<'_>, exec: Exec<'_>) -> Result<Option<usize>> {
        if self.order.is_empty() {
            return Ok(None);
        }
        let site = Site {
            stored,
            metric: self.metric,
            kernels: self.kernels,
            pair: self.pair,
            order: &self.order,
            scratch: &self.scratch,
            exec,
        };
        if let Some(repair) = &mut self.repair {
            let done = repair.step(&mut self.draft, &site)?;
            if done.is_some() || !repair.gave() || self.repairs == REPAIRS_MAX {
                return Ok(done);
            }
        }
        self.repairs += 1;
        self.repair = Some(Repair::begin(&mut self.draft, &site, REACH_EF)?);
        Ok(Some(0))
    }
}

/// The lists of one node's gathering.
#[derive(Debug, Default)]
struct Gathered {
    nodes: Vec<Slot>,
    beyond: Vec<u32>,
    elements: Vec<u32>,
}

/// The first of every slot.
fn first_of(firsts: &[Slot], next: Option<&[u32]>, rows: usize) -> Vec<Slot> {
    let mut first_of: Vec<Slot> = (0..).take(rows).collect();
    let Some(next) = next else { return first_of };
    for &first in firsts {
        let mut slot = next[first as usize];
        while slot != NO_SLOT {
            first_of[slot as usize] = first;
            slot = next[slot as usize];
        }
    }
    first_of
}

/// The firsts, the entry at the front: the one wished for if none is higher, else the lowest slot of
/// the highest. `levels[slot + 1]` is a slot's level.
fn order(mut firsts: Vec<Slot>, levels: &[u32], wish: Option<Slot>) -> Vec<Slot> {
    let level = |slot: Slot| levels[slot as usize + 1];
    let highest = firsts.iter().map(|&slot| level(slot)).max().unwrap_or(0);
    let wish = wish.filter(|&slot| slot != NO_SLOT && level(slot) == highest);
    let entry = wish.or_else(|| firsts.iter().copied().find(|&slot| level(slot) == highest));
    if let Some(at) = entry.and_then(|entry| firsts.binary_search(&entry).ok()) {
        firsts[..=at].rotate_right(1);
    }
    firsts
}

/// The score of every slot.
fn scores(scorer: &dyn Scorer, slots: &[Slot]) -> Vec<f32> {
    let (fours, rest) = slots.as_chunks::<4>();
    let fours = fours.iter().flat_map(|&four| scorer.score4(four));
    let rest = rest.iter().map(|&slot| scorer.score(slot));
    fours.chain(rest).collect()
}
