//! Many queries at once: a zone's strips are scanned for all queries that probe it, while they are in
//! the nearest cache.
//!
//! ```text
//! queries ─ one by one: rotate, tables, route, scan the nearest few zones ─► visits, by zone
//! zone 0   for queries 2, 5, 9 …               ┐ four at once where a set can; what each has kept, and its bound,
//! zone 1   for queries 2, 3 …                  ┘ go on from zone to zone
//! queries ─ one by one: judge what is kept
//! ```
//! Invariant: a query keeps the nearest of its zones' rows by (estimate, slot), whatever the order of the
//! zones, so every answer is the one a search alone gives.

use super::probe::{self, Effort, Judges, ProbeScratch};
use super::view::{Zone, ZonesView};
use crate::error::Result;
use crate::ids::Slot;
use crate::kernels::{Kernels, SCAN_QUERIES, ScanTerms, StripScans};
use crate::matrix::Matrix;
use crate::metric::Metric;
use crate::search::{Candidate, Top};
use std::ops::Range;

/// Bytes of strips that are scanned for one query after the other: with its tables they fit the nearest
/// cache.
const RUN_BYTES: usize = 24 << 10;

/// Bytes that queries of one piece need while zones are scanned: these fit the second-level cache.
const PIECE_BYTES: usize = 1 << 20;
/// Queries of one piece at most: more gain no more.
const PIECE_MAX: usize = 256;

/// A query that is scanned for.
#[derive(Debug)]
struct Asker {
    /// Of its tables; a zone and what is kept have the rest.
    terms: ScanTerms,
    /// What it has kept so far.
    kept: Vec<Candidate>,
    bound: Candidate,
}

/// A zone that a query probes.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    asker: u32,
    /// The query's distance to the centroid.
    base: f32,
}

impl Visit {
    /// The tables of who asks, among those of all, of so many bytes each.
    fn tables(self, all: &[u8], bytes: usize) -> &[u8] {
        &all[self.asker as usize * bytes..][..bytes]
    }

    /// What scores are made of, for who keeps the nearest.
    fn terms(self, tables: ScanTerms, top: &Top<'_>) -> ScanTerms {
        ScanTerms {
            base: self.base,
            bound: top.limit(),
            ..tables
        }
    }
}

/// What one thread needs to search for many queries.
#[derive(Debug)]
pub struct GroupScratch {
    /// As rows are stored.
    queries: Matrix,
    /// The tables of all queries.
    tables: Vec<u8>,
    askers: Vec<Asker>,
    /// By query, then by zone.
    asked: Vec<(Zone, Visit)>,
    visits: Vec<Visit>,
    /// First visits of the zones.
    starts: Vec<u32>,
}

/// Who is told `(i, query as stored, nearest)`.
pub type Done<'a> = &'a mut dyn FnMut(usize, &[f32], &[Candidate]);

/// What a piece of a batch is answered by.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// What is scanned.
    pub view: ZonesView<'a>,
    /// Who judges what is kept.
    pub judges: Judges<'a>,
    /// Of the index.
    pub kernels: &'static Kernels,
    /// Of every query.
    pub effort: Effort,
}

impl Group<'_> {
    /// Into pieces of how many queries a batch is cut for so many threads; `None` where they gain nothing
    /// from each other: zones take tables of their own, or few are probed twice.
    pub fn piece(&self, queries: usize, threads: usize) -> Option<usize> {
        let (view, keep) = (&self.view, self.effort.kept(self.judges));
        let bytes = self.table_bytes() + 2 * keep.saturating_mul(size_of::<Candidate>());
        let most = (PIECE_BYTES / bytes.max(1)).clamp(1, PIECE_MAX);
        let pieces = queries.div_ceil(most).next_multiple_of(threads.max(1));
        let piece = queries.div_ceil(pieces.max(1)).max(1);
        let visits = piece.saturating_mul(self.effort.probed(view));
        (!view.apart && visits >= 2 * view.zones().max(1)).then_some(piece)
    }

    /// Tells the answer of every query of `dim` numbers, in order, as a search alone would.
    pub fn search(
        &self,
        queries: &[f32],
        (scratch, own): (&mut GroupScratch, &mut ProbeScratch),
        done: Done<'_>,
    ) -> Result<()> {
        let Self {
            view,
            judges,
            kernels,
            effort,
        } = self;
        let count = scratch.take(view.metric, queries)?;
        let (reach, keep) = (effort.reach(view), effort.kept(*judges));
        let more = effort.span.is_some() || effort.probed(view) < view.zones();
        for asker in 0..count {
            own.turn(view, scratch.queries.row(asker), kernels);
            own.tabulate(view, kernels);
            probe::route(view, kernels, reach, own);
            scratch.lead(self, asker, own);
        }
        scratch.sort(view.zones());
        scratch.scan(self);
        for asker in 0..count {
            let at = asker as usize;
            let query = scratch.queries.row(asker);
            std::mem::swap(&mut own.results, &mut scratch.askers[at].kept);
            Top::resume(keep, &mut own.results, Candidate::FARTHEST)
                .by(kernels)
                .close();
            if view.times() > 1 {
                own.once.keep(&mut own.results);
            }
            if own.results.len() < effort.k.min(judges.count) && more {
                // Too few rows in its zones: it scans more.
                probe::search(view, *judges, query, kernels, *effort, own);
            } else {
                let over = &mut |_| ();
                probe::judge_kept(view, *judges, query, kernels, *effort, own, over);
            }
            done(at, query, &own.results);
            std::mem::swap(&mut own.results, &mut scratch.askers[at].kept);
        }
        Ok(())
    }

    fn table_bytes(&self) -> usize {
        let strips = &self.view.strips;
        strips.bits().tables_bytes(strips.dim())
    }
}

impl GroupScratch {
    /// Of queries of `dim` numbers, which has searched for nothing yet.
    pub fn try_new(dim: usize) -> Result<Self> {
        Ok(Self {
            queries: Matrix::try_new(0, dim)?,
            tables: Vec::new(),
            askers: Vec::new(),
            asked: Vec::new(),
            visits: Vec::new(),
            starts: Vec::new(),
        })
    }

    /// Takes queries as rows are stored; how many.
    fn take(&mut self, metric: Metric, queries: &[f32]) -> Result<Slot> {
        let dim = self.queries.dim();
        let count = queries.len() / dim;
        if self.queries.len() < count {
            self.queries = Matrix::try_new(count, dim)?;
        }
        for (slot, query) in (0..).zip(queries.chunks_exact(dim)) {
            self.queries.row_mut(slot).copy_from_slice(query);
            metric.prepare(self.queries.row_mut(slot));
        }
        self.tables.clear();
        self.asked.clear();
        Ok(Slot::try_from(count).expect("a piece of a batch"))
    }

    /// Takes the tables and zones of a query, and scans the nearest of these: as many as give it a bound,
    /// without which most rows of any zone would be kept for a while.
    fn lead(&mut self, group: &Group<'_>, asker: u32, own: &ProbeScratch) {
        let (view, keep) = (&group.view, group.effort.kept(group.judges));
        if self.askers.len() == asker as usize {
            self.askers.push(Asker {
                terms: ScanTerms::default(),
                kept: Vec::new(),
                bound: Candidate::FARTHEST,
            });
        }
        let base = |zone: Candidate| probe::base(view, zone, &own.turned);
        let tables = own.tables.bytes();
        let place = &mut self.askers[asker as usize];
        let mut top = Top::new(keep, &mut place.kept).by(group.kernels);
        let (mut rows, mut led) = (0, 0);
        while led < own.zones.len() && rows < 2 * keep {
            let zone = own.zones[led].slot();
            let terms = probe::terms(&own.tables, base(own.zones[led]), &top);
            let strips = view.range(zone);
            probe::scan_strips(view, strips, (tables, terms), group.kernels, &mut top);
            rows += view.places(zone).len();
            led += 1;
        }
        place.terms = probe::terms(&own.tables, 0.0, &top);
        place.bound = top.bound();
        self.tables.extend_from_slice(tables);
        let rest = own.zones[led..].iter();
        self.asked.extend(rest.map(|zone| {
            let base = base(*zone);
            (zone.slot(), Visit { asker, base })
        }));
    }

    /// Puts visits in the order of zones, by counting.
    fn sort(&mut self, zones: usize) {
        self.starts.clear();
        self.starts.resize(zones + 1, 0);
        for (zone, _) in &self.asked {
            self.starts[*zone as usize] += 1;
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        self.visits.clear();
        self.visits.resize(self.asked.len(), Visit::default());
        for (zone, visit) in self.asked.iter().rev() {
            let place = &mut self.starts[*zone as usize];
            *place -= 1;
            self.visits[*place as usize] = *visit;
        }
    }

    /// Scans every zone for all that probe it.
    fn scan(&mut self, group: &Group<'_>) {
        let (view, keep) = (&group.view, group.effort.kept(group.judges));
        let bytes = group.table_bytes();
        let together = view.strips.bits().scan_together(group.kernels);
        let run = (RUN_BYTES / view.strips.stride()).max(1);
        for (zone, ends) in (0..).zip(self.starts.windows(2)) {
            let visits = &self.visits[ends[0] as usize..ends[1] as usize];
            if visits.is_empty() {
                continue;
            }
            let all = view.range(zone);
            for first in all.clone().step_by(run) {
                let strips = first..all.end.min(first + run);
                let mut alone = visits;
                if let Some(scan) = together {
                    let (fours, rest) = visits.as_chunks();
                    for four in fours {
                        let strips = strips.clone();
                        scan_together(
                            view,
                            strips,
                            (keep, scan, group.kernels),
                            (four, bytes),
                            (&self.tables, &mut self.askers),
                        );
                    }
                    alone = rest;
                }
                for visit in alone {
                    let asker = &mut self.askers[visit.asker as usize];
                    let tables = visit.tables(&self.tables, bytes);
                    let mut top = Top::resume(keep, &mut asker.kept, asker.bound).by(group.kernels);
                    let terms = visit.terms(asker.terms, &top);
                    let strips = strips.clone();
                    probe::scan_strips(view, strips, (tables, terms), group.kernels, &mut top);
                    asker.bound = top.bound();
                }
            }
        }
    }
}

/// Scans strips for several queries at once, of so many bytes of tables each.
fn scan_together(
    view: &ZonesView<'_>,
    strips: Range<usize>,
    (keep, scan, kernels): (usize, StripScans, &Kernels),
    (visits, bytes): (&[Visit; SCAN_QUERIES], usize),
    (tables, askers): (&[u8], &mut [Asker]),
) {
    let places = visits.map(|visit| visit.asker as usize);
    let mut askers = askers
        .get_disjoint_mut(places)
        .expect("a query probes a zone once");
    let own = askers.each_ref().map(|asker| asker.terms);
    let mut tops = askers.each_mut().map(|asker| {
        let bound = asker.bound;
        Top::resume(keep, &mut asker.kept, bound).by(kernels)
    });
    let mut terms = std::array::from_fn(|at| visits[at].terms(own[at], &tops[at]));
    let tables = visits.map(|visit| visit.tables(tables, bytes));
    probe::scan_strips_together(view, strips, tables, (scan, &mut terms), &mut tops);
    let bounds = tops.each_ref().map(Top::bound);
    for (asker, bound) in askers.into_iter().zip(bounds) {
        asker.bound = bound;
    }
}
