//! After the rounds: a search for newcomers and for who lost links, of those whom few near them link to, as
//! [`repair`] makes them for a whole graph; the missed ones get a link from where their search ended.
//!
//! Newcomers also change where walks for others land, without taking a link from them. So whenever the
//! rows have doubled, everyone is searched for: two searches more for each row that ever comes.
//!
//! [`repair`]: crate::hnsw::repair

use super::GrowingGraph;
use crate::codec::{F32Scorer, Scorer, Stored};
use crate::error::Result;
use crate::exec::Exec;
use crate::hnsw::repair::{Site, search_for};
use crate::hnsw::view::Links;
use crate::ids::Slot;
use crate::metric::Metric;
use crate::search::Candidate;
use std::collections::HashSet;

/// The beam of these searches: half of a build's. Who is in doubt gets a link sooner, for batches that come later take
/// others from it, and until rows have doubled nobody else is searched for.
const SWEEP_EF: usize = 16;
/// Rows a step of the sweep searches for.
const SWEEP_ROWS: usize = 2000;
/// Neighbouring slots that share a list.
const GRAIN: usize = 32;
/// Sweeps at most; all but the first are over the few slots the one before left in doubt.
const SWEEPS_MAX: u32 = 8;

/// Where sweeping stands.
#[derive(Debug)]
pub struct Sweep {
    /// Slots to search for, and how many were.
    slots: Vec<Slot>,
    done: usize,
    /// Slots that were missed, for the next sweep.
    again: Vec<Slot>,
    turn: u32,
    /// Links that sweeping gave, which it does not take back.
    given: HashSet<(Slot, Slot)>,
    /// Everyone is searched for.
    whole: bool,
}

impl Sweep {
    /// Whether it began with everyone.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }
}

/// What came of some searches.
#[derive(Debug)]
pub struct Missed {
    /// Slots that were missed, and what was found instead.
    missed: Vec<(Slot, Vec<Candidate>)>,
    /// Some were found among many that codes cannot tell them from.
    crowded: bool,
}

impl GrowingGraph {
    /// Plans the sweep, once the rounds are done; `everyone` where all nodes are in doubt. Crowds that were met
    /// before are those of other codes.
    pub fn begin_sweep(&mut self, everyone: bool) {
        self.crowded = false;
        let mut slots = std::mem::take(&mut self.doubtful);
        let whole = everyone || self.draft.rows() / 2 >= self.swept_rows;
        if whole {
            slots = (0..).take(self.draft.rows()).collect();
            slots.retain(|&slot| self.parent[slot as usize] != crate::ids::NO_SLOT);
        } else {
            slots.extend(&self.order);
        }
        // The largest inner product of a row need not be the row's own: there is nothing to find.
        if self.metric == Metric::Ip {
            slots.clear();
        }
        self.sweep = Some(Sweep {
            slots: unique(slots),
            done: 0,
            again: Vec::new(),
            turn: 1,
            given: HashSet::new(),
            whole,
        });
    }

    /// Searches for some slots; `None` where nothing is left to do.
    pub fn sweep(&self, stored: Stored<'_>, exec: Exec<'_>) -> Result<Option<Missed>> {
        let Some(sweep) = &self.sweep else {
            return Ok(None);
        };
        let end = sweep.slots.len().min(sweep.done + SWEEP_ROWS);
        let slots = &sweep.slots[sweep.done..end];
        if slots.is_empty() {
            return Ok(None);
        }
        let site = Site {
            stored,
            metric: self.metric,
            kernels: self.kernels,
            pair: self.pair,
            order: &[self.entry],
            scratch: &self.scratch,
            exec,
        };
        let known = sweep.whole || sweep.turn > 1;
        let doubted = if known {
            slots.to_vec()
        } else {
            self.poorly_linked(slots, exec)
        };
        let found = search_for(&self.draft, &doubted, SWEEP_EF, &site)?;
        let crowded = found.iter().any(|sought| sought.crowded);
        let missed = doubted.into_iter().zip(found);
        let missed = missed.filter_map(|(slot, sought)| {
            let by_vector = F32Scorer::of_row(stored.rows, slot, self.pair);
            // Links keep the scores of vectors, whatever the search went by.
            let rescored = |from: Candidate| {
                let from = from.slot();
                Candidate::new(by_vector.score(from), from)
            };
            let mut found: Vec<_> = sought.instead?.into_iter().map(rescored).collect();
            found.sort_unstable();
            Some((slot, found))
        });
        Ok(Some(Missed {
            missed: missed.collect(),
            crowded,
        }))
    }

    /// Those of the slots to whom few of the nearest that they link to link back. The others are met by a walk that
    /// comes near, or nearly all of them: who is passed over is searched for with everyone.
    fn poorly_linked(&self, slots: &[Slot], exec: Exec<'_>) -> Vec<Slot> {
        let m = self.params.m;
        let mut poorly = vec![false; slots.len()];
        exec.fill(&mut poorly, GRAIN, Vec::new, |near, at, poorly| {
            let slot = slots[at];
            near.clear();
            near.extend(self.draft.contenders(slot, 0).map(|link| link.candidate));
            near.sort_unstable();
            let back = |&other: &&Candidate| self.draft.links(other.slot(), 0).contains(&slot);
            // Three quarters of half a row.
            *poorly = 4 * near.iter().take(m).filter(back).count() < 3 * m;
        });
        let poorly = slots.iter().zip(poorly);
        poorly
            .filter_map(|(&slot, poorly)| poorly.then_some(slot))
            .collect()
    }

    /// Links what was missed, and goes on to the next slots. How many were searched for, and how many
    /// there are.
    pub fn mend(&mut self, missed: Missed) -> (usize, usize) {
        let Some(mut sweep) = self.sweep.take() else {
            return (0, 0);
        };
        self.crowded |= missed.crowded;
        for (slot, found) in missed.missed {
            let given = &sweep.given;
            let from = found
                .iter()
                .find(|&&from| {
                    from.slot() != slot
                        && self.give(from, slot, |from, to| !given.contains(&(from, to)))
                })
                .map(|from| from.slot());
            sweep.given.extend(from.map(|from| (from, slot)));
            sweep.again.push(slot);
        }
        sweep.done = sweep.slots.len().min(sweep.done + SWEEP_ROWS);
        let report = (sweep.done, sweep.slots.len());
        if sweep.done == sweep.slots.len() && sweep.turn < SWEEPS_MAX {
            sweep.again.append(&mut self.doubtful);
            sweep.slots = unique(std::mem::take(&mut sweep.again));
            sweep.done = 0;
            sweep.turn += 1;
        }
        self.sweep = Some(sweep);
        report
    }
}

fn unique(mut slots: Vec<Slot>) -> Vec<Slot> {
    slots.sort_unstable();
    slots.dedup();
    slots
}
