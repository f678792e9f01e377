//! Rows into strips: what each is beside its centroid, rotated and coded.

use super::view::{Zone, ZoneArrays};
use crate::codec::Rotation;
use crate::codec::bits::{Bits, EntryCode};
use crate::codec::strips::{self, StripMemory};
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::STRIP_ENTRIES;
use crate::matrix::{Matrix, Rows};
use crate::metric::Metric;

/// What a thread codes by: the zones' arrays but for the strips.
struct Site<'a> {
    metric: Metric,
    bits: Bits,
    rows: Rows<'a>,
    centre: &'a [f32],
    rotation: &'a Rotation,
    /// As they are, less the centre.
    centroids: &'a Matrix,
    /// As tables see them; `None` where each zone has tables of its own.
    anchors: Option<&'a Matrix>,
}

/// Writes the strips of some neighbouring zones, by all threads.
pub(super) fn zones(
    arrays: &mut ZoneArrays,
    rows: Rows<'_>,
    centroids: &Matrix,
    range: std::ops::Range<usize>,
    exec: Exec<'_>,
) {
    let bits = arrays.strips.strips().bits();
    let stride = bits.strip_bytes(rows.dim());
    let (starts, slots) = (&arrays.starts, &arrays.slots);
    let mut rest = &mut arrays.strips.as_mut_slice()[starts[range.start] as usize * stride..];
    let mut out = Vec::with_capacity(range.len());
    for (zone, bounds) in (0..)
        .zip(starts.windows(2))
        .skip(range.start)
        .take(range.len())
    {
        let strips = bounds[0] as usize..bounds[1] as usize;
        let (own, others) = rest.split_at_mut(strips.len() * stride);
        let places = strips.start * STRIP_ENTRIES..strips.end * STRIP_ENTRIES;
        out.push((zone, &slots[places], own));
        rest = others;
    }
    let site = Site {
        metric: arrays.metric,
        bits,
        rows,
        centre: &arrays.centre,
        rotation: &arrays.rotation,
        centroids,
        anchors: (!arrays.apart).then_some(&arrays.centroids),
    };
    exec.fill(
        &mut out,
        1,
        Coding::default,
        |coding, _, (zone, slots, strips)| {
            coding.zone(&site, *zone, slots, strips);
        },
    );
}

/// What one thread codes with.
#[derive(Default)]
struct Coding {
    residual: Vec<f32>,
    entry: EntryCode,
}

impl Coding {
    fn zone(&mut self, site: &Site<'_>, zone: Zone, slots: &[Slot], strips: &mut [u8]) {
        let dim = site.rows.dim();
        let anchor = site.anchors.map(|anchors| &anchors.row(zone)[..dim]);
        let strips = strips.chunks_exact_mut(site.bits.strip_bytes(dim));
        for (strip, slots) in strips.zip(slots.chunks_exact(STRIP_ENTRIES)) {
            let filled = slots.iter().take_while(|&&slot| slot != NO_SLOT);
            let count = filled.clone().count();
            for (place, &slot) in filled.enumerate() {
                let row = &site.rows.row(slot)[..dim];
                let numbers = row.iter().zip(site.centre).zip(site.centroids.row(zone));
                self.residual.clear();
                self.residual
                    .extend(numbers.map(|((x, centre), centroid)| (x - centre) - centroid));
                site.rotation.turn(&mut self.residual);
                let zeros = site.metric == Metric::Cosine && row.iter().all(|x| *x == 0.0);
                // At distance 1 from everything, halfway to the opposite, though its length says otherwise.
                let farther = if zeros { 1.0 } else { 0.0 };
                self.entry
                    .set(site.bits, site.metric, &self.residual, anchor, farther);
                strips::write(strip, place, &self.entry);
            }
            strips::close(strip, count);
        }
    }
}

/// Centroids as entries: their codes are of what they are beside the centre.
pub(super) fn routes(metric: Metric, bits: Bits, centroids: &Matrix) -> Result<StripMemory> {
    let dim = centroids.dim();
    let mut routes = StripMemory::try_new(bits, dim, centroids.len().div_ceil(STRIP_ENTRIES))?;
    let mut entry = EntryCode::default();
    let rows = centroids.as_floats().chunks_exact(centroids.stride());
    for (at, centroid) in rows.enumerate() {
        let (strip, place) = (at / STRIP_ENTRIES, at % STRIP_ENTRIES);
        let stride = bits.strip_bytes(dim);
        let strip = &mut routes.as_mut_slice()[strip * stride..][..stride];
        entry.set(bits, metric, &centroid[..dim], None, 0.0);
        strips::write(strip, place, &entry);
        if at + 1 == centroids.len() {
            strips::close(strip, place + 1);
        }
    }
    Ok(routes)
}
