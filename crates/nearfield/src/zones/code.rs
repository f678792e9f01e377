//! Rows into strips: what each is beside its centroid, rotated and coded.

use super::view::{Zone, ZoneArrays, ZonesView};
use crate::codec::bits::EntryCode;
use crate::codec::strips::{self, StripMemory};
use crate::codec::trained::Batch;
use crate::codec::{Book, Rotation};
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot, spread};
use crate::kernels::{Kernels, STRIP_ENTRIES};
use crate::matrix::{Matrix, Rows};
use crate::metric::Metric;

/// Of zones as near, one whose rows lie close to its centroid has more that are near: this share of a
/// squared spread is added to a squared distance.
const SPREAD_L2: f64 = 0.4;
/// Rows lie above and below their centroid's product: this share of a spread, times the query's length,
/// is what they may well add to it.
const SPREAD_IP: f64 = 0.2;
/// From this many zones on a shortlist of them is made by codes.
const ROUTED_ALWAYS: usize = 256;
/// Fewer zones than this are all compared with a query; a shortlist of them would be no shorter.
const ROUTED_MIN: usize = 64;
/// Between the two, one pays where all centroids have as many numbers: fewer stay in the nearest cache.
const ROUTED_NUMBERS_MIN: usize = 1 << 14;
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
    kernels: &'static Kernels,
    /// How much of it is done.
    done: usize,
}

impl Coding {
    pub(super) const fn new(
        arrays: ZoneArrays,
        centroids: Matrix,
        work: Vec<Uncoded>,
        kernels: &'static Kernels,
    ) -> Self {
        Self {
            arrays,
            centroids,
            work,
            kernels,
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
        let (arrays, kernels) = (&mut self.arrays, self.kernels);
        zones(arrays, rows, &self.centroids, work, (kernels, exec));
        self.done += work.len();
        total * self.done / self.work.len()
    }

    /// The arrays, once all is coded.
    pub(super) fn finish(self) -> Result<ZoneArrays> {
        let mut arrays = self.arrays;
        // Zones that stay keep their centroids and how far their rows spread.
        if self.work.iter().any(|work| work.from == 0) {
            if arrays.metric != Metric::Ip {
                level(&mut arrays.centroids);
            }
            arrays.routes = routes(&arrays.view())?;
        }
        Ok(arrays)
    }

    /// Rows beside their centroids, rotated, as they are coded: at most `limit` of them, and zeros where there
    /// are fewer than `least`.
    pub(super) fn sample(
        &self,
        rows: Rows<'_>,
        owners: &[Zone],
        (least, limit): (usize, usize),
    ) -> Result<Matrix> {
        let slots = spread(rows.len(), limit);
        let mut sample = Matrix::try_new(slots.len().max(least), rows.dim())?;
        let (arrays, mut residual) = (&self.arrays, Vec::new());
        for (out, &slot) in sample.rows_mut(0..slots.len()).zip(&slots) {
            let centroid = self.centroids.row(owners[slot as usize]);
            let row = &rows.row(slot)[..rows.dim()];
            let beside = (arrays.centre.as_slice(), centroid);
            residual.clear();
            turn_beside(row, beside, &arrays.rotation, self.kernels, &mut residual);
            out.copy_from_slice(&residual);
        }
        Ok(sample)
    }

    pub(super) const fn is_done(&self) -> bool {
        self.done == self.work.len()
    }
}

/// Squared spreads below half of the median and above twice that are taken for these: where some rows lie
/// much farther apart than others, the nearest centroid says more than spreads do.
fn level(centroids: &mut Matrix) {
    let (zones, last) = (centroids.len(), centroids.dim() - 1);
    let mut all: Vec<_> = centroids.rows_mut(0..zones).map(|row| row[last]).collect();
    let (_, median, _) = all.select_nth_unstable_by(zones / 2, f32::total_cmp);
    let ends = [0.5_f32, 2.0].map(|times| times.sqrt() * *median);
    for row in centroids.rows_mut(0..zones) {
        row[last] = row[last].clamp(ends[0], ends[1]);
    }
}

/// What a thread codes by: the zones' arrays but for the strips.
struct Site<'a> {
    kernels: &'static Kernels,
    metric: Metric,
    book: Book<'a>,
    rows: Rows<'a>,
    centre: &'a [f32],
    rotation: &'a Rotation,
    /// As they are, less the centre.
    centroids: &'a Matrix,
    /// How many zones every row is in.
    times: usize,
    /// As tables see them; `None` where each zone has tables of its own.
    anchors: Option<&'a Matrix>,
}

/// Codes entries of zones, which ascend, by all threads.
fn zones(
    arrays: &mut ZoneArrays,
    rows: Rows<'_>,
    centroids: &Matrix,
    work: &[Uncoded],
    (kernels, exec): (&'static Kernels, Exec<'_>),
) {
    let bits = arrays.strips.strips().bits();
    let stride = bits.strip_bytes(rows.dim());
    let times = arrays.view().times();
    let (starts, slots) = (&arrays.starts, &arrays.slots);
    let (mut rest, mut passed) = (arrays.strips.as_mut_slice(), 0);
    let mut shares = vec![None; work.len()];
    let mut left = shares.iter_mut();
    let mut out = Vec::with_capacity(work.len());
    for &Uncoded { zone, from } in work {
        let first = starts[zone as usize] as usize + from / STRIP_ENTRIES;
        let end = starts[zone as usize + 1] as usize;
        let (_, others) = rest.split_at_mut((first - passed) * stride);
        let (own, others) = others.split_at_mut((end - first) * stride);
        let slots = &slots[first * STRIP_ENTRIES..end * STRIP_ENTRIES];
        let share = left.next().expect("one for each");
        out.push((zone, from % STRIP_ENTRIES, slots, own, share));
        (rest, passed) = (others, end);
    }
    let site = Site {
        kernels,
        metric: arrays.metric,
        book: Book::new(bits, &arrays.points),
        rows,
        centre: &arrays.centre,
        rotation: &arrays.rotation,
        centroids,
        times,
        anchors: (!arrays.apart).then_some(&arrays.centroids),
    };
    exec.fill(
        &mut out,
        1,
        Coder::default,
        |coder, _, (zone, from, slots, strips, share)| {
            coder.zone(&site, *zone, *from, slots, strips);
            **share = Some(coder.share(site.metric, site.times));
        },
    );
    for (work, share) in work.iter().zip(shares).filter(|(work, _)| work.from == 0) {
        arrays.centroids.row_mut(work.zone)[rows.dim()] = share.expect("all are coded");
    }
}

/// Appends a row less the centre and its centroid, rotated.
fn turn_beside(
    row: &[f32],
    (centre, centroid): (&[f32], &[f32]),
    rotation: &Rotation,
    kernels: &Kernels,
    out: &mut Vec<f32>,
) {
    let numbers = row.iter().zip(centre).zip(centroid);
    let start = out.len();
    out.extend(numbers.map(|((x, centre), centroid)| (x - centre) - centroid));
    rotation.turn(&mut out[start..], kernels);
}

/// What one thread codes with.
#[derive(Default)]
struct Coder {
    /// Of one strip, one after the other.
    residuals: Vec<f32>,
    batch: Batch,
    entry: EntryCode,
    /// Squared distances of the zone's rows to its centroid.
    squares: Vec<f64>,
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
        let strips = strips.chunks_exact_mut(site.book.bits().strip_bytes(dim));
        let mut coded = from;
        self.squares.clear();
        for (strip, slots) in strips.zip(slots.chunks_exact(STRIP_ENTRIES)) {
            let filled = slots.iter().take_while(|&&slot| slot != NO_SLOT);
            let count = filled.clone().count();
            let from = std::mem::take(&mut coded);
            self.residuals.clear();
            for &slot in filled.clone().skip(from) {
                let row = &site.rows.row(slot)[..dim];
                let beside = (site.centre, site.centroids.row(zone));
                let (rotation, kernels) = (site.rotation, site.kernels);
                turn_beside(row, beside, rotation, kernels, &mut self.residuals);
            }
            self.batch.set(site.book, &self.residuals, dim);
            let residuals = self.residuals.chunks_exact(dim).enumerate();
            for ((place, &slot), (at, residual)) in filled.enumerate().skip(from).zip(residuals) {
                let row = &site.rows.row(slot)[..dim];
                let zeros = site.metric == Metric::Cosine && row.iter().all(|x| *x == 0.0);
                // At distance 1 from everything, halfway to the opposite, though its length says otherwise.
                let farther = if zeros { 1.0 } else { 0.0 };
                let (batch, metric) = ((&self.batch, at), site.metric);
                self.entry
                    .set_of(batch, site.book, metric, residual, anchor, farther);
                strips::write(strip, place, &self.entry);
                self.squares.push(self.entry.square());
            }
            strips::close(strip, count);
        }
    }

    /// What routing knows of the spread of the zone's rows. By distance it is that of most rows, for
    /// one far away hides no others, and rows whose second zone this is lie farther than its own; by product it is just
    /// such rows that are looked for.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // counts of rows
    fn share(&mut self, metric: Metric, times: usize) -> f32 {
        let rows = self.squares.len();
        let share = if metric == Metric::Ip {
            SPREAD_IP * (self.squares.iter().sum::<f64>() / rows as f64).sqrt()
        } else {
            let (_, median, _) = self
                .squares
                .select_nth_unstable_by(rows / (2 * times), f64::total_cmp);
            (SPREAD_L2 * *median).sqrt()
        };
        let share = share as f32;
        if share.is_finite() { share } else { 0.0 }
    }
}

/// Strips of centroids, where there are enough of them to pay: their codes are of what they are beside
/// the centre.
pub(super) fn routes(view: &ZonesView<'_>) -> Result<StripMemory> {
    let (bits, dim) = (view.strips.bits(), view.centre.len());
    let centroids = view.centroids;
    let (zones, numbers) = (centroids.len(), centroids.len() * dim);
    let many = zones >= ROUTED_MIN && numbers >= ROUTED_NUMBERS_MIN;
    if !(many || zones >= ROUTED_ALWAYS) || view.apart {
        return StripMemory::try_new(bits, dim, 0);
    }
    let mut routes = StripMemory::try_new(bits, dim, centroids.len().div_ceil(STRIP_ENTRIES))?;
    let (mut entry, mut batch, mut plain) = (EntryCode::default(), Batch::default(), Vec::new());
    let some = centroids
        .as_floats()
        .chunks(STRIP_ENTRIES * centroids.stride());
    let stride = bits.strip_bytes(dim);
    let strips = routes.as_mut_slice().chunks_exact_mut(stride);
    for (strip, centroids) in strips.zip(some.map(|some| some.chunks_exact(centroids.stride()))) {
        plain.clear();
        plain.extend(centroids.clone().flat_map(|centroid| &centroid[..dim]));
        batch.set(view.book(), &plain, dim);
        let mut filled = 0;
        for centroid in centroids {
            // By product a query's length is one here.
            let farther = match view.metric {
                Metric::Ip => -centroid[dim],
                Metric::L2 | Metric::Cosine => centroid[dim] * centroid[dim],
            };
            let (at, metric) = ((&batch, filled), view.metric);
            entry.set_of(at, view.book(), metric, &centroid[..dim], None, farther);
            strips::write(strip, filled, &entry);
            filled += 1;
        }
        strips::close(strip, filled);
    }
    Ok(routes)
}
