//! Walking the graph: greedy on the upper levels, a short beam on level 1, a beam on level 0, then
//! the answer, which after a walk by codes is scored again by the vectors.
//!
//! ```text
//! pop the nearest unexpanded ─► gather its unseen neighbours ─► score in fours ─► insert
//!        ▲                                                        asking for those ahead, at last
//!        │                                                        for those of who is likely next
//!        └──────────────────────────── until all of the pool is expanded ───────────────┘
//! ```
//! Invariants: a slot is scored at most once a beam, so walks end on any checked graph, whatever the
//! scores are. Nothing allocates once the buffers have grown.

use super::view::{Links, Walkable};
use crate::codec::{CodedRows, LOOK_AHEAD, Scorer};
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::{PREFETCHES, ROW_SCORES, RowsAsked};
use crate::search::{Buffers, Candidate, Pool, Top, Visited};

/// Nodes of level 1 that a walk goes down from. Greedy descent alone (Malkov & Yashunin, Algorithm 5)
/// lands in one place: where the data falls into clusters, a query from outside of them may have its
/// neighbours in another. The number does not depend on `ef`, so that a wider walk finds what a
/// narrower one did.
const LANDINGS: usize = 12;

/// Leaves the `k` nearest slots in `buffers.results`, nearest first, ties by slot.
pub fn search<S: Scorer>(
    view: &impl Walkable,
    scorer: &S,
    ef: usize,
    k: usize,
    buffers: &mut Buffers,
) {
    fill_pool(start_of(view), view, scorer, ef, k, buffers);
    answer(view, k, &buffers.pool, &mut buffers.results);
}

/// As [`search`], walking by `codes` and answering by `scorer`, or by the codes where there is none. Codes
/// blur the order of candidates and cost little, so the walk keeps twice `ef` of them. The nearest `ef` are
/// scored again, `4 k + 24` at most and twice `k` at least.
pub fn search_by_codes<C: Scorer, S: Scorer>(
    view: &impl Walkable,
    codes: &C,
    scorer: Option<&S>,
    (ef, k): (usize, usize),
    buffers: &mut Buffers,
) {
    let ef = ef.max(k);
    fill_pool(
        start_of(view),
        view,
        codes,
        ef.saturating_mul(2),
        k,
        buffers,
    );
    if let Some(scorer) = scorer {
        buffers.pool.rescore(scorer, judged(ef, k));
    }
    answer(view, k, &buffers.pool, &mut buffers.results);
}

/// Candidates of a walk by codes that vectors judge. The last of the answer needs some beyond it, twice `k` at
/// least; how many codes misplace does not grow with the walk, so a wide one has no more judged than a row
/// that codes can just tell apart ([`CROWD_MIN`](super::CROWD_MIN)) and `k` that are misplaced need.
pub(super) fn judged(ef: usize, k: usize) -> usize {
    let most = k.saturating_mul(4).saturating_add(super::CROWD_MIN);
    ef.min(most).max(k.saturating_mul(2))
}

/// Where walks start, and that slot's level.
pub(super) fn start_of(view: &impl Walkable) -> (Slot, u32) {
    (view.entry(), view.level())
}

/// Leaves in the pool the nearest that a walk from the entry finds.
pub(super) fn fill_pool<S: Scorer>(
    (entry, level): (Slot, u32),
    links: &impl Links,
    scorer: &S,
    ef: usize,
    k: usize,
    buffers: &mut Buffers,
) {
    buffers.results.clear();
    if entry == NO_SLOT || k == 0 {
        buffers.pool.reset(0);
        return;
    }
    let ef = ef.max(k).min(links.rows());
    let entry = Candidate::new(scorer.score(entry), entry);
    let starts = land(links, scorer, entry, level, buffers);
    beam(links, scorer, starts.as_slice(), 0, ef, buffers);
}

/// Where a walk of level 0 starts.
pub(super) struct Landing {
    starts: [Candidate; LANDINGS + 1],
    count: usize,
}

impl Landing {
    /// The entry, then the nearest of level 1.
    pub(super) fn as_slice(&self) -> &[Candidate] {
        &self.starts[..self.count]
    }
}

/// Walks down from `entry`, which is on level `top`.
pub(super) fn land<S: Scorer>(
    graph: &impl Links,
    scorer: &S,
    entry: Candidate,
    top: u32,
    buffers: &mut Buffers,
) -> Landing {
    // The entry starts too: level 0 is reachable from there, and from elsewhere perhaps not.
    let mut starts = [entry; LANDINGS + 1];
    if top == 0 {
        return Landing { starts, count: 1 };
    }
    let near = descend(graph, scorer, entry, top, 1);
    beam(graph, scorer, &[near, entry], 1, LANDINGS, buffers);
    let found = buffers.pool.entries();
    starts[1..=found.len()].copy_from_slice(found);
    Landing {
        starts,
        count: found.len() + 1,
    }
}

/// Walks from level `from` down to above `to`, always to the nearest neighbour.
pub(super) fn descend<S: Scorer>(
    graph: &impl Links,
    scorer: &S,
    mut nearest: Candidate,
    from: u32,
    to: u32,
) -> Candidate {
    for level in (to + 1..=from).rev() {
        loop {
            let here = nearest;
            let links = linked(graph.links(here.slot(), level));
            scorer.score_all(links, |slot, score| {
                nearest = nearest.min(Candidate::new(score, slot));
            });
            if nearest == here {
                break;
            }
        }
    }
    nearest
}

/// Fills `buffers.pool` with the `ef` nearest that a walk from `starts` finds on one level.
pub(super) fn beam<S: Scorer>(
    graph: &impl Links,
    scorer: &S,
    starts: &[Candidate],
    level: u32,
    ef: usize,
    buffers: &mut Buffers,
) {
    let _ = beam_until(graph, scorer, starts, level, ef, NO_SLOT, buffers);
}

/// [`beam`] that stops as soon as it meets `target`; whether it did.
///
/// A wider beam expands all that a narrower one does, in the same order, before it goes on: what is
/// met here is met by every wider walk from these starts.
pub(super) fn beam_until<S: Scorer>(
    graph: &impl Links,
    scorer: &S,
    starts: &[Candidate],
    level: u32,
    ef: usize,
    target: Slot,
    buffers: &mut Buffers,
) -> bool {
    let Buffers {
        pool,
        visited,
        gathered,
        ..
    } = buffers;
    pool.reset(ef);
    gathered.clear();
    visited.begin(graph.rows());
    for &start in starts {
        if visited.insert(start.slot()) {
            pool.insert(start);
        }
    }
    if starts.iter().any(|start| start.slot() == target) {
        return true;
    }
    let mut expected = NO_SLOT;
    while let Some(nearest) = pool.expand() {
        visited.gather(graph.links(nearest.slot(), level), gathered);
        if target != NO_SLOT && gathered.contains(&target) {
            return true;
        }
        let found = |slot| {
            if level == 0 {
                graph.prefetch(slot);
            }
        };
        let short = scorer.coded_rows().is_some_and(CodedRows::are_short);
        let next = |pool: &Pool| Soon::after(pool, (graph, level), visited, short);
        let asked = nearest.slot() == expected;
        expected = score_into(scorer, (gathered, asked), pool, found, next);
    }
    false
}

/// Goes on on level 0 where [`beam_until`] met its target, for as long as candidates are within this
/// score: the pool then has the target, and what of its neighbourhood scores as near.
pub(super) fn beam_within<S: Scorer>(
    graph: &impl Links,
    scorer: &S,
    score: f32,
    buffers: &mut Buffers,
) {
    let Buffers {
        pool,
        visited,
        gathered,
        ..
    } = buffers;
    // What was met together with the target, and the target, still has no score.
    score_into(scorer, (gathered, false), pool, |_| {}, |_| Soon::NOTHING);
    while let Some(nearest) = pool.expand().filter(|nearest| nearest.score() <= score) {
        visited.gather(graph.links(nearest.slot(), 0), gathered);
        score_into(scorer, (gathered, false), pool, |_| {}, |_| Soon::NOTHING);
    }
}

/// The rows that will probably be scored first when the next node is expanded. While the last neighbours of a
/// node are scored, none of them is left to be asked for, and the next node would wait for its first ones.
struct Soon {
    /// The node, and its first neighbours that were not seen.
    slot: Slot,
    rows: [Slot; LOOK_AHEAD],
    count: usize,
    /// How many were asked for.
    asked: usize,
}

impl Soon {
    const NOTHING: Self = Self {
        slot: NO_SLOT,
        rows: [NO_SLOT; LOOK_AHEAD],
        count: 0,
        asked: 0,
    };

    /// What follows if nothing nearer is found. Where rows are `short`, it costs less to ask for seen ones too than
    /// to look which are.
    #[inline]
    fn after(
        pool: &Pool,
        (graph, level): (&impl Links, u32),
        visited: &Visited,
        short: bool,
    ) -> Self {
        let mut soon = Self::NOTHING;
        if PREFETCHES && let Some(next) = pool.next() {
            soon.slot = next.slot();
            let links = graph.glance(soon.slot, level);
            if !short {
                soon.count = visited.first_fresh(links, &mut soon.rows);
            } else if let Some(first) = links.first_chunk()
                && first[LOOK_AHEAD - 1] != NO_SLOT
            {
                (soon.rows, soon.count) = (*first, LOOK_AHEAD);
            }
        }
        soon
    }

    /// The next of them to be asked for: four, or none where fewer are left.
    #[inline]
    fn four(&mut self) -> &[Slot] {
        let from = self.asked;
        if from + 4 <= self.count {
            self.asked += 4;
        }
        &self.rows[from..self.asked]
    }
}

/// Scores `slots`, the first of which may have been asked for, into the pool; `found` hears of those that stay
/// for now. Asks for what comes `next` and says of which node that is.
#[inline]
fn score_into<S: Scorer>(
    scorer: &S,
    (slots, asked): (&[Slot], bool),
    pool: &mut Pool,
    found: impl Fn(Slot),
    next: impl Fn(&Pool) -> Soon,
) -> Slot {
    let prefetch = |&slot: &Slot| scorer.prefetch(slot);
    let insert = |pool: &mut Pool, slot, score| {
        if pool.insert(Candidate::new(score, slot)) {
            found(slot);
        }
    };
    if let Some(rows) = scorer.coded_rows() {
        return score_rows(rows, (slots, asked), pool, insert, next);
    }
    let mut soon = None;
    if PREFETCHES && !asked {
        slots.iter().take(LOOK_AHEAD).for_each(prefetch);
    }
    let (fours, rest) = slots.as_chunks::<4>();
    for (at, &four) in fours.iter().enumerate() {
        let ahead = slots.get(at * 4 + LOOK_AHEAD..);
        let mut ahead = ahead.filter(|_| PREFETCHES).unwrap_or(&[]);
        if ahead.len() < 4 {
            ahead.iter().for_each(prefetch);
            ahead = soon.get_or_insert_with(|| next(pool)).four();
        }
        let scores = match ahead.first_chunk() {
            Some(&ahead) => scorer.score4_ahead(four, ahead),
            None => scorer.score4(four),
        };
        for (slot, score) in four.into_iter().zip(scores) {
            insert(pool, slot, score);
        }
    }
    let soon = soon.unwrap_or_else(|| next(pool));
    soon.rows[soon.asked..soon.count].iter().for_each(prefetch);
    for &slot in rest {
        insert(pool, slot, scorer.score(slot));
    }
    soon.slot
}

/// As [`score_into`], a call for all that have room in one.
#[inline]
fn score_rows(
    rows: &CodedRows<'_>,
    (slots, asked): (&[Slot], bool),
    pool: &mut Pool,
    insert: impl Fn(&mut Pool, Slot, f32),
    next: impl Fn(&Pool) -> Soon,
) -> Slot {
    let short = rows.are_short();
    let first = if short {
        slots.len()
    } else if asked {
        0
    } else {
        LOOK_AHEAD.min(slots.len())
    };
    rows.prefetch(&slots[..first]);
    // Of long rows half as many, so that what comes next is told later and better.
    let together = if PREFETCHES && !short {
        ROW_SCORES / 2
    } else {
        ROW_SCORES
    };
    let mut scores = [0.0; ROW_SCORES];
    let mut soon = None;
    let mut from = 0;
    while from < slots.len() {
        let (some, rest) = slots[from..].split_at(together.min(slots.len() - from));
        from += some.len();
        let ahead = if rest.is_empty() {
            let soon = soon.insert(next(pool));
            let ahead = &soon.rows[..soon.count];
            if short {
                rows.prefetch(ahead);
            }
            ahead
        } else {
            &rest[..LOOK_AHEAD.min(rest.len())]
        };
        let asked = RowsAsked {
            slots: some,
            ahead,
            limit: pool.limit(),
        };
        let mut near = rows.score(asked, &mut scores);
        while near != 0 {
            let at = near.trailing_zeros() as usize;
            near &= near - 1;
            insert(pool, some[at], scores[at]);
        }
    }
    soon.unwrap_or_else(|| next(pool)).slot
}

/// The neighbours in a row of places.
#[inline]
pub(super) fn linked(places: &[Slot]) -> &[Slot] {
    let end = places
        .iter()
        .position(|&slot| slot == NO_SLOT)
        .unwrap_or(places.len());
    &places[..end]
}

/// Firsts of the pool and their twins, which share their score; of each chain at most `k`.
pub(super) fn answer(view: &impl Walkable, k: usize, pool: &Pool, results: &mut Vec<Candidate>) {
    if !view.has_twins() {
        results.extend(pool.entries().iter().take(k));
        return;
    }
    let mut top = Top::new(k, results);
    for (at, &first) in pool.entries().iter().enumerate() {
        // `at` nearer candidates are in: beyond k only a tie could still place a lower slot, and
        // firsts come in slot order, their twins after them.
        if at >= k || first >= top.bound() {
            break;
        }
        top.push(first);
        for twin in view.twins_after(first.slot()).take(k) {
            top.push(Candidate::new(first.score(), twin));
        }
    }
    top.finish();
}
