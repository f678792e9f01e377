//! Rows added to zones: each to its nearest centroid, coded into free places of the zone's last strip or
//! into new strips after it.
//!
//! ```text
//! rows have doubled since k-means parted them   ─► built anew
//! else   assign ─ split (zones that have outgrown their size) ─ lay out ─ code
//!
//! before  | zone 0: 32, 9 – – | zone 1: 32 |
//! after   | zone 0: 32, 12 –  | zone 1: 32 | 5 – – |      strips copied, then what is new
//! ```
//! What is there stays as it is, and can be searched all the while; the new arrays are others. Slots of a
//! zone ascend, for new ones are larger than all before them. Parts of a zone lie where it lay.

use super::build::{self, Seconds, ZonesBuilder, ZonesParams, ZonesPhase, ZonesReport};
use super::code::{Coding, Uncoded};
use super::view::{Zone, ZoneArrays, ZonesView};
use crate::codec::strips::StripMemory;
use crate::error::Result;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::{Kernels, STRIP_ENTRIES};
use crate::kmeans::{self, Partition};
use crate::matrix::{Matrix, Rows};
use crate::rng;

/// A zone of so many times the average a build plans is split in two, one of twice that in four.
const SPLIT_TIMES: usize = 4;
/// Zones one is split into at most.
const PARTS_MAX: usize = 256;
/// Rows whose zones are split in a step.
const STEP_ROWS: usize = 1 << 14;
/// Zones a thread copies at a time.
const GRAIN_ZONES: usize = 64;
const STREAM_SPLIT: u64 = 0x7a73_706c;

/// A zone that has outgrown its size.
#[derive(Debug)]
struct Split {
    zone: Zone,
    slots: Vec<Slot>,
    /// Centroids, less the centre, and whose each slot is.
    parts: Option<(Matrix, Vec<u32>)>,
}

#[derive(Debug)]
enum Stage {
    Anew(ZonesBuilder),
    Assign {
        partition: Partition,
        owners: Vec<Zone>,
        done: usize,
    },
    Second(Seconds),
    Split {
        centroids: Matrix,
        /// New slots by zone, both ascending.
        added: Vec<(Zone, Slot)>,
        splits: Vec<Split>,
        done: usize,
    },
    Code(Coding),
    Done(ZoneArrays),
}

/// Adds the last rows of all that its owner keeps and passes to every call, with the zones they are added
/// to. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct ZonesAdder {
    kernels: &'static Kernels,
    params: ZonesParams,
    /// The first new slot.
    from: usize,
    /// `None` where a step failed or panicked.
    stage: Option<Stage>,
}

impl ZonesAdder {
    /// Plans to add the rows from `from` on; the zones have all rows before. `params` are the build's: zones
    /// parted anew are made by them.
    pub fn new(
        view: &ZonesView<'_>,
        rows: Rows<'_>,
        from: usize,
        kernels: &'static Kernels,
        params: ZonesParams,
        exec: Exec<'_>,
    ) -> Result<Self> {
        // Rows of one zone have no second one, which more zones would give them.
        let grown = rows.len() / 2 >= view.parted || params.soar && view.zones() == 1;
        let anew = rows.len() > from && grown;
        let stage = if anew || view.zones() == 0 {
            let builder = ZonesBuilder::new(rows, view.metric, kernels, params, exec)?;
            Stage::Anew(builder)
        } else {
            let mut centroids = Matrix::try_new(view.zones(), rows.dim())?;
            for (zone, centroid) in (0..).zip(centroids.rows_mut(0..view.zones())) {
                centroid.copy_from_slice(&view.centroids.row(zone)[..rows.dim()]);
            }
            build::turn_all(&mut centroids, exec, |row| {
                view.rotation.turn_back(row, kernels);
            });
            Stage::Assign {
                partition: Partition::of(view.centre, centroids),
                owners: vec![0; rows.len() - from],
                done: 0,
            }
        };
        Ok(Self {
            kernels,
            params,
            from,
            stage: Some(stage),
        })
    }

    /// Does one bounded piece of work; zones and rows are those of [`new`](Self::new).
    ///
    /// # Panics
    /// Where a step before this one failed.
    pub fn step(
        &mut self,
        view: &ZonesView<'_>,
        rows: Rows<'_>,
        exec: Exec<'_>,
    ) -> Result<ZonesReport> {
        let total = rows.len() - self.from;
        let report = |phase, done, total| ZonesReport { phase, done, total };
        let (stage, report) = match self.stage.take().expect("no step failed") {
            Stage::Anew(mut builder) => {
                let report = builder.step(rows, exec)?;
                let stage = if report.phase == ZonesPhase::Done {
                    Stage::Done(builder.finish())
                } else {
                    Stage::Anew(builder)
                };
                (stage, report)
            }
            Stage::Assign {
                partition,
                mut owners,
                done,
            } => {
                let piece = build::STEP_PRODUCTS / (partition.zones() * rows.dim());
                let end = total.min(done + piece.max(1));
                let next = &mut owners[done..end];
                partition.assign(rows, self.from + done, next, self.kernels, exec);
                let times = view.times();
                let stage = if end == total && times > 1 {
                    Stage::Second(Seconds::new(partition, self.from, &owners)?)
                } else if end == total {
                    self.gather(view, rows.len(), &partition, (&owners, &[]))?
                } else {
                    Stage::Assign {
                        partition,
                        owners,
                        done: end,
                    }
                };
                (stage, report(ZonesPhase::Assign, end, times * total))
            }
            Stage::Second(mut seconds) => {
                let all = seconds.step(rows, (self.kernels, exec));
                let report = report(ZonesPhase::Assign, total + seconds.done, 2 * total);
                let stage = if all {
                    let (partition, owners, seconds) = seconds.finish();
                    self.gather(view, rows.len(), &partition, (&owners, &seconds))?
                } else {
                    Stage::Second(seconds)
                };
                (stage, report)
            }
            Stage::Split {
                centroids,
                added,
                mut splits,
                mut done,
            } => {
                let mut passed = 0;
                while done < splits.len() && passed < STEP_ROWS {
                    passed += splits[done].slots.len();
                    self.split(view, rows, &mut splits[done], exec)?;
                    done += 1;
                }
                let report = report(ZonesPhase::Part, done, splits.len());
                let stage = if done == splits.len() {
                    Stage::Code(lay_out(
                        view,
                        &centroids,
                        &added,
                        &splits,
                        (self.kernels, exec),
                    )?)
                } else {
                    Stage::Split {
                        centroids,
                        added,
                        splits,
                        done,
                    }
                };
                (stage, report)
            }
            Stage::Code(mut coding) => {
                let report = report(ZonesPhase::Code, coding.step(rows, total, exec), total);
                let stage = if coding.is_done() {
                    Stage::Done(coding.finish()?)
                } else {
                    Stage::Code(coding)
                };
                (stage, report)
            }
            done @ Stage::Done(_) => (done, report(ZonesPhase::Done, total, total)),
        };
        self.stage = Some(stage);
        Ok(report)
    }

    /// The arrays, with all rows.
    ///
    /// # Panics
    /// While steps are left.
    pub fn finish(self) -> ZoneArrays {
        match self.stage {
            Some(Stage::Done(arrays)) => arrays,
            _ => panic!("steps are left"),
        }
    }

    /// Sorts new slots by zone, and finds the zones that are too large with them.
    fn gather(
        &self,
        view: &ZonesView<'_>,
        rows: usize,
        partition: &Partition,
        (owners, seconds): (&[Zone], &[Zone]),
    ) -> Result<Stage> {
        #[allow(clippy::cast_possible_truncation)] // slots
        let slots = self.from as Slot..;
        let all = [owners, seconds].into_iter();
        let all = all.flat_map(|zones| zones.iter().copied().zip(slots.clone()));
        let mut added: Vec<_> = all.collect();
        added.sort_unstable();
        let mut splits = Vec::new();
        // Who asks for a number of zones gets no more.
        if self.params.zones == 0 {
            let limit = SPLIT_TIMES * view.times() * (rows / self.params.zones_of(rows));
            for group in added.chunk_by(|a, b| a.0 == b.0) {
                let zone = group[0].0;
                let old = view.rows(zone);
                if outgrown(old.len(), old.len() + group.len(), limit) {
                    let new = group.iter().map(|&(_, slot)| slot);
                    splits.push(Split {
                        zone,
                        slots: old.iter().copied().chain(new).collect(),
                        parts: None,
                    });
                }
            }
        }
        Ok(Stage::Split {
            centroids: partition.centroids()?,
            added,
            splits,
            done: 0,
        })
    }

    /// Parts the rows of a zone; those that are all alike stay together.
    fn split(
        &self,
        view: &ZonesView<'_>,
        rows: Rows<'_>,
        split: &mut Split,
        exec: Exec<'_>,
    ) -> Result<()> {
        let planned = rows.len() / self.params.zones_of(rows.len());
        let parts = 2 * split.slots.len() / (SPLIT_TIMES * view.times() * planned);
        let (parts, centre) = (parts.clamp(2, PARTS_MAX), view.centre);
        let seed = rng::value(self.params.seed, STREAM_SPLIT, split.slots[0].into());
        let (slots, kernels) = (&split.slots, self.kernels);
        let (centroids, owners) = kmeans::part(rows, centre, slots, parts, seed, kernels, exec)?;
        if owners.iter().any(|&owner| owner != owners[0]) {
            split.parts = Some((centroids, owners));
        }
        Ok(())
    }
}

/// Whether a zone has come past the limit, or past it doubled, or doubled again: one that cannot be
/// split is not tried with every batch.
fn outgrown(before: usize, after: usize, limit: usize) -> bool {
    let doubled = |rows: usize| (rows / limit).checked_ilog2();
    doubled(after) > doubled(before)
}

/// A zone to be, and where it comes from.
struct Piece<'a> {
    slots: Vec<Slot>,
    centroid: &'a [f32],
    /// As it was, if it was.
    old: Option<Zone>,
}

/// All zones with the new slots, in their order.
fn pieces<'a>(
    view: &ZonesView<'_>,
    centroids: &'a Matrix,
    added: &[(Zone, Slot)],
    splits: &'a [Split],
) -> Vec<Piece<'a>> {
    let mut splits = splits.iter().peekable();
    let mut added = added.iter().peekable();
    let mut pieces = Vec::with_capacity(view.zones());
    for (zone, _) in (0..).zip(&view.starts[1..]) {
        let mut slots = view.rows(zone).to_vec();
        while let Some((_, slot)) = added.next_if(|(owner, _)| *owner == zone) {
            slots.push(*slot);
        }
        let split = splits.next_if(|split| split.zone == zone);
        let Some((parts, owners)) = split.and_then(|split| split.parts.as_ref()) else {
            pieces.push(Piece {
                slots,
                centroid: centroids.row(zone),
                old: Some(zone),
            });
            continue;
        };
        for (part, _) in (0..).zip(0..parts.len()) {
            let own = slots
                .iter()
                .zip(owners)
                .filter(|(_, owner)| **owner == part);
            let slots: Vec<_> = own.map(|(&slot, _)| slot).collect();
            if !slots.is_empty() {
                pieces.push(Piece {
                    slots,
                    centroid: parts.row(part),
                    old: None,
                });
            }
        }
    }
    pieces
}

/// Arrays with places for all, and the codes there were.
fn lay_out(
    view: &ZonesView<'_>,
    centroids: &Matrix,
    added: &[(Zone, Slot)],
    splits: &[Split],
    (kernels, exec): (&'static Kernels, Exec<'_>),
) -> Result<Coding> {
    let (bits, dim) = (view.strips.bits(), centroids.dim());
    let pieces = pieces(view, centroids, added, splits);
    let mut plain = Matrix::try_new(pieces.len(), dim)?;
    let mut rotated = Matrix::try_new(pieces.len(), dim + 1)?;
    let (mut starts, mut slots, mut work, mut strips) = (vec![0], Vec::new(), Vec::new(), 0);
    let out = plain.rows_mut(0..pieces.len());
    let out = out.zip(rotated.rows_mut(0..pieces.len()));
    for ((zone, piece), (plain, rotated)) in (0..).zip(&pieces).zip(out) {
        plain.copy_from_slice(&piece.centroid[..dim]);
        let from = if let Some(old) = piece.old {
            rotated.copy_from_slice(&view.centroids.row(old)[..=dim]);
            view.rows(old).len()
        } else {
            rotated[..dim].copy_from_slice(plain);
            view.rotation.turn(&mut rotated[..dim], kernels);
            0
        };
        slots.extend_from_slice(&piece.slots);
        slots.resize(slots.len().next_multiple_of(STRIP_ENTRIES), NO_SLOT);
        strips += u32::try_from(piece.slots.len().div_ceil(STRIP_ENTRIES)).expect("slots are u32");
        starts.push(strips);
        if from < piece.slots.len() {
            work.push(Uncoded { zone, from });
        }
    }
    let mut routes = StripMemory::try_new(bits, dim, view.routes.len())?;
    routes.as_mut_slice().copy_from_slice(view.routes.bytes());
    let arrays = ZoneArrays {
        metric: view.metric,
        centre: view.centre.to_vec(),
        centroids: rotated,
        strips: copied(view, &pieces, &starts, exec)?,
        starts,
        slots,
        points: view.points.to_vec(),
        routes,
        // Shares are of zones beside each other: a few rows more change none by much.
        spans: view.spans.to_vec(),
        apart: view.apart,
        soar: view.soar,
        parted: view.parted,
        rotation: view.rotation.clone(),
    };
    Ok(Coding::new(arrays, plain, work, kernels))
}

/// Strips for all, those of zones that stay as they were.
fn copied(
    view: &ZonesView<'_>,
    pieces: &[Piece<'_>],
    starts: &[u32],
    exec: Exec<'_>,
) -> Result<StripMemory> {
    let (bits, dim) = (view.strips.bits(), view.strips.dim());
    let stride = bits.strip_bytes(dim);
    let total = starts.last().map_or(0, |&end| end as usize);
    let mut strips = StripMemory::try_new(bits, dim, total)?;
    let (mut rest, mut out) = (strips.as_mut_slice(), Vec::with_capacity(pieces.len()));
    for (piece, bounds) in pieces.iter().zip(starts.windows(2)) {
        let (own, others) = rest.split_at_mut((bounds[1] - bounds[0]) as usize * stride);
        rest = others;
        if let Some(old) = piece.old {
            let range = view.range(old);
            out.push((
                own,
                &view.strips.bytes()[range.start * stride..range.end * stride],
            ));
        }
    }
    exec.fill(
        &mut out,
        GRAIN_ZONES,
        || (),
        |(), _, (own, old)| {
            own[..old.len()].copy_from_slice(old);
        },
    );
    Ok(strips)
}
