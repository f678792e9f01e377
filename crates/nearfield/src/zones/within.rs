//! Zones whose rows, or the first of them, somebody else looks among: what these find stands beside what a scan of
//! the other rows keeps, and is judged with it.

use super::view::{Zone, ZonesView};
use crate::ids::NO_SLOT;
use crate::kernels::STRIP_ENTRIES;
use crate::search::Candidate;

/// Finds the nearest of some zones' first rows.
pub trait Within {
    /// Adds them to the list; how many of the zone's rows, from the first on, were looked among.
    fn nearest(&mut self, zone: Zone, found: &mut Vec<Candidate>) -> usize;
}

/// Lets a zone be looked through; how many of its rows, and of its strips, are left out of the scan for that.
pub(super) fn look(
    view: &ZonesView<'_>,
    zone: Zone,
    within: &mut dyn Within,
    found: &mut Vec<Candidate>,
) -> (usize, usize) {
    let rows = within.nearest(zone, found);
    let left = view.places(zone).get(rows);
    if left.is_none_or(|&slot| slot == NO_SLOT) {
        return (rows, view.range(zone).len());
    }
    // Some of the next strip are looked at twice.
    let whole = rows / STRIP_ENTRIES;
    (whole * STRIP_ENTRIES, whole)
}
