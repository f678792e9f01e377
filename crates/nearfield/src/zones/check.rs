//! What opening and `check()` ask of the arrays: all that a search takes for granted.

use super::view::ZonesView;
use crate::error::{Code, Error, Result};
use crate::ids::NO_SLOT;
use crate::kernels::STRIP_ENTRIES;

/// Refuses arrays that are no zones of `rows` rows, naming what is wrong.
pub fn validate(view: &ZonesView<'_>, rows: usize) -> Result<()> {
    lengths(view)?;
    let mut seen = vec![false; rows];
    for (zone, _) in (0..).zip(&view.starts[1..]) {
        let places = view.places(zone);
        let filled = places.iter().take_while(|&&slot| slot != NO_SLOT);
        let count = filled.clone().count();
        if places[count..].iter().any(|&slot| slot != NO_SLOT) {
            return wrong(format!("zone {zone} has a slot after a free place"));
        }
        if count == 0 || places.len() - count >= STRIP_ENTRIES {
            return wrong(format!(
                "zone {zone} has {count} rows in {} strips",
                places.len() / STRIP_ENTRIES
            ));
        }
        let mut before = None;
        for &slot in filled {
            let Some(seen) = seen.get_mut(slot as usize) else {
                return wrong(format!("zone {zone} has slot {slot}, of {rows} rows"));
            };
            if std::mem::replace(seen, true) || before.is_some_and(|before| before >= slot) {
                return wrong(format!("zone {zone} has slot {slot} out of order or twice"));
            }
            before = Some(slot);
        }
        let first = view.range(zone).start * STRIP_ENTRIES;
        for place in count..places.len() {
            if view.strips.terms(first + place).0 != f32::INFINITY {
                return wrong(format!("zone {zone} has an entry in free place {place}"));
            }
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(slot) => wrong(format!("slot {slot} is in no zone")),
        None => routes(view),
    }
}

/// Arrays that fit each other.
fn lengths(view: &ZonesView<'_>) -> Result<()> {
    let (zones, strips, dim) = (view.zones(), view.strips.len(), view.centre.len());
    let dims = [view.centroids.dim(), view.strips.dim(), view.routes.dim()];
    if dims.iter().any(|&other| other != dim) {
        return wrong(format!("arrays of {dim} and of {dims:?} numbers"));
    }
    let ends = (view.starts.first(), view.starts.last());
    let starts = view.starts.len() == zones + 1 && ends.0 == Some(&0);
    if !starts || ends.1.is_none_or(|&end| end as usize != strips) {
        return wrong(format!(
            "{} starts from {:?} to {:?} for {zones} zones of {strips} strips",
            view.starts.len(),
            ends.0,
            ends.1
        ));
    }
    if let Some(zone) = view.starts.windows(2).position(|pair| pair[0] >= pair[1]) {
        return wrong(format!("zone {zone} ends where it starts, or before"));
    }
    if view.slots.len() != strips * STRIP_ENTRIES {
        return wrong(format!("{} places in {strips} strips", view.slots.len()));
    }
    Ok(())
}

/// Strips of the centroids, if any, have each of them.
fn routes(view: &ZonesView<'_>) -> Result<()> {
    let (zones, strips) = (view.zones(), view.routes.len());
    if strips == 0 {
        return Ok(());
    }
    if view.apart || strips != zones.div_ceil(STRIP_ENTRIES) {
        return wrong(format!("{strips} strips of the centroids of {zones} zones"));
    }
    let free = (zones..strips * STRIP_ENTRIES).find(|&at| view.routes.terms(at).0 != f32::INFINITY);
    match free {
        Some(place) => wrong(format!("an entry in free place {place} of the centroids")),
        None => Ok(()),
    }
}

fn wrong(message: String) -> Result<()> {
    Err(Error::new(Code::Corrupt, message))
}
