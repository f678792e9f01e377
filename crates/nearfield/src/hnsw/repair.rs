//! Makes every slot of the graph reachable from the entry on level 0, then findable by a search.
//!
//! ```text
//! entry ─► a ─► b        the tree of a breadth-first search; its links are never removed
//!          └──► c   ?u   unreached u gets a link from the nearest reached node that has room,
//!                        or that can give up a link which is not of the tree
//! sweep    walk for u    a search for u's own vector that misses u shows where it ended; the
//!                        nearest node there gets a link to u
//! ```
//! Reaching ends: every turn reaches at least one slot more and loses none. A node to link from
//! always exists, since a leaf of the tree has no tree links to keep. Sweeping is bounded: a link
//! given for one slot may cost another its way, so the slots that lost a link are asked again, a
//! fixed number of times. Where a sweep goes by codes it also looks whether they tell the slot from its
//! neighbours: met is not yet found, if too many score as near.

use super::CROWD_MIN;
use super::draft::Draft;
use super::prune::Contender;
use super::view::Links;
use super::walk;
use crate::codec::{F32Scorer, Scorer, Stored, by_code};
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::Kernels;
use crate::metric::{Metric, ScorePair};
use crate::search::{Buffers, Candidate, Scratch, ScratchPool};
use std::collections::HashSet;

/// The beam of a sweep's searches. Every wider search finds what this one does. Has room for a crowd.
const SWEEP_EF: usize = 32;

/// Rows a step of the sweep searches for.
const SWEEP_ROWS: usize = 2000;
/// Sweeps at most; all but the first are over the few slots the one before left in doubt.
const SWEEPS_MAX: u32 = 8;
/// Neighbouring slots that share a lease.
const GRAIN: usize = 8;

/// What repairing reads and does not change.
pub struct Site<'a> {
    /// The vectors, and the codes that searches will go by.
    pub stored: Stored<'a>,
    /// How they are compared.
    pub metric: Metric,
    /// What compares codes.
    pub kernels: &'static Kernels,
    /// What compares vectors.
    pub pair: ScorePair,
    /// Every slot of the graph, the entry first.
    pub order: &'a [Slot],
    /// Room for walks.
    pub scratch: &'a ScratchPool,
    /// Who does the work.
    pub exec: Exec<'a>,
}

/// Where repairing stands.
#[derive(Debug)]
pub struct Repair {
    tree: Tree,
    /// Slots to search for, and how many were.
    slots: Vec<Slot>,
    done: usize,
    /// Slots in doubt, for the next sweep.
    again: Vec<Slot>,
    sweep: u32,
    crowded: bool,
    /// The first sweep was done before, by other codes.
    resumed: bool,
}

impl Repair {
    /// Makes every slot reachable.
    pub fn begin(draft: &mut Draft, site: &Site<'_>, ef: usize) -> Result<Self> {
        let mut scratch = site.scratch.lease()?;
        let of = |slot| F32Scorer::of_row(site.stored.rows, slot, site.pair);
        let tree = reach_all(draft, site.order, of, ef, &mut scratch.buffers);
        Ok(Self {
            tree,
            // The largest inner product of a row need not be the row's own: there is nothing to find.
            slots: if site.metric == Metric::Ip {
                Vec::new()
            } else {
                site.order.to_vec()
            },
            done: 0,
            again: Vec::new(),
            sweep: 1,
            crowded: false,
            resumed: false,
        })
    }

    /// Whether any search missed its slot, so that links were given.
    pub fn gave(&self) -> bool {
        !self.tree.given.is_empty()
    }

    /// Whether codes could not tell some row from many others.
    pub const fn crowded(&self) -> bool {
        self.crowded
    }

    /// Starts over with the first sweep, for other codes.
    pub fn again(&mut self, order: &[Slot]) {
        if !self.slots.is_empty() {
            self.slots = order.to_vec();
        }
        self.again.clear();
        (self.done, self.sweep) = (0, 1);
        (self.crowded, self.resumed) = (false, true);
    }

    /// Searches for some slots and links the missed ones: the rows in order, `None` at the end.
    pub fn step(&mut self, draft: &mut Draft, site: &Site<'_>) -> Result<Option<usize>> {
        if self.done == self.slots.len() {
            if self.again.is_empty() || self.sweep == SWEEPS_MAX {
                return Ok(None);
            }
            self.slots = std::mem::take(&mut self.again);
            self.slots.sort_unstable();
            self.slots.dedup();
            self.done = 0;
            self.sweep += 1;
        }
        let end = self.slots.len().min(self.done + SWEEP_ROWS);
        let slots = &self.slots[self.done..end];
        for (&slot, sought) in slots.iter().zip(search_for(draft, slots, SWEEP_EF, site)?) {
            self.crowded |= sought.crowded;
            if let Some(found) = sought.instead {
                self.again.push(slot);
                self.again.extend(self.tree.give(draft, &found, slot));
            }
        }
        self.done = end;
        Ok(Some(if self.sweep == 1 && !self.resumed {
            end
        } else {
            site.order.len()
        }))
    }
}

/// What came of a search for a slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Sought {
    /// What was found in its place, nearest first, with the scores searches go by; `None` if it was found.
    pub(super) instead: Option<Vec<Candidate>>,
    /// It was found among many that codes cannot tell it from.
    pub(super) crowded: bool,
}

/// Searches for each of these slots with a beam of `ef`.
pub(super) fn search_for(
    draft: &Draft,
    slots: &[Slot],
    ef: usize,
    site: &Site<'_>,
) -> Result<Vec<Sought>> {
    let mut out: Vec<Result<Sought>> = vec![Ok(Sought::default()); slots.len()];
    site.exec.fill(
        &mut out,
        GRAIN,
        || site.scratch.lease(),
        |lease, at, out| {
            *out = lease
                .as_mut()
                .map_err(|error| error.clone())
                .map(|scratch| seek(draft, (slots[at], ef), site, scratch));
        },
    );
    out.into_iter().collect()
}

/// Links what a search from `order[0]` does not reach; `order` holds every slot of the graph.
fn reach_all<S: Scorer>(
    draft: &mut Draft,
    order: &[Slot],
    scorer_of: impl Fn(Slot) -> S,
    ef: usize,
    buffers: &mut Buffers,
) -> Tree {
    let entry = order[0];
    let mut tree = Tree {
        parent: vec![NO_SLOT; draft.rows()],
        given: HashSet::new(),
    };
    tree.grow(draft, entry, entry);
    for &slot in order {
        if tree.reached(slot) {
            continue;
        }
        let scorer = scorer_of(slot);
        let top = draft.level(entry);
        let start = Candidate::new(scorer.score(entry), entry);
        let start = walk::descend(draft, &scorer, start, top, 0);
        // Upper levels may lead to a slot that level 0 does not reach.
        let start = if tree.reached(start.slot()) {
            start
        } else {
            Candidate::new(scorer.score(entry), entry)
        };
        walk::beam(draft, &scorer, &[start], 0, ef, buffers);
        let near = buffers.pool.entries().iter().copied();
        let rest = order.iter().filter(|&&other| tree.reached(other));
        let rest = rest.map(|&other| Candidate::new(scorer.score(other), other));
        let from = near.chain(rest).find(|from| tree.adopt(draft, *from, slot));
        let from = from.expect("a leaf of the tree can take a link");
        tree.grow(draft, from.slot(), slot);
    }
    tree
}

/// Searches for a slot with a beam of `ef`.
fn seek(
    draft: &Draft,
    (slot, ef): (Slot, usize),
    site: &Site<'_>,
    scratch: &mut Scratch,
) -> Sought {
    let Scratch { code, buffers, .. } = scratch;
    let entry = site.order[0];
    let Stored { rows, codes } = site.stored;
    let mut crowded = false;
    let found = if let Some(codes) = codes {
        code.set(site.metric, rows.row(slot), codes);
        // By codes to the end: their scores are the same on every processor, and so are the links.
        by_code!(codes, code, site.kernels, |coded| {
            let found = finds(draft, entry, (slot, ef), &coded, buffers);
            if found {
                let own = coded.score(slot);
                if within_reach(draft, slot, &coded, own) {
                    // A shorter pool has no room for a crowd; a longer one finds what it does.
                    if ef < SWEEP_EF {
                        finds(draft, entry, (slot, SWEEP_EF), &coded, buffers);
                    }
                    walk::beam_within(draft, &coded, own, buffers);
                    // The slot itself is one of them.
                    crowded = buffers.pool.within(own) > CROWD_MIN;
                }
            }
            found
        })
    } else {
        let exact = F32Scorer::of_row(rows, slot, site.pair);
        finds(draft, entry, (slot, ef), &exact, buffers)
    };
    Sought {
        instead: (!found).then(|| buffers.pool.entries().to_vec()),
        crowded,
    }
}

/// Whether any of the slot's nearest scores as near as this: of a crowd all do.
fn within_reach<S: Scorer>(draft: &Draft, slot: Slot, scorer: &S, own: f32) -> bool {
    let links = draft.links(slot, 0);
    match links.first_chunk::<4>() {
        Some(&nearest) => scorer.score4(nearest).into_iter().any(|score| score <= own),
        None => !links.is_empty(),
    }
}

/// Whether a search as users make it meets the slot.
fn finds<S: Scorer>(
    draft: &Draft,
    entry: Slot,
    (slot, ef): (Slot, usize),
    scorer: &S,
    buffers: &mut Buffers,
) -> bool {
    let start = Candidate::new(scorer.score(entry), entry);
    let starts = walk::land(draft, scorer, start, draft.level(entry), buffers);
    walk::beam_until(draft, scorer, starts.as_slice(), 0, ef, slot, buffers)
}

/// A breadth-first tree: the parent of every reached slot, the entry its own; and the links that
/// sweeping gave, which it does not take back.
#[derive(Debug, Default)]
struct Tree {
    parent: Vec<Slot>,
    given: HashSet<(Slot, Slot)>,
}

impl Tree {
    fn reached(&self, slot: Slot) -> bool {
        self.parent[slot as usize] != NO_SLOT
    }

    /// Adds `slot` under `parent`, and all that is reachable from it.
    fn grow(&mut self, draft: &Draft, parent: Slot, slot: Slot) {
        self.parent[slot as usize] = parent;
        let mut queue = std::collections::VecDeque::from([slot]);
        while let Some(slot) = queue.pop_front() {
            for &next in draft.links(slot, 0) {
                if !self.reached(next) {
                    self.parent[next as usize] = slot;
                    queue.push_back(next);
                }
            }
        }
    }

    /// Links `slot` from the nearest of `found` that can; the slot that lost its link for it.
    fn give(&mut self, draft: &mut Draft, found: &[Candidate], slot: Slot) -> Option<Slot> {
        let from = found.iter().find_map(|&from| {
            let before: Vec<_> = draft.links(from.slot(), 0).to_vec();
            self.adopt(draft, from, slot).then_some((from, before))
        });
        let (from, before) = from?;
        self.given.insert((from.slot(), slot));
        let after = draft.links(from.slot(), 0);
        before.into_iter().find(|link| !after.contains(link))
    }

    fn spare(&self, from: Slot, to: Slot) -> bool {
        self.parent[to as usize] != from && !self.given.contains(&(from, to))
    }

    /// Links `from` to `slot` if it has room or a link to spare.
    fn adopt(&self, draft: &mut Draft, from: Candidate, slot: Slot) -> bool {
        let mut links: Vec<_> = draft.contenders(from.slot(), 0).collect();
        if links.len() == draft.width(0) {
            let spare = links
                .iter()
                .enumerate()
                .filter(|(_, link)| self.spare(from.slot(), link.candidate.slot()))
                .max_by_key(|(_, link)| link.candidate);
            let Some((at, _)) = spare else { return false };
            links.remove(at);
        }
        links.push(Contender {
            candidate: Candidate::new(from.score(), slot),
            settled: false,
        });
        draft.set(from.slot(), 0, &links);
        true
    }
}
