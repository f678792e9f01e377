//! What opening and `check()` ask of the arrays: all that a search takes for granted. The arrays are
//! untrusted: nothing here panics, or allocates more than a byte a slot that they have room for.

use super::code;
use super::span;
use super::view::{Zone, ZonesView};
use crate::codec::strips::{StripMemory, Strips};
use crate::codec::verify::{Entry, Expected};
use crate::error::Fault;
use crate::ids::NO_SLOT;
use crate::kernels::{STRIP_ENTRIES, kernels};
use crate::matrix::Rows;
use crate::metric::Metric;

const CENTROIDS: &str = "centroids";
const STARTS: &str = "zone-starts";
const SLOTS: &str = "zone-slots";
const POINTS: &str = "points";
const STRIPS: &str = "strips";
const ROUTES: &str = "routes";
const SPANS: &str = "spans";

/// Refuses arrays that are no zones of `rows` rows, naming what is wrong.
pub fn validate(view: &ZonesView<'_>, rows: usize) -> Result<(), Fault> {
    lengths(view, rows)?;
    let mut seen = vec![0_u8; rows];
    for (zone, _) in (0..).zip(&view.starts[1..]) {
        slots(view, zone, &mut seen)?;
    }
    let times = view.times();
    match seen.iter().position(|&seen| usize::from(seen) < times) {
        Some(slot) => {
            let count = match seen[slot] {
                0 => "no zone",
                _ => "one zone of two",
            };
            fault(SLOTS, 0, format!("slot {slot} is in {count}"))
        }
        None => routes(view).and_then(|()| span::validate(view.spans).map_or(Ok(()), spans)),
    }
}

/// The place of a number that says nothing of how far searches go, as a fault.
fn spans(at: usize) -> Result<(), Fault> {
    fault(SPANS, at, format!("number {at} is out of its range"))
}

/// Refuses strips with entries that are not the codes of their rows, as far as rounding lets that be said,
/// and strips of centroids that are not theirs. The arrays are [valid](validate).
pub fn codes(view: &ZonesView<'_>, rows: Rows<'_>) -> Result<(), Fault> {
    let dim = view.centre.len();
    let kernels = kernels(None);
    let (mut turned, mut residual) = (vec![0.0; dim], vec![0.0; dim]);
    let mut entry = Entry::default();
    for zone in (0..).take(view.zones()) {
        let centroid = &view.centroids.row(zone)[..dim];
        let first = view.range(zone).start * STRIP_ENTRIES;
        let slots = view
            .places(zone)
            .iter()
            .take_while(|&&slot| slot != NO_SLOT);
        for (place, &slot) in (first..).zip(slots) {
            let row = &rows.row(slot)[..dim];
            for ((out, x), centre) in turned.iter_mut().zip(row).zip(view.centre) {
                *out = x - centre;
            }
            view.rotation.turn(&mut turned, kernels);
            for ((out, x), centroid) in residual.iter_mut().zip(&turned).zip(centroid) {
                *out = x - centroid;
            }
            let zeros = view.metric == Metric::Cosine && row.iter().all(|x| *x == 0.0);
            let expected = Expected {
                residual: &residual,
                anchor: (!view.apart).then_some(centroid),
                apart: if zeros { 1.0 } else { 0.0 },
                length: length(&turned) + length(centroid),
            };
            view.strips.entry(place, &mut entry);
            if !entry.is_of(view.book(), view.metric, expected) {
                let at = place / STRIP_ENTRIES * view.strips.stride();
                return fault(
                    STRIPS,
                    at,
                    format!("row {slot}: code is not that of its vector"),
                );
            }
        }
    }
    // Where there is no memory to make them again nothing is said of them.
    let routes = code::routes(view).ok().filter(|_| !view.routes.is_empty());
    let bytes = routes.as_ref().map_or(view.routes, StripMemory::strips);
    let mut pairs = bytes.bytes().iter().zip(view.routes.bytes());
    match pairs.position(|(expected, byte)| expected != byte) {
        Some(at) => fault(ROUTES, at, "no code of a centroid".into()),
        None => Ok(()),
    }
}

fn length(numbers: &[f32]) -> f64 {
    let squares = numbers.iter().map(|&x| f64::from(x) * f64::from(x));
    squares.sum::<f64>().sqrt()
}

/// Arrays that fit each other.
fn lengths(view: &ZonesView<'_>, rows: usize) -> Result<(), Fault> {
    let (zones, strips, dim) = (view.zones(), view.strips.len(), view.centre.len());
    let dims = [
        view.centroids.dim().saturating_sub(1),
        view.strips.dim(),
        view.routes.dim(),
    ];
    if dims.iter().any(|&other| other != dim) {
        return fault(
            CENTROIDS,
            0,
            format!("arrays of {dim} and of {dims:?} numbers"),
        );
    }
    let ends = (view.starts.first(), view.starts.last());
    let starts = view.starts.len() == zones + 1 && ends.0 == Some(&0);
    if !starts || ends.1.is_none_or(|&end| end as usize != strips) {
        let count = view.starts.len();
        return fault(
            STARTS,
            0,
            format!(
                "{count} starts from {:?} to {:?}, expected {zones} and one from 0 to {strips}",
                ends.0, ends.1
            ),
        );
    }
    if let Some(zone) = view.starts.windows(2).position(|pair| pair[0] >= pair[1]) {
        return fault(
            STARTS,
            zone,
            format!("zone {zone} ends where it starts, or before"),
        );
    }
    let (points, wanted) = (view.points.len(), view.strips.bits().points_len(dim));
    if points != if zones == 0 { 0 } else { wanted } {
        return fault(
            POINTS,
            0,
            format!("{points} floats of points, expected {wanted}"),
        );
    }
    let places = view.slots.len();
    if places != strips * STRIP_ENTRIES || places < rows {
        return fault(
            SLOTS,
            0,
            format!("{places} places in {strips} strips of {rows} rows"),
        );
    }
    Ok(())
}

/// A zone's slots: ascending, each in no other zone, and free places after them.
fn slots(view: &ZonesView<'_>, zone: Zone, seen: &mut [u8]) -> Result<(), Fault> {
    let places = view.places(zone);
    let first = view.range(zone).start * STRIP_ENTRIES;
    let count = places.iter().take_while(|&&slot| slot != NO_SLOT).count();
    if let Some(at) = places[count..].iter().position(|&slot| slot != NO_SLOT) {
        return fault(
            SLOTS,
            first + count + at,
            format!("zone {zone} has a slot after a free place"),
        );
    }
    if count == 0 || places.len() - count >= STRIP_ENTRIES {
        let strips = places.len() / STRIP_ENTRIES;
        return fault(
            SLOTS,
            first,
            format!("zone {zone} has {count} rows in {strips} strips"),
        );
    }
    let more = ["twice", "a third time"][view.times() - 1];
    let mut before = None;
    for (at, &slot) in places[..count].iter().enumerate() {
        let rows = seen.len();
        let Some(seen) = seen.get_mut(slot as usize) else {
            return fault(
                SLOTS,
                first + at,
                format!("zone {zone} has slot {slot}, of {rows} rows"),
            );
        };
        *seen = seen.saturating_add(1);
        let often = usize::from(*seen) > view.times();
        if often || before.is_some_and(|before| before >= slot) {
            return fault(
                SLOTS,
                first + at,
                format!("zone {zone} has slot {slot} out of order or {more}"),
            );
        }
        before = Some(slot);
    }
    free(STRIPS, view.strips, first + count..first + places.len())
}

/// Strips of the centroids, if any, have each of them.
fn routes(view: &ZonesView<'_>) -> Result<(), Fault> {
    let (zones, strips) = (view.zones(), view.routes.len());
    if strips == 0 {
        return Ok(());
    }
    if view.apart || strips != zones.div_ceil(STRIP_ENTRIES) {
        return fault(
            ROUTES,
            0,
            format!("{strips} strips of the centroids of {zones} zones"),
        );
    }
    free(ROUTES, view.routes, zones..strips * STRIP_ENTRIES)
}

/// Places without entries.
fn free(
    section: &'static str,
    strips: Strips<'_>,
    mut places: std::ops::Range<usize>,
) -> Result<(), Fault> {
    let bytes = |place: usize| place / STRIP_ENTRIES * strips.stride();
    match places.find(|&place| strips.terms(place).0 != f32::INFINITY) {
        Some(place) => fault(
            section,
            bytes(place),
            format!("an entry in free place {place}"),
        ),
        None => Ok(()),
    }
}

fn fault(section: &'static str, element: usize, what: String) -> Result<(), Fault> {
    Err(Fault {
        section,
        element: element as u64,
        what,
    })
}
