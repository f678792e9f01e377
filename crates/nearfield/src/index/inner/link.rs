//! Linking the rows of zones, one zone after the other, each by all threads.
//!
//! ```text
//! zones of all rows ─┬─ few rows ─────────────────────────► no graph
//!                    ├─ the old graph has most of them ───► as it was; the others are scanned
//!                    └─ any other ─ rows and codes copied ─ HnswBuilder::step … ─► its graph
//! all ─► hnsw::forest::join
//! ```
//! What there is stays as it is, and can be searched all the while; the new arrays are others.

use super::{Inner, InnerView};
use crate::bytes::region::{AlignedBytes, Region};
use crate::codec::{Codes, Stored};
use crate::error::Result;
use crate::exec::Exec;
use crate::hnsw::forest::{self, Part};
use crate::hnsw::{BuildPhase, FrozenArrays, HnswBuilder, HnswParams};
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::Kernels;
use crate::matrix::{Matrix, Rows};
use crate::metric::Metric;
use crate::zones::{Zone, ZonesView};

/// A zone of fewer rows is scanned: that takes less time at any recall.
const ROWS_MIN: usize = HnswBuilder::AT_ONCE_MIN;
/// One of so many rows of a zone may be added since it was linked: these are scanned.
const SCANNED_SHARE: usize = 5;

/// How far linking is, in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkingReport {
    /// Rows of zones that are linked.
    pub done: usize,
    /// Rows of zones that are to be linked.
    pub total: usize,
}

/// What becomes of a zone.
#[derive(Debug)]
enum Fate {
    Scanned,
    /// As this one was.
    Kept(Zone),
    Linked(Box<FrozenArrays>),
}

/// A zone that is being linked.
#[derive(Debug)]
struct Doing {
    zone: Zone,
    rows: Matrix,
    codes: AlignedBytes,
    builder: HnswBuilder,
}

/// Links rows its owner keeps and passes to every call, with the zones they are in. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Linking {
    metric: Metric,
    kernels: &'static Kernels,
    params: HnswParams,
    fates: Vec<Fate>,
    /// Zones to be linked, the next last.
    left: Vec<Zone>,
    doing: Option<Doing>,
    report: LinkingReport,
}

impl Linking {
    /// Plans the graphs of zones; `old` are the zones and graphs there were before rows were added.
    pub fn new(
        zones: &ZonesView<'_>,
        old: Option<(&ZonesView<'_>, InnerView<'_>)>,
        metric: Metric,
        kernels: &'static Kernels,
        params: HnswParams,
    ) -> Self {
        let held = held(old);
        let (mut fates, mut left, mut total) = (Vec::new(), Vec::new(), 0);
        for zone in (0..).take(zones.zones()) {
            let rows = zones.rows(zone);
            let kept = held.iter().find(|(_, members)| is_kept(members, rows));
            fates.push(match kept {
                _ if rows.len() < ROWS_MIN => Fate::Scanned,
                Some((old, _)) => Fate::Kept(*old),
                None => {
                    total += rows.len();
                    left.push(zone);
                    Fate::Scanned
                }
            });
        }
        left.reverse();
        Self {
            metric,
            kernels,
            params,
            fates,
            left,
            doing: None,
            report: LinkingReport { done: 0, total },
        }
    }

    /// Does one bounded piece of work, while some is left; zones, rows and codes are those of every step.
    pub fn step(
        &mut self,
        zones: &ZonesView<'_>,
        (rows, codes): (Rows<'_>, Codes<'_>),
        exec: Exec<'_>,
    ) -> Result<LinkingReport> {
        let Some(mut doing) = self.doing.take() else {
            if let Some(zone) = self.left.pop() {
                self.doing = Some(self.begin(zones.rows(zone), zone, (rows, codes), exec)?);
            }
            return Ok(self.report);
        };
        let own = Stored {
            rows: doing.rows.rows(),
            codes: Some(Codes::new(
                codes.form(),
                doing.codes.as_ref(),
                codes.centre(),
            )),
        };
        let report = doing.builder.step(own, exec)?;
        if report.phase != BuildPhase::Done {
            // Rows that are alike stand for each other; linking is most of it.
            let quarter = doing.rows.len() * report.done / report.total.max(1) / 4;
            let part = match report.phase {
                BuildPhase::Link => 3 * quarter,
                _ => doing.rows.len() / 4 * 3 + quarter,
            };
            self.doing = Some(doing);
            return Ok(LinkingReport {
                done: self.report.done + part,
                ..self.report
            });
        }
        self.report.done += doing.rows.len();
        let arrays = Box::new(doing.builder.finish());
        self.fates[doing.zone as usize] = Fate::Linked(arrays);
        Ok(self.report)
    }

    /// How far it is.
    pub const fn report(&self) -> LinkingReport {
        self.report
    }

    /// Whether no step is left.
    pub fn is_done(&self) -> bool {
        self.left.is_empty() && self.doing.is_none()
    }

    /// The graphs, over so many rows; zones and old graphs are those of [`new`](Self::new).
    ///
    /// # Panics
    /// Never: a zone's rows are slots, which are counted by as many bits.
    pub fn finish(self, zones: &ZonesView<'_>, old: Option<InnerView<'_>>, rows: usize) -> Inner {
        let (mut parts, mut roots, mut linked) = (Vec::new(), Vec::new(), Vec::new());
        for (zone, fate) in (0..).zip(&self.fates) {
            let slots = zones.rows(zone);
            let part = match (fate, old) {
                (Fate::Linked(arrays), _) => Some((
                    arrays.entry,
                    Part {
                        slots,
                        graph: arrays.view(self.params.m),
                        alone: true,
                    },
                )),
                (&Fate::Kept(zone), Some(old)) => {
                    let slots = &slots[..old.linked[zone as usize] as usize];
                    let graph = old.graph;
                    Some((
                        old.roots[zone as usize],
                        Part {
                            slots,
                            graph,
                            alone: false,
                        },
                    ))
                }
                _ => None,
            };
            roots.push(part.map_or(NO_SLOT, |(root, part)| part.named(root)));
            linked.push(part.map_or(0, |(_, part)| {
                u32::try_from(part.slots.len()).expect("slots are u32")
            }));
            parts.extend(part.map(|(_, part)| part));
        }
        Inner {
            graph: forest::join(rows, self.params.m, &parts).into(),
            roots: Region::from_vec(roots),
            linked: Region::from_vec(linked),
        }
    }

    /// Copies a zone's rows and codes.
    fn begin(
        &self,
        slots: &[Slot],
        zone: Zone,
        (all, codes): (Rows<'_>, Codes<'_>),
        exec: Exec<'_>,
    ) -> Result<Doing> {
        let mut rows = Matrix::try_new(slots.len(), all.dim())?;
        for (row, &slot) in rows.rows_mut(0..slots.len()).zip(slots) {
            row.copy_from_slice(&all.row(slot)[..all.dim()]);
        }
        let stride = codes.form().stride(all.dim());
        let mut copies = AlignedBytes::try_new((slots.len() * stride) as u64)?;
        for (copy, &slot) in copies.as_mut_slice().chunks_exact_mut(stride).zip(slots) {
            copy.copy_from_slice(codes.row(slot));
        }
        let builder = HnswBuilder::new(rows.rows(), self.metric, self.kernels, self.params, exec);
        Ok(Doing {
            zone,
            rows,
            codes: copies,
            builder,
        })
    }
}

/// The old zones that have a graph, and its rows: one in some thousands of rows.
fn held<'a>(old: Option<(&ZonesView<'a>, InnerView<'a>)>) -> Vec<(Zone, &'a [Slot])> {
    let Some((zones, inner)) = old else {
        return Vec::new();
    };
    let all = (0..).take(zones.zones());
    let members = all.map(|zone| (zone, inner.members(zones, zone)));
    members.filter(|(_, members)| !members.is_empty()).collect()
}

/// Whether a graph of these rows is enough for a zone of those.
fn is_kept(members: &[Slot], rows: &[Slot]) -> bool {
    let scanned = rows.len().saturating_sub(members.len());
    scanned <= rows.len() / SCANNED_SHARE && rows.starts_with(members)
}
