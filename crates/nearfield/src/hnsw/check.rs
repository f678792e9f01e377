//! What opening and `check()` ask of a graph. The arrays are untrusted: nothing here panics,
//! recurses, or allocates more than a bit a slot (and, in [`reachable`], a queue).
//!
//! A graph that passes [`validate`] can be walked: every index it leads to is in range.

use super::view::{GraphView, Links};
use super::walk::linked;
pub use crate::error::Fault;
use crate::ids::{NO_SLOT, Slot};

/// The highest level the format allows.
const LEVEL_MAX: u32 = 31;

pub(super) fn fault<T>(
    section: &'static str,
    element: usize,
    what: impl Into<String>,
) -> Result<T, Fault> {
    Err(Fault {
        section,
        element: element as u64,
        what: what.into(),
    })
}

/// One bit a slot.
pub(super) struct Bits(Vec<u64>);

impl Bits {
    fn new(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    pub(super) fn get(&self, slot: usize) -> bool {
        self.0[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// Sets the bit; false where it was set.
    pub(super) fn set(&mut self, slot: usize) -> bool {
        let fresh = !self.get(slot);
        self.0[slot / 64] |= 1 << (slot % 64);
        fresh
    }
}

/// Everything the format says about the graph, but not reachability.
pub fn validate(view: &GraphView<'_>) -> Result<(), Fault> {
    let followers = links(view)?;
    entry(view, &followers)
}

/// As [`validate`], but for where walks start; the slots that follow another.
pub(super) fn links(view: &GraphView<'_>) -> Result<Bits, Fault> {
    lengths(view)?;
    prefix_sums(view)?;
    let followers = chains(view)?;
    ground(view, &followers)?;
    upper(view, &followers)?;
    Ok(followers)
}

fn lengths(view: &GraphView<'_>) -> Result<(), Fault> {
    if view.m < 2 || view.m.checked_mul(2) != Some(view.links0_stride) {
        let what = format!(
            "M {} and {} links on level 0; expected M ≥ 2 and 2 M",
            view.m, view.links0_stride
        );
        return fault("header", 0, what);
    }
    let expect = |section, got: usize, expected: Option<usize>| {
        if Some(got) == expected {
            return Ok(());
        }
        let expected = expected.map_or("more than memory".to_owned(), |n| n.to_string());
        fault(section, got, format!("{got} elements, expected {expected}"))
    };
    if u32::try_from(view.rows).is_err() {
        return fault(
            "header",
            0,
            format!("{} rows, expected less than 2^32", view.rows),
        );
    }
    expect("levels", view.levels.len(), view.rows.checked_add(1))?;
    expect(
        "links0",
        view.links0.len(),
        view.rows.checked_mul(view.links0_stride),
    )?;
    let upper_rows = view.levels.last().map_or(0, |&rows| rows as usize);
    expect("links", view.links.len(), upper_rows.checked_mul(view.m))?;
    view.twins.map_or(Ok(()), |twins| {
        expect("twins", twins.len(), Some(view.rows))
    })
}

fn prefix_sums(view: &GraphView<'_>) -> Result<(), Fault> {
    if view.level > LEVEL_MAX {
        return fault(
            "header",
            0,
            format!("level {}, expected at most {LEVEL_MAX}", view.level),
        );
    }
    if view.levels[0] != 0 {
        return fault("levels", 0, format!("{}, expected 0", view.levels[0]));
    }
    for (slot, pair) in view.levels.windows(2).enumerate() {
        match pair[1].checked_sub(pair[0]) {
            Some(levels) if levels <= view.level => {}
            _ => {
                let what = format!("{} after {}, levels {}", pair[1], pair[0], view.level);
                return fault("levels", slot + 1, what);
            }
        }
    }
    Ok(())
}

/// The slots that follow another in a chain.
pub(super) fn chains(view: &GraphView<'_>) -> Result<Bits, Fault> {
    let mut followers = Bits::new(view.rows);
    for (slot, &next) in view.twins.unwrap_or_default().iter().enumerate() {
        if next == NO_SLOT {
            continue;
        }
        let next = next as usize;
        if next <= slot || next >= view.rows {
            let what = format!(
                "{next}, expected a slot above {slot} and below {}",
                view.rows
            );
            return fault("twins", slot, what);
        }
        if !followers.set(next) {
            return fault("twins", slot, format!("{next} follows two slots"));
        }
    }
    Ok(followers)
}

pub(super) fn levels_of(view: &GraphView<'_>, slot: usize) -> u32 {
    view.levels[slot + 1] - view.levels[slot]
}

fn entry(view: &GraphView<'_>, followers: &Bits) -> Result<(), Fault> {
    if view.rows == 0 {
        return match (view.entry, view.level) {
            (NO_SLOT, 0) => Ok(()),
            other => fault(
                "header",
                0,
                format!("entry and level {other:?} without rows"),
            ),
        };
    }
    let at = view.entry as usize;
    if at >= view.rows || followers.get(at) || levels_of(view, at) != view.level {
        let what = format!(
            "entry {}, expected a first slot below {} on level {}",
            view.entry, view.rows, view.level
        );
        return fault("header", 0, what);
    }
    Ok(())
}

/// One row of places: in range, not itself, first of its group, on the level; nothing after a gap.
fn places(
    view: &GraphView<'_>,
    followers: &Bits,
    (section, row): (&'static str, usize),
    (slot, level): (usize, u32),
    places: &[Slot],
) -> Result<(), Fault> {
    let start = row * places.len();
    let count = linked(places).len();
    for (at, &target) in places.iter().enumerate() {
        let target_at = target as usize;
        let wrong = if at >= count {
            if target == NO_SLOT {
                continue;
            }
            "after an empty place"
        } else if target_at >= view.rows {
            "not a slot"
        } else if target_at == slot {
            "the slot itself"
        } else if followers.get(target_at) {
            "a twin of a lower slot"
        } else if followers.get(slot) {
            "from a twin of a lower slot"
        } else if levels_of(view, target_at) < level {
            "not on this level"
        } else {
            continue;
        };
        return fault(
            section,
            start + at,
            format!("link {slot} to {target}: {wrong}"),
        );
    }
    Ok(())
}

fn ground(view: &GraphView<'_>, followers: &Bits) -> Result<(), Fault> {
    for (slot, row) in view.links0.chunks_exact(view.links0_stride).enumerate() {
        places(view, followers, ("links0", slot), (slot, 0), row)?;
    }
    Ok(())
}

fn upper(view: &GraphView<'_>, followers: &Bits) -> Result<(), Fault> {
    let mut rows = view.links.chunks_exact(view.m).enumerate();
    for slot in 0..view.rows {
        let levels = levels_of(view, slot);
        if levels > 0 && followers.get(slot) {
            return fault("levels", slot + 1, format!("{levels} levels for a twin"));
        }
        for level in 1..=levels {
            let Some((at, row)) = rows.next() else {
                return fault("links", view.links.len(), "fewer rows than levels");
            };
            places(view, followers, ("links", at), (slot, level), row)?;
        }
    }
    Ok(())
}

/// Whether every first slot of a validated graph is reachable from the entry on level 0.
pub fn reachable(view: &GraphView<'_>) -> Result<(), Fault> {
    let mut seen = chains(view)?;
    let mut queue = Vec::new();
    if view.entry != NO_SLOT && seen.set(view.entry as usize) {
        queue.push(view.entry);
    }
    spread(view, &mut seen, queue);
    match (0..view.rows).find(|&slot| !seen.get(slot)) {
        Some(slot) => {
            let at = slot * view.links0_stride;
            fault(
                "links0",
                at,
                format!("slot {slot} is not reachable from {}", view.entry),
            )
        }
        None => Ok(()),
    }
}

/// Sees all that links of level 0 lead to from these slots, which are seen.
pub(super) fn spread(view: &GraphView<'_>, seen: &mut Bits, mut queue: Vec<Slot>) {
    while let Some(slot) = queue.pop() {
        for &next in linked(view.links(slot, 0)) {
            if seen.set(next as usize) {
                queue.push(next);
            }
        }
    }
}
