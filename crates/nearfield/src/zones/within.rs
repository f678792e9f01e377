//! Zones whose rows, or the first of them, somebody else looks among: what these find stands beside what a scan of
//! the other rows keeps, and is judged with it.

use super::probe::{self, ProbeScratch};
use super::view::{Zone, ZonesView};
use crate::ids::NO_SLOT;
use crate::kernels::{Kernels, STRIP_ENTRIES};
use crate::search::{Candidate, Top};

/// Finds the nearest of some zones' first rows.
pub trait Within {
    /// Adds them to the list; how many of the zone's rows, from the first on, were looked among.
    fn nearest(&mut self, zone: Zone, found: &mut Vec<Candidate>) -> usize;
}

/// As [`probe::scan`], of each zone only what nobody else has looked among. Scores in the results are of different
/// makes.
pub(super) fn scan(
    view: &ZonesView<'_>,
    within: &mut dyn Within,
    kernels: &'static Kernels,
    keep: usize,
    scratch: &mut ProbeScratch,
) {
    let ProbeScratch {
        turned,
        beside,
        tables,
        zones,
        results,
        once,
        found,
        passed,
        ..
    } = scratch;
    found.clear();
    let mut top = Top::new(keep, results).by(kernels);
    for zone in zones.iter() {
        let first = within.nearest(zone.slot(), found);
        let left = view.places(zone.slot()).get(first);
        if left.is_none_or(|&slot| slot == NO_SLOT) {
            *passed += first as u64;
            continue;
        }
        if view.apart {
            probe::between(view, zone.slot(), turned, beside);
            tables.set(view.book(), beside, kernels);
        }
        let terms = probe::terms(tables, probe::base(view, *zone, turned), &top);
        let mut strips = view.range(zone.slot());
        // Of one strip some may be looked at twice.
        strips.start += first / STRIP_ENTRIES;
        *passed += (first / STRIP_ENTRIES * STRIP_ENTRIES) as u64;
        probe::scan_strips(view, strips, (tables.bytes(), terms), kernels, &mut top);
    }
    top.close();
    results.append(found);
    once.keep(results);
}
