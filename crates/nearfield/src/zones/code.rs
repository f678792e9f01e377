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

/// Numbers a step codes.
const STEP_NUMBERS: usize = 2 << 20;

/// A zone with entries to code: all from a place on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncoded {
    pub(super) zone: Zone,
    pub(super) from: usize,
}

/// Arrays whose strips have not all their codes.
#[derive(Debug)]
pub(super) struct Coding {
    pub(super) arrays: ZoneArrays,
    /// As rows are, less the centre.
    pub(super) centroids: Matrix,
    /// What is without codes, zones ascending.
    pub(super) work: Vec<Uncoded>,
    /// How much of it is done.
    done: usize,
}

impl Coding {
    pub(super) const fn new(arrays: ZoneArrays, centroids: Matrix, work: Vec<Uncoded>) -> Self {
        Self {
            arrays,
            centroids,
            work,
            done: 0,
        }
    }

    /// Codes the next piece; the share of `total` that is done.
    pub(super) fn step(&mut self, rows: Rows<'_>, total: usize, exec: Exec<'_>) -> usize {
        let Some(rest) = self.work.get(self.done..).filter(|rest| !rest.is_empty()) else {
            return total;
        };
        let (limit, mut strips) = (STEP_NUMBERS / (STRIP_ENTRIES * rows.dim()), 0);
        let more = rest.iter().take_while(|work| {
            strips += self.arrays.view().range(work.zone).len() - work.from / STRIP_ENTRIES;
            strips <= limit
        });
        let work = &rest[..more.count().max(1)];
        zones(&mut self.arrays, rows, &self.centroids, work, exec);
        self.done += work.len();
        total * self.done / self.work.len()
    }

    pub(super) const fn is_done(&self) -> bool {
        self.done == self.work.len()
    }
}

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

/// Codes entries of zones, which ascend, by all threads.
fn zones(
    arrays: &mut ZoneArrays,
    rows: Rows<'_>,
    centroids: &Matrix,
    work: &[Uncoded],
    exec: Exec<'_>,
) {
    let bits = arrays.strips.strips().bits();
    let stride = bits.strip_bytes(rows.dim());
    let (starts, slots) = (&arrays.starts, &arrays.slots);
    let (mut rest, mut passed) = (arrays.strips.as_mut_slice(), 0);
    let mut out = Vec::with_capacity(work.len());
    for &Uncoded { zone, from } in work {
        let first = starts[zone as usize] as usize + from / STRIP_ENTRIES;
        let end = starts[zone as usize + 1] as usize;
        let (_, others) = rest.split_at_mut((first - passed) * stride);
        let (own, others) = others.split_at_mut((end - first) * stride);
        let slots = &slots[first * STRIP_ENTRIES..end * STRIP_ENTRIES];
        out.push((zone, from % STRIP_ENTRIES, slots, own));
        (rest, passed) = (others, end);
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
        Coder::default,
        |coder, _, (zone, from, slots, strips)| {
            coder.zone(&site, *zone, *from, slots, strips);
        },
    );
}

/// What one thread codes with.
#[derive(Default)]
struct Coder {
    residual: Vec<f32>,
    entry: EntryCode,
}

impl Coder {
    /// The strips of a zone, of the first of them the places from `from` on.
    fn zone(
        &mut self,
        site: &Site<'_>,
        zone: Zone,
        from: usize,
        slots: &[Slot],
        strips: &mut [u8],
    ) {
        let dim = site.rows.dim();
        let anchor = site.anchors.map(|anchors| &anchors.row(zone)[..dim]);
        let strips = strips.chunks_exact_mut(site.bits.strip_bytes(dim));
        let mut coded = from;
        for (strip, slots) in strips.zip(slots.chunks_exact(STRIP_ENTRIES)) {
            let filled = slots.iter().take_while(|&&slot| slot != NO_SLOT);
            let count = filled.clone().count();
            for (place, &slot) in filled.enumerate().skip(std::mem::take(&mut coded)) {
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
