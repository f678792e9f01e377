//! Graphs side by side, over parts of the same rows and in the arrays of one.
//!
//! ```text
//! rows     0 1 2 3 4 5 6 7      parts {0 2 5} and {1 3 4 6}; 7 is in none
//! links0   5 6 0 1 6 2 3 ∅      no link leads out of a part, so a walk stays where it starts
//! roots    2 4                  where that is, of each part
//! ```
//! Rows of no part have no links, no levels and no twins. What there is of one graph holds of each: twins share a
//! node, and walks from its root reach every first twin.

use super::check::{self, Bits, fault, levels_of};
use super::trace::{Counted, CountedLinks, Trace};
use super::view::{FrozenArrays, GraphView, Links, Walkable};
use super::walk::{self, linked};
use crate::codec::Scorer;
use crate::error::Fault;
use crate::ids::{NO_SLOT, Slot};
use crate::matrix::filled;
use crate::search::{Buffers, Candidate};

/// Of no part.
pub const NO_PART: u32 = u32::MAX;

/// A part and where its graph is.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its rows, ascending.
    pub slots: &'a [Slot],
    /// Arrays with its graph.
    pub graph: GraphView<'a>,
    /// Whether that is of these rows alone, which it knows by their numbers in `slots`.
    pub alone: bool,
}

impl Part<'_> {
    /// Its rows as its graph knows them, and as all know them.
    fn members(&self) -> impl Iterator<Item = (Slot, Slot)> {
        let numbered = (0..).zip(self.slots.iter().copied());
        numbered.map(|(number, slot)| (if self.alone { number } else { slot }, slot))
    }

    /// One of its rows, or no slot, as all know it.
    pub fn named(&self, own: Slot) -> Slot {
        if self.alone && own != NO_SLOT {
            self.slots[own as usize]
        } else {
            own
        }
    }
}

/// The arrays of graphs over parts of so many rows; there is no entry, for each part has its own.
pub fn join(rows: usize, m: usize, parts: &[Part<'_>]) -> FrozenArrays {
    let mut levels = vec![0; rows + 1];
    for part in parts {
        for (own, slot) in part.members() {
            levels[slot as usize + 1] = levels_of(&part.graph, own as usize);
        }
    }
    let level = levels.iter().copied().max().unwrap_or(0);
    for at in 1..levels.len() {
        levels[at] += levels[at - 1];
    }
    let mut links0 = filled(rows * 2 * m, NO_SLOT);
    let mut links = filled(levels[rows] as usize * m, NO_SLOT);
    let mut twins = filled(rows, NO_SLOT);
    for part in parts {
        let copy = |own: Slot, level: u32, out: &mut [Slot]| {
            let places = part.graph.links(own, level);
            for (out, &place) in out.iter_mut().zip(places) {
                *out = part.named(place);
            }
        };
        for (own, slot) in part.members() {
            let slot = slot as usize;
            copy(own, 0, &mut links0[slot * 2 * m..][..2 * m]);
            let above = levels[slot] as usize..levels[slot + 1] as usize;
            for (level, row) in (1..).zip(above) {
                copy(own, level, &mut links[row * m..][..m]);
            }
            twins[slot] = part
                .graph
                .twin_after(own)
                .map_or(NO_SLOT, |twin| part.named(twin));
        }
    }
    let any = twins.iter().any(|&twin| twin != NO_SLOT);
    FrozenArrays {
        links0,
        levels,
        links,
        twins: any.then_some(twins),
        entry: NO_SLOT,
        level,
    }
}

/// Adds the nearest rows of a part that a walk from its root finds to the list, `ef` of them at most and twins
/// beside.
pub fn search<S: Scorer>(
    view: &GraphView<'_>,
    root: Slot,
    scorer: &S,
    ef: usize,
    out: (&mut Buffers, &mut Vec<Candidate>),
) {
    search_along(view, view, root, scorer, ef, out);
}

/// As [`search`], adding to the counts.
pub fn search_counted(
    view: &GraphView<'_>,
    root: Slot,
    scorer: &dyn Scorer,
    ef: usize,
    out: (&mut Buffers, &mut Vec<Candidate>),
    trace: &mut Trace,
) {
    let (links, counted) = (CountedLinks::new(view), Counted::new(scorer));
    search_along(view, &links, root, &counted, ef, out);
    trace.by_code += counted.scores();
    trace.expanded.resize(links.counts().len(), 0);
    for (sum, count) in trace.expanded.iter_mut().zip(links.counts()) {
        *sum += count;
    }
}

/// As [`search`], by these links of the view.
fn search_along<S: Scorer>(
    view: &GraphView<'_>,
    links: &impl Links,
    root: Slot,
    scorer: &S,
    ef: usize,
    (buffers, found): (&mut Buffers, &mut Vec<Candidate>),
) {
    let start = (root, levels_of(view, root as usize));
    walk::fill_pool(start, links, scorer, ef, 1, buffers);
    walk::answer(view, ef, &buffers.pool, &mut buffers.results);
    found.append(&mut buffers.results);
}

/// Everything the format says about such graphs but reachability; `parts` has the part of every slot, or
/// [`NO_PART`].
pub fn validate(view: &GraphView<'_>, parts: &[u32], roots: &[Slot]) -> Result<(), Fault> {
    let followers = check::links(view)?;
    for (slot, &twin) in view.twins.unwrap_or_default().iter().enumerate() {
        if twin != NO_SLOT && (parts[slot] == NO_PART || parts[twin as usize] != parts[slot]) {
            return fault(
                "twins",
                slot,
                format!("{twin} is in another part than {slot}"),
            );
        }
    }
    let mut highest: Vec<Option<u32>> = vec![None; roots.len()];
    for (slot, &part) in parts.iter().enumerate() {
        let levels = levels_of(view, slot);
        match highest.get_mut(part as usize) {
            Some(highest) => *highest = Some(levels).max(*highest),
            None if levels > 0 => {
                return fault(
                    "levels",
                    slot + 1,
                    format!("{levels} levels for a row of no part"),
                );
            }
            None => {}
        }
        #[allow(clippy::cast_possible_truncation)] // a slot
        for level in 0..=levels {
            let places = linked(view.links(slot as Slot, level));
            let out = |target: &&Slot| part == NO_PART || parts[**target as usize] != part;
            let Some(target) = places.iter().find(out) else {
                continue;
            };
            let what = format!("link {slot} to {target} leads out of its part");
            return match level {
                0 => fault("links0", slot * view.links0_stride, what),
                _ => fault(
                    "links",
                    (view.levels[slot] + level - 1) as usize * view.m,
                    what,
                ),
            };
        }
    }
    for (part, (&root, highest)) in roots.iter().zip(highest).enumerate() {
        let at = root as usize;
        let own = parts.get(at).is_some_and(|&own| own as usize == part);
        let fits = highest.map_or(root == NO_SLOT, |highest| {
            own && !followers.get(at) && levels_of(view, at) == highest
        });
        if !fits {
            let what = match highest {
                Some(highest) => format!("a first slot of its part on level {highest}"),
                None => "none, for it has no rows".into(),
            };
            return fault("roots", part, format!("root {root}, expected {what}"));
        }
    }
    Ok(())
}

/// Whether walks from the roots reach every first slot of valid graphs on level 0.
pub fn reachable(view: &GraphView<'_>, parts: &[u32], roots: &[Slot]) -> Result<(), Fault> {
    let mut seen: Bits = check::chains(view)?;
    let mut queue: Vec<_> = roots
        .iter()
        .copied()
        .filter(|&root| root != NO_SLOT)
        .collect();
    queue.retain(|&root| seen.set(root as usize));
    check::spread(view, &mut seen, queue);
    let lost = |&slot: &usize| parts[slot] != NO_PART && !seen.get(slot);
    match (0..view.rows).find(lost) {
        Some(slot) => fault(
            "links0",
            slot * view.links0_stride,
            format!("slot {slot} is not reachable from the root of its part"),
        ),
        None => Ok(()),
    }
}
