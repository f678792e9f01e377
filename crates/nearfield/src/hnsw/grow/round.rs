//! One round, as shared parts see it: who is inserted together, what they choose, and what is to become
//! of their neighbours. [`link`](super::link) does it.

use super::GrowingGraph;
use super::choose::Choice;
use crate::codec::{F32Scorer, Scorer, Stored, by_code};
use crate::error::Result;
use crate::exec::Exec;
use crate::hnsw::CROWD_MIN;
use crate::hnsw::build::Reverse;
use crate::hnsw::prune::Contender;
use crate::hnsw::view::Links;
use crate::hnsw::walk;
use crate::ids::{NO_SLOT, Slot};
use crate::metric::Metric;
use crate::search::{Buffers, Candidate, Pool, Scratch};

/// Members of the largest round: their scores against each other are a small part of their walks,
/// and a step of the host waits for one.
const ROUND_MAX: usize = 512;
/// Of `ef_construction`, what a newcomer's walk keeps, but no less than a row of links: two fifths. A round's
/// members meet each other without walking, and places go to whom few link to, so that a graph is as good as one
/// that is built at once, nearly (bench/README.md).
const WALK_SHARE: [usize; 2] = [2, 5];
/// Nearest found nodes that a newcomer chooses its links from.
const CONTENDERS_MAX: usize = 64;
/// Neighbouring members that share a lease.
const GRAIN: usize = 8;
/// Neighbouring targets of links that share a list.
const TARGETS_GRAIN: usize = 32;
/// Newcomers that a full row of level 0 is compared with at once: until there are as many, each takes a shared place and
/// waits. Comparing reads all that the row settled on, which lies all over memory.
const WAITING_MAX: usize = 4;

/// A round in the making.
#[derive(Debug)]
pub struct Round {
    pub(super) members: Vec<Slot>,
    pub(super) proposals: Vec<Vec<Proposal>>,
    pub(super) changes: Vec<Change>,
    crowded: bool,
}

/// One level of one member: the neighbours it chose, and on level 0 the nearest it met.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    level: u32,
    kept: Vec<Contender>,
    pub(super) near: Vec<Candidate>,
}

/// What becomes of a target's row.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) level: u32,
    pub(super) target: Slot,
    /// Newcomers it links to now.
    pub(super) gained: Vec<Contender>,
    /// Where it is full: all it links to now, how many of the last wait to be compared, and whom no longer.
    pub(super) row: Option<Vec<Contender>>,
    pub(super) waiting: usize,
    pub(super) lost: Vec<Slot>,
}

impl GrowingGraph {
    /// Chooses the links of the next members on the graph as it is; `None` when all are in.
    pub fn propose(&self, stored: Stored<'_>, exec: Exec<'_>) -> Result<Option<Round>> {
        let waiting = &self.order[self.inserted..];
        let Some(&first) = waiting.first() else {
            return Ok(None);
        };
        // A node above the entry has nobody to meet up there and becomes the entry.
        let alone = self.entry == NO_SLOT || self.draft.level(first) > self.level_of_entry();
        let len = if alone {
            1
        } else {
            self.nodes.min(ROUND_MAX).min(waiting.len())
        };
        let members = waiting[..len].to_vec();
        let mut out = vec![Ok((Vec::new(), false)); len];
        if self.entry != NO_SLOT {
            exec.fill(
                &mut out,
                GRAIN.min(len.div_ceil(2 * exec.threads())),
                || (self.scratch.lease(), Choice::default()),
                |(lease, choice), at, out| {
                    let member = (&members[..], members[at]);
                    *out = lease
                        .as_mut()
                        .map(|scratch| self.propose_one(stored, member, scratch, choice))
                        .map_err(|error| error.clone());
                },
            );
        }
        let mut round = Round {
            members,
            proposals: Vec::with_capacity(len),
            changes: Vec::new(),
            crowded: false,
        };
        for one in out {
            let (proposals, crowded) = one?;
            round.proposals.push(proposals);
            round.crowded |= crowded;
        }
        Ok(Some(round))
    }

    /// One member's links; whether it stands in a crowd.
    fn propose_one(
        &self,
        stored: Stored<'_>,
        (members, slot): (&[Slot], Slot),
        scratch: &mut Scratch,
        choice: &mut Choice,
    ) -> (Vec<Proposal>, bool) {
        let Scratch { code, buffers, .. } = scratch;
        let exact = F32Scorer::of_row(stored.rows, slot, self.pair);
        let Some(codes) = stored.codes else {
            let proposals =
                self.propose_by(stored, (members, slot), &exact, |_| {}, buffers, choice);
            return (proposals, false);
        };
        code.set(self.metric, stored.rows.row(slot), codes);
        let mut crowded = false;
        let proposals = by_code!(codes, code, self.kernels, |coded| {
            let own = coded.score(slot);
            let judge = |pool: &mut Pool| {
                crowded = pool.within(own) >= CROWD_MIN;
                pool.rescore(&exact, self.contenders_max());
            };
            self.propose_by(stored, (members, slot), &coded, judge, buffers, choice)
        });
        // The nearest by inner product need not be the row itself: there is nothing to find.
        (proposals, crowded && self.metric != Metric::Ip)
    }

    fn contenders_max(&self) -> usize {
        CONTENDERS_MAX.max(self.draft.width(0))
    }

    /// Walks by `scorer`, looks over the round, and chooses among what `judge` leaves in the pool.
    fn propose_by<S: Scorer>(
        &self,
        stored: Stored<'_>,
        (members, slot): (&[Slot], Slot),
        scorer: &S,
        mut judge: impl FnMut(&mut Pool),
        buffers: &mut Buffers,
        choice: &mut Choice,
    ) -> Vec<Proposal> {
        let (entry, top) = (self.entry, self.level_of_entry());
        let level = self.draft.level(slot);
        let start = Candidate::new(scorer.score(entry), entry);
        let mut starts = vec![walk::descend(&self.draft, scorer, start, top, level)];
        let mut out = Vec::new();
        let [part, of] = WALK_SHARE;
        // A file may ask for more than can be multiplied.
        let ef = self.params.ef_construction.saturating_mul(part) / of;
        let ef = ef.max(self.draft.width(0));
        // A file may ask for more than there is: room for all nodes is room enough.
        let ef = ef.min(self.nodes + members.len());
        for level in (0..=level.min(top)).rev() {
            walk::beam(&self.draft, scorer, &starts, level, ef, buffers);
            starts.clear();
            starts.extend(buffers.pool.entries());
            self.meet(members, slot, level, scorer, &mut buffers.pool);
            judge(&mut buffers.pool);
            let met = buffers.pool.entries();
            let met = &met[..met.len().min(self.contenders_max())];
            choice.compared.clear();
            choice.compared.extend(met.iter().copied().map(unsettled));
            let mut kept = Vec::new();
            self.settle(stored, self.draft.width(level), choice, &mut kept);
            let near = match level {
                0 => {
                    self.share(&choice.compared, self.draft.width(0), &mut kept);
                    met.to_vec()
                }
                _ => Vec::new(),
            };
            out.push(Proposal { level, kept, near });
        }
        out
    }

    /// Puts the other members of a level into the pool, where they are near enough.
    fn meet<S: Scorer>(
        &self,
        members: &[Slot],
        slot: Slot,
        level: u32,
        scorer: &S,
        pool: &mut Pool,
    ) {
        // Levels are prefixes of the order.
        let end = members.partition_point(|&other| self.draft.level(other) >= level);
        scorer.score_all(&members[..end], |other, score| {
            if other != slot && self.draft.level(other) >= level {
                pool.insert(Candidate::new(score, other));
            }
        });
    }

    /// Gives the members their own links. Nobody links to them yet.
    pub fn place(&mut self, round: &Round) {
        for (&slot, proposals) in round.members.iter().zip(&round.proposals) {
            for Proposal { level, kept, .. } in proposals {
                self.draft.set(slot, *level, kept);
                if *level == 0 {
                    for link in kept {
                        self.in_degree[link.candidate.slot() as usize] += 1;
                    }
                }
            }
        }
        self.crowded |= round.crowded;
    }

    /// Decides what the members' neighbours link to.
    pub fn weigh(&self, stored: Stored<'_>, round: &mut Round, exec: Exec<'_>) {
        let mut reverse = Vec::new();
        for (&slot, proposals) in round.members.iter().zip(&round.proposals) {
            for Proposal { level, kept, near } in proposals {
                if *level > 0 {
                    reverse.extend(Reverse::of(slot, *level, kept));
                    continue;
                }
                // All that are near learn of a newcomer, whether it chose them or not.
                let near = near.iter().take(self.draft.width(0));
                let near: Vec<_> = near.copied().map(unsettled).collect();
                reverse.extend(Reverse::of(slot, 0, &near));
            }
        }
        let groups = Reverse::grouped(&mut reverse);
        let mut changes = vec![Change::default(); groups.len()];
        exec.fill(
            &mut changes,
            TARGETS_GRAIN,
            Choice::default,
            |choice, at, change| {
                self.weigh_one(stored, groups[at], choice, change);
            },
        );
        round.changes = changes;
    }

    fn weigh_one(
        &self,
        stored: Stored<'_>,
        group: &[Reverse],
        choice: &mut Choice,
        change: &mut Change,
    ) {
        let (target, level) = (group[0].target, group[0].level);
        (change.target, change.level) = (target, level);
        let links = self.draft.links(target, level);
        // Two members of a round may have chosen each other.
        let gained = group
            .iter()
            .map(|edge| edge.candidate)
            .filter(|candidate| !links.contains(&candidate.slot()));
        change.gained = gained.map(unsettled).collect();
        let width = self.draft.width(level);
        if change.gained.is_empty() || links.len() + change.gained.len() < width {
            return;
        }
        let (layer, place) = self.draft.place(target, level);
        let (settled, waiting) = (layer.settled(place), layer.waiting(place));
        // A row from a file is full and never settled.
        let full = settled > 0 && links.len() == width;
        choice.met.clear();
        choice.met.extend(self.draft.contenders(target, level));
        if full && level == 0 && self.take_places((settled, waiting), &choice.met, change) {
            return;
        }
        choice.compared.clear();
        if full {
            // Those between were compared before.
            let (settled, rest) = choice.met.split_at(settled);
            choice.compared.extend_from_slice(settled);
            let waiting = &rest[rest.len() - waiting..];
            choice.compared.extend_from_slice(waiting);
        } else {
            choice.compared.extend_from_slice(&choice.met);
        }
        for list in [&mut choice.met, &mut choice.compared] {
            list.extend_from_slice(&change.gained);
            list.sort_unstable();
        }
        let mut row = Vec::new();
        self.settle(stored, width, choice, &mut row);
        if level == 0 {
            self.share(&choice.met, width, &mut row);
            self.keep_children(target, &choice.met, width, &mut row);
        }
        let stays = |slot: Slot| row.iter().any(|link| link.candidate.slot() == slot);
        change.lost = links.iter().copied().filter(|&slot| !stays(slot)).collect();
        change.gained.retain(|link| stays(link.candidate.slot()));
        let as_before = full && waiting == 0 && change.lost.is_empty() && change.gained.is_empty();
        change.row = (!as_before).then_some(row);
    }

    /// Gives newcomers places of a full row without comparing them with anybody, as long as few wait there and there
    /// are places to give: shared ones, of those whom most link to. Whether it did. `met` is the row as it lies.
    fn take_places(
        &self,
        (settled, mut waiting): (usize, usize),
        met: &[Contender],
        change: &mut Change,
    ) -> bool {
        if waiting + change.gained.len() >= WAITING_MAX {
            return false;
        }
        let mut row = met.to_vec();
        let mut lost = Vec::with_capacity(change.gained.len());
        for _ in &change.gained {
            let taken = (settled..row.len())
                .filter(|&at| !self.is_child(change.target, row[at].candidate.slot()))
                .max_by_key(|&at| {
                    let candidate = row[at].candidate;
                    (self.in_degree[candidate.slot() as usize], candidate)
                });
            let Some(at) = taken else { return false };
            waiting -= usize::from(at + waiting >= row.len());
            lost.push(row.remove(at).candidate.slot());
        }
        row.extend_from_slice(&change.gained);
        change.waiting = waiting + change.gained.len();
        change.row = Some(row);
        change.lost = lost;
        true
    }

    /// Whether a link is a way from the entry that nothing may cut.
    pub(super) fn is_child(&self, from: Slot, to: Slot) -> bool {
        self.parent[to as usize] == from && from != to
    }

    /// Puts children back that the rule did not keep, over the farthest that are none.
    fn keep_children(
        &self,
        target: Slot,
        contenders: &[Contender],
        width: usize,
        row: &mut Vec<Contender>,
    ) {
        for contender in contenders {
            let slot = contender.candidate.slot();
            if !self.is_child(target, slot) || row.iter().any(|kept| kept.candidate.slot() == slot)
            {
                continue;
            }
            if row.len() == width {
                let other = row
                    .iter()
                    .rposition(|kept| !self.is_child(target, kept.candidate.slot()))
                    .expect("children alone do not pass the width");
                row.remove(other);
            }
            row.push(unsettled(contender.candidate));
        }
    }
}

pub(super) fn unsettled(candidate: Candidate) -> Contender {
    Contender {
        candidate,
        settled: false,
    }
}
