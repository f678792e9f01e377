//! The exclusive part of a round: links are made, every member gets a parent, free places are given away.
//!
//! ```text
//! changes ─► rows as weighed ─► entry, where a member is higher ─► places ─► parents
//! ```
//! Invariants: a row that is shown is copied before it changes; `in_degree` counts the links of level 0;
//! a link from a parent is never taken away.

use super::GrowingGraph;
use super::round::{Change, Proposal, Round, unsettled};
use crate::codec::{F32Scorer, Scorer, Stored};
use crate::hnsw::view::Links;
use crate::ids::{NO_SLOT, Slot};
use crate::search::Candidate;

/// A slot that fewer than this link to may be missed by a search.
const LINKED_MIN: u32 = 32;

impl GrowingGraph {
    /// Makes the links, gives every member a parent, and free places to those few link to.
    pub fn link(&mut self, stored: Stored<'_>, round: Round) {
        for change in round.changes {
            self.change(change);
        }
        for (&slot, proposals) in round.members.iter().zip(&round.proposals) {
            if self.entry == NO_SLOT || self.draft.level(slot) > self.level_of_entry() {
                self.enter_by(stored, slot);
            }
            let ground = proposals.last().map_or(&[][..], |ground| &ground.near);
            self.enrich(slot, ground);
        }
        self.adopt(stored, &round.members, &round.proposals);
        self.nodes += round.members.len();
        self.inserted += round.members.len();
    }

    fn change(&mut self, change: Change) {
        let Change {
            level,
            target,
            gained,
            row,
            waiting,
            lost,
        } = change;
        if row.is_none() && gained.is_empty() {
            return;
        }
        self.keep_before(target, level);
        match row {
            Some(row) => {
                self.draft.set(target, level, &row);
                if waiting > 0 {
                    self.draft.let_wait(target, waiting);
                }
            }
            None => {
                for &link in &gained {
                    self.draft.push(target, level, link);
                }
            }
        }
        if level > 0 {
            return;
        }
        for link in gained {
            self.in_degree[link.candidate.slot() as usize] += 1;
        }
        for slot in lost {
            self.loses(slot);
        }
    }

    /// One link less on level 0.
    pub(super) fn loses(&mut self, slot: Slot) {
        let count = &mut self.in_degree[slot as usize];
        *count -= 1;
        if *count < LINKED_MIN {
            self.doubtful.push(slot);
        }
    }

    /// One link more on level 0, from a node with room.
    pub(super) fn gains(&mut self, from: Slot, to: Candidate) {
        self.keep_before(from, 0);
        self.draft.push(from, 0, unsettled(to));
        self.in_degree[to.slot() as usize] += 1;
    }

    /// Makes a node the entry. It links to the one before, and so to everything.
    fn enter_by(&mut self, stored: Stored<'_>, slot: Slot) {
        let old = std::mem::replace(&mut self.entry, slot);
        self.parent[slot as usize] = slot;
        if old == NO_SLOT {
            return;
        }
        if !self.draft.links(slot, 0).contains(&old) {
            let scorer = F32Scorer::of_row(stored.rows, slot, self.pair);
            let taken = self.give(Candidate::new(scorer.score(old), slot), old, |_, _| true);
            assert!(taken, "nobody hangs on a newcomer");
        }
        self.parent[old as usize] = slot;
    }

    /// Nodes with room link to a newcomer that fewer than 2 M link to, the nearest first: pruning looks
    /// at its own neighbourhood only (see [`enrich`](crate::hnsw::enrich)).
    fn enrich(&mut self, slot: Slot, near: &[Candidate]) {
        let wanted = u32::try_from(2 * self.params.m).unwrap_or(u32::MAX);
        for &from in near {
            if self.in_degree[slot as usize] >= wanted {
                break;
            }
            if self.has_room(from.slot()) && !self.draft.links(from.slot(), 0).contains(&slot) {
                self.gains(from.slot(), Candidate::new(from.score(), slot));
            }
        }
    }

    fn has_room(&self, slot: Slot) -> bool {
        self.draft.links(slot, 0).len() < self.draft.width(0)
    }

    /// Finds every member a parent among those who link to it and have one, or makes a node link to it.
    fn adopt(&mut self, stored: Stored<'_>, members: &[Slot], proposals: &[Vec<Proposal>]) {
        let near = |at: usize| {
            proposals[at]
                .last()
                .map_or(&[][..], |ground| &ground.near[..])
        };
        let mut waiting: Vec<usize> = (0..members.len())
            .filter(|&at| self.parent[members[at] as usize] == NO_SLOT)
            .collect();
        loop {
            let before = waiting.len();
            waiting.retain(|&at| {
                let slot = members[at];
                if self.parent[slot as usize] != NO_SLOT {
                    return false;
                }
                let from = near(at).iter().map(|from| from.slot()).find(|&from| {
                    self.parent[from as usize] != NO_SLOT
                        && self.draft.links(from, 0).contains(&slot)
                });
                self.parent[slot as usize] = from.unwrap_or(NO_SLOT);
                from.is_none()
            });
            let Some(&at) = waiting.first() else { return };
            if waiting.len() == before {
                self.make_parent(stored, members[at], near(at));
            }
        }
    }

    /// Makes the nearest node that can link to a member and be its parent.
    fn make_parent(&mut self, stored: Stored<'_>, slot: Slot, near: &[Candidate]) {
        if near.iter().any(|&from| self.force(from, slot)) {
            return;
        }
        // A leaf of the tree can take a link, wherever it is.
        let scorer = F32Scorer::of_row(stored.rows, slot, self.pair);
        let taken = (0..)
            .take(self.draft.rows())
            .filter(|&from| from != slot)
            .any(|from| {
                self.parent[from as usize] != NO_SLOT
                    && self.force(Candidate::new(scorer.score(from), from), slot)
            });
        assert!(taken, "a leaf of the tree can take a link");
    }

    /// Links from a node to a slot and makes it the parent, if it has a parent and room or a link to spare.
    fn force(&mut self, from: Candidate, slot: Slot) -> bool {
        if self.parent[from.slot() as usize] == NO_SLOT || !self.give(from, slot, |_, _| true) {
            return false;
        }
        self.parent[slot as usize] = from.slot();
        true
    }

    /// Links from a node to a slot, if it has room or a link to spare: the farthest that is no way
    /// from the entry and that `spare` lets go.
    pub(super) fn give(
        &mut self,
        from: Candidate,
        slot: Slot,
        spare: impl Fn(Slot, Slot) -> bool,
    ) -> bool {
        let to = Candidate::new(from.score(), slot);
        if self.draft.links(from.slot(), 0).contains(&slot) {
            return true;
        }
        if !self.has_room(from.slot()) {
            let mut links: Vec<_> = self.draft.contenders(from.slot(), 0).collect();
            let farthest = (0..links.len())
                .filter(|&at| {
                    let other = links[at].candidate.slot();
                    !self.is_child(from.slot(), other) && spare(from.slot(), other)
                })
                .max_by_key(|&at| links[at].candidate);
            let Some(at) = farthest else { return false };
            let lost = links.remove(at).candidate.slot();
            self.keep_before(from.slot(), 0);
            self.draft.set(from.slot(), 0, &links);
            self.loses(lost);
        }
        self.gains(from.slot(), to);
        true
    }
}
