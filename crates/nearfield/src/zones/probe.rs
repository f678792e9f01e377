//! A search: nearest zones, their strips, then the vectors.
//!
//! ```text
//! query ─ less the centre, rotated ─ tables ─┬─ route: coded centroids ─ a shortlist by its vectors
//!                                            └─ scan: strips of the nearest zones ─► the nearest `keep`
//!         ─ sq8 codes, where there are any ─► the nearest `judge` ─ vectors ─► k
//! ```
//! Nothing is allocated once a scratch has grown to its work.

use super::share::{self, Share};
use super::span::{self, Span};
use super::view::{Zone, ZonesView};
use super::within::{self, Within};
use crate::codec::bits::{Bits, Tables};
use crate::codec::{Codes, F32Scorer, QueryCode, Sq8Scorer, Stored};
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot};
use crate::kernels::{
    Kernels, SCAN_QUERIES, STRIP_ENTRIES, ScanTerms, StripScans, TELL_STRIPS, prefetch_row,
    told_room,
};
use crate::matrix::Rows;
use crate::metric::Metric;
use crate::search::{Candidate, Once, Top, exact, narrow, rescore};
use std::ops::Range;

/// Centroids beyond a quarter more than the probes that a shortlist has.
const ROUTES_MORE: usize = 16;
/// Where a span ends is looked for among so many times the zones that are expected: most end before.
const SPAN_TIMES: usize = 2;
/// Rows kept for an answer, by signs and by two bits: what was measured, where 64 rows are scanned for each
/// number of one, to miss a tenth of what probes miss.
const KEPT: [u64; 2] = [30, 5];
/// Rows scanned for each number of a row that [`KEPT`] is of.
const KEPT_AT: u64 = 64;
/// From the first of these up to the second, numbers of a bit are kept for as if they were as many as the second: what
/// is measured there hardly falls with them. Who scans all zones keeps as many as ever.
const LIKE_DIMS: [u64; 2] = [256, 900];
/// Rows that a walk within a zone finds, and four for each answer: as few miss what zones that are not probed miss, at 0.95.
const WALKED_MIN: usize = 100;
/// As many rows scanned at least are kept for.
const SCANNED_MIN: u64 = 2048;

/// How much a search looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Answers.
    pub k: usize,
    /// Zones scanned, or about so many; more where these hold fewer than `k` rows.
    pub probes: usize,
    /// Where it ends, if that hangs on the query.
    pub span: Option<Span>,
    /// Rows kept by the codes of a scan.
    pub keep: usize,
    /// Rows of these judged by their vectors; all where there are no codes between.
    pub judge: usize,
}

/// A part of a search, as [`search`] tells that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The query less the centre, rotated.
    Rotate,
    /// The tables of the query; of zones that lie apart they are made while these are scanned.
    Table,
    /// The nearest zones.
    Route,
    /// Their strips.
    Scan,
    /// Codes of what a scan keeps, where there are any.
    Codes,
    /// Vectors of what these keep, where there are any, and the answer in order.
    Vectors,
}

impl Phase {
    /// Every part, in the order of a search.
    pub const ALL: [Self; 6] = [
        Self::Rotate,
        Self::Table,
        Self::Route,
        Self::Scan,
        Self::Codes,
        Self::Vectors,
    ];

    /// The name `explain` uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Table => "table",
            Self::Route => "route",
            Self::Scan => "scan",
            Self::Codes => "codes",
            Self::Vectors => "vectors",
        }
    }
}

/// What a search did, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Probed {
    /// Zones scanned.
    pub zones: u64,
    /// Rows scored by strips.
    pub scanned: u64,
    /// Rows of these kept.
    pub kept: u64,
    /// Rows judged by codes between.
    pub coded: u64,
    /// Rows judged by their vectors.
    pub judged: u64,
    /// The share of the nearest zone that was not scanned, where shares decided.
    pub left: f32,
}

impl Effort {
    /// For `k` answers from these zones; 0 probes for as many as suit them.
    ///
    /// What is kept grows with the root of the rows that are scanned, among which more are as good by
    /// code, and with the share of the zones: who scans most of them is to miss next to nothing.
    pub fn of(view: &ZonesView<'_>, k: usize, probes: usize) -> Self {
        let zones = view.zones().max(1);
        let probes = if probes == 0 {
            (probes_for(zones) / view.times()).max(1)
        } else {
            probes
        };
        let scanned = (view.slots.len() / zones).saturating_mul(probes.min(zones)) as u64;
        let (bits, dim) = (view.strips.bits(), view.strips.dim() as u64);
        let kept = kept(bits).saturating_mul(k as u64);
        // What a code leaves unknown falls with the root of the dimension. The squares are more than a pointer
        // of 32 bits holds.
        let of = |dim: u64| {
            let square = kept
                .saturating_mul(kept)
                .saturating_mul(scanned.max(SCANNED_MIN));
            let keep = (square / (KEPT_AT * dim).max(1)).isqrt();
            usize::try_from(keep).unwrap_or(usize::MAX)
        };
        let all = of(dim);
        let keep = if bits.coarse() && dim >= LIKE_DIMS[0] {
            of(dim.max(LIKE_DIMS[1]))
        } else {
            all
        };
        let share = |rows: usize| rows.saturating_mul(probes.min(zones)) / zones;
        let more = share(share(all.saturating_mul(2).saturating_sub(keep)));
        let judge = k.saturating_mul(2).saturating_add(4);
        Self {
            k,
            probes,
            span: None,
            keep: keep
                .saturating_add(more)
                .max(k.saturating_mul(2))
                .saturating_add(16),
            // Where no zone is left out codes are all that misses rows.
            judge: judge.saturating_mul(if zones == 1 { 2 } else { 1 }),
        }
    }

    /// For `k` answers of which so many, 0 to 1, are to be the nearest, for queries like the rows and on average.
    pub fn promised(view: &ZonesView<'_>, k: usize, recall: f32) -> Self {
        let (probes, span) = span::promise(view, k, recall);
        Self {
            span,
            ..Self::of(view, k, probes)
        }
    }

    /// Rows that a walk finds of a zone that somebody has linked.
    pub fn walked(&self) -> usize {
        self.k.saturating_mul(4).saturating_add(WALKED_MIN)
    }

    /// Zones it scans at first, or about so many.
    pub(super) fn probed(&self, view: &ZonesView<'_>) -> usize {
        self.probes.clamp(1, view.zones().max(1))
    }

    /// What routing is told: how many zones, and where it ends.
    pub(super) fn reach(&self, view: &ZonesView<'_>) -> (usize, Option<Span>) {
        (self.probed(view), self.span)
    }

    /// Rows it keeps for these.
    pub(super) fn kept(&self, judges: Judges<'_>) -> usize {
        if judges.rows.is_some() || judges.codes.is_some() {
            self.keep.max(self.k)
        } else {
            self.k
        }
    }
}

/// Rows kept for an answer, where [`KEPT_AT`] are scanned for each number of one.
fn kept(bits: Bits) -> u64 {
    match bits {
        Bits::One => KEPT[0],
        Bits::Two => KEPT[1],
        // As measured of 2, 4 and 8 numbers a code, and of 4 and 8.
        Bits::Pq4(numbers) => (2 * square(numbers) - 2).max(1),
        Bits::Pq8(numbers) => (square(numbers) / 3).max(1),
    }
}

fn square(numbers: u8) -> u64 {
    u64::from(numbers) * u64::from(numbers)
}

/// Probes where nobody says how many: 14 times the fourth root of the zones, or all of a few. That is
/// where 62 to 2,127 zones find some 0.95 of ten answers.
pub(super) fn probes_for(zones: usize) -> usize {
    (14 * 14 * zones.isqrt()).isqrt().min(zones)
}

/// What one thread needs to search.
#[derive(Debug, Default)]
pub struct ProbeScratch {
    /// The rotated query, then zeros to a whole row.
    pub(super) turned: Vec<f32>,
    /// The query less a zone's centroid.
    beside: Vec<f32>,
    pub(super) tables: Tables,
    code: QueryCode,
    pub(super) zones: Vec<Candidate>,
    pub(super) shares: Vec<Share>,
    pub(super) once: Once,
    /// What others find in zones.
    pub(super) found: Vec<Candidate>,
    /// Rows of the zones that others have looked among in place of a scan.
    pub(super) passed: u64,
    /// The answer, nearest first.
    pub results: Vec<Candidate>,
    /// What the last search did, but for what its zones tell.
    probed: Probed,
    /// The share of the first zone that routing left out, where shares decide.
    left: f32,
}

/// Who judges the rows that a scan keeps.
#[derive(Clone, Copy, Debug)]
pub struct Judges<'a> {
    /// How many rows there are.
    pub count: usize,
    /// The vectors; `None` where codes answer.
    pub rows: Option<Rows<'a>>,
    /// Codes of rows by sq8, where there are any: they stand between the scan and the vectors.
    pub codes: Option<Codes<'a>>,
}

impl<'a> From<Stored<'a>> for Judges<'a> {
    fn from(stored: Stored<'a>) -> Self {
        Self {
            count: stored.rows.len(),
            rows: Some(stored.rows),
            codes: stored.codes,
        }
    }
}

/// Leaves the `k` nearest rows it finds in the scratch's results. The query is prepared and padded as
/// the rows are. Scores are those of the last judge: of the vectors, else of the codes, else of the scan,
/// which may then tell fewer than `k` rows where numbers are so large that no code has a score.
pub fn search(
    view: &ZonesView<'_>,
    judges: Judges<'_>,
    query: &[f32],
    kernels: &'static Kernels,
    effort: Effort,
    scratch: &mut ProbeScratch,
) {
    let alone = Exec::Serial;
    search_watched(
        view,
        judges,
        query,
        (kernels, alone),
        (effort, None),
        scratch,
        &mut |_| (),
    );
}

/// As [`search`], the strips split over threads where these are many, or what somebody else looks among left to them,
/// and with somebody told of every part that is over.
pub fn search_watched(
    view: &ZonesView<'_>,
    judges: Judges<'_>,
    query: &[f32],
    (kernels, exec): (&'static Kernels, Exec<'_>),
    (effort, mut within): (Effort, Option<&mut dyn Within>),
    scratch: &mut ProbeScratch,
    over: &mut dyn FnMut(Phase),
) {
    let rows = judges.count;
    let k = effort.k;
    scratch.turn(view, query, kernels);
    over(Phase::Rotate);
    scratch.tabulate(view, kernels);
    over(Phase::Table);
    let (mut reach, keep) = (effort.reach(view), effort.kept(judges));
    loop {
        route(view, kernels, reach, scratch);
        over(Phase::Route);
        let shares = share::count(view, &scratch.zones, exec);
        if shares > 1 && within.is_none() {
            share::scan(view, kernels, (keep, shares), exec, scratch);
        } else {
            let within = within.as_mut().map(|within| &mut **within as _);
            scan(view, within, kernels, keep, scratch);
        }
        over(Phase::Scan);
        let probes = scratch.zones.len();
        if scratch.results.len() >= k.min(rows) || probes >= view.zones() {
            break;
        }
        reach = (probes.saturating_mul(4), None);
    }
    judge_kept(view, judges, query, kernels, effort, scratch, over);
}

/// Leaves the `k` nearest of what a scan has kept in the results, nearest first.
pub(super) fn judge_kept(
    view: &ZonesView<'_>,
    judges: Judges<'_>,
    query: &[f32],
    kernels: &'static Kernels,
    effort: Effort,
    scratch: &mut ProbeScratch,
    over: &mut dyn FnMut(Phase),
) {
    let (rows, k, judge) = (judges.count, effort.k, effort.judge);
    let vectors = judges.rows;
    let exact = vectors.map(|rows| F32Scorer::new(rows, query, view.metric.score_pair(kernels)));
    let results = &mut scratch.results;
    scratch.probed = Probed {
        kept: results.len() as u64,
        ..Probed::default()
    };
    if let (Some(exact), true) = (&exact, results.len() < k.min(rows)) {
        // Numbers so large that no code has a score.
        exact::search(exact, rows, k, results);
        scratch.probed.judged = rows as u64;
        return;
    }
    let keep = if exact.is_some() { judge.max(k) } else { k };
    if let Some(codes) = judges
        .codes
        .filter(|_| exact.is_none() || results.len() > keep)
    {
        let code = &mut scratch.code;
        code.set(view.metric, query, codes);
        scratch.probed.coded = results.len() as u64;
        rescore(results, &Sq8Scorer::new(codes, code, kernels));
        narrow(results, keep);
    }
    over(Phase::Codes);
    if let Some(exact) = &exact {
        scratch.probed.judged = results.len() as u64;
        rescore(results, exact);
    }
    narrow(results, k);
    results.sort_unstable();
    over(Phase::Vectors);
}

impl ProbeScratch {
    /// What the last search did; it was one of these zones.
    pub fn probed(&self, view: &ZonesView<'_>) -> Probed {
        let rows = |zone: &Candidate| view.rows(zone.slot()).len() as u64;
        Probed {
            zones: self.zones.len() as u64,
            scanned: self.zones.iter().map(rows).sum::<u64>() - self.passed,
            left: self.left,
            ..self.probed
        }
    }

    /// Makes the tables, where one set serves every zone.
    pub(super) fn tabulate(&mut self, view: &ZonesView<'_>, kernels: &Kernels) {
        if !view.apart {
            let turned = &self.turned[..view.centre.len()];
            self.tables.set(view.book(), turned, kernels);
        }
    }

    /// Takes the query less the centre, rotated; by inner product it stays where it is.
    pub(super) fn turn(&mut self, view: &ZonesView<'_>, query: &[f32], kernels: &Kernels) {
        let pairs = query.iter().zip(view.centre);
        self.turned.clear();
        if view.metric == Metric::Ip {
            self.turned.extend(pairs.map(|(x, _)| *x));
        } else {
            self.turned.extend(pairs.map(|(x, centre)| x - centre));
        }
        view.rotation.turn(&mut self.turned, kernels);
        // Beside what centroids know of their rows' spread: nothing, or the query's length.
        let length = if view.metric == Metric::Ip {
            self.turned.iter().map(|x| x * x).sum::<f32>().sqrt()
        } else {
            0.0
        };
        self.turned.push(length);
        self.turned.resize(view.centroids.stride(), 0.0);
    }
}

/// Leaves the zones to scan in the scratch, nearest first: so many of the nearest, or those from the nearest
/// to where a span ends, of which so many are expected.
pub(super) fn route(
    view: &ZonesView<'_>,
    kernels: &'static Kernels,
    (probes, span): (usize, Option<Span>),
    scratch: &mut ProbeScratch,
) {
    scratch.left = 0.0;
    let Some(span) = span else {
        return nearest(view, kernels, probes, scratch);
    };
    let mut probes = probes.saturating_mul(SPAN_TIMES);
    loop {
        probes = probes.min(view.zones());
        nearest(view, kernels, probes, scratch);
        let (reach, left) = span.reach(&scratch.zones, scratch.turned[view.centre.len()]);
        if reach < probes || probes == view.zones() {
            scratch.zones.truncate(reach);
            scratch.left = left;
            return;
        }
        probes = probes.saturating_mul(4);
    }
}

/// Leaves so many of the nearest zones in the scratch, nearest first: by their centroids and, in the number
/// beside these, by how far their rows spread.
fn nearest(
    view: &ZonesView<'_>,
    kernels: &'static Kernels,
    probes: usize,
    scratch: &mut ProbeScratch,
) {
    // Rows of one length are as near by distance as by angle.
    let metric = if view.metric == Metric::Ip {
        Metric::Ip
    } else {
        Metric::L2
    };
    let scorer = F32Scorer::new(view.centroids, &scratch.turned, metric.score_pair(kernels));
    let zones = &mut scratch.zones;
    let shortlist = probes + probes / 4 + ROUTES_MORE;
    if view.routes.is_empty() || shortlist >= view.zones() {
        exact::search(&scorer, view.zones(), probes, zones);
        return;
    }
    let (low, step) = scratch.tables.low_and_step();
    // Where spreads are in units of the query's length, so are products.
    let length = scratch.turned[view.centre.len()];
    let unit = if length > 0.0 { 1.0 / length } else { 1.0 };
    let mut terms = ScanTerms {
        base: 0.0,
        low: low * unit,
        step: step * unit,
        bound: f32::INFINITY,
    };
    let scan = view.routes.bits().scan(kernels);
    let mut top = Top::new(shortlist, zones).by(kernels);
    let mut scores = [0.0; STRIP_ENTRIES];
    for (first, strip) in (0..)
        .step_by(STRIP_ENTRIES)
        .zip(view.routes.range(0..view.routes.len()))
    {
        let mut below = scan(scratch.tables.bytes(), strip, terms, &mut scores);
        while below != 0 {
            let place = below.trailing_zeros();
            below &= below - 1;
            top.push(Candidate::new(scores[place as usize], first + place));
        }
        terms.bound = top.limit();
    }
    top.close();
    rescore(zones, &scorer);
    narrow(zones, probes);
    zones.sort_unstable();
}

/// Leaves the nearest rows by code of the routed zones in the results, in no order, and beside them what somebody
/// else finds within these, whose scores are of another make.
pub(super) fn scan(
    view: &ZonesView<'_>,
    mut within: Option<&mut dyn Within>,
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
    *passed = 0;
    let mut top = Top::new(keep, results).by(kernels);
    for (at, zone) in zones.iter().enumerate() {
        if let Some(next) = zones.get(at + 1) {
            let first = view.range(next.slot()).start;
            prefetch_row(view.strips.together(first..first + 1));
            prefetch_row(view.places(next.slot()));
        }
        let mut strips = view.range(zone.slot());
        if let Some(within) = &mut within {
            let (rows, whole) = within::look(view, zone.slot(), *within, found);
            *passed += rows as u64;
            strips.start += whole;
            if strips.is_empty() {
                continue;
            }
        }
        if view.apart {
            between(view, zone.slot(), turned, beside);
            tables.set(view.book(), beside, kernels);
        }
        let terms = terms(tables, base(view, *zone, turned), &top);
        scan_strips(view, strips, (tables.bytes(), terms), kernels, &mut top);
    }
    top.close();
    results.append(found);
    if view.times() > 1 || within.is_some() {
        once.keep(results);
    }
}

/// Shows rows of neighbouring strips of a zone to who keeps the nearest.
#[inline]
pub(super) fn scan_strips(
    view: &ZonesView<'_>,
    strips: Range<usize>,
    (tables, mut terms): (&[u8], ScanTerms),
    kernels: &'static Kernels,
    top: &mut Top<'_>,
) {
    let bits = view.strips.bits();
    let slots = &view.slots[strips.start * STRIP_ENTRIES..strips.end * STRIP_ENTRIES];
    let groups = slots.as_chunks().0;
    if let Some(tell) = bits.teller(kernels) {
        let mut room = told_room();
        let mut first = strips.start;
        for slots in groups.chunks(TELL_STRIPS) {
            let some = view.strips.together(first..first + slots.len());
            top.push_bits(tell(tables, some, slots, terms, &mut room));
            terms.bound = top.limit();
            first += slots.len();
        }
        return;
    }
    let scan = bits.scan(kernels);
    let mut scores = [0.0; STRIP_ENTRIES];
    for (strip, slots) in view.strips.range(strips).zip(groups) {
        let below = scan(tables, strip, terms, &mut scores);
        tell(below, &scores, slots, (&mut terms, top));
    }
}

/// As [`scan_strips`], for several queries at once, each with tables and terms of its own.
pub(super) fn scan_strips_together(
    view: &ZonesView<'_>,
    strips: Range<usize>,
    tables: [&[u8]; SCAN_QUERIES],
    (scan, terms): (StripScans, &mut [ScanTerms; SCAN_QUERIES]),
    tops: &mut [Top<'_>; SCAN_QUERIES],
) {
    let mut scores = [[0.0; STRIP_ENTRIES]; SCAN_QUERIES];
    let slots = &view.slots[strips.start * STRIP_ENTRIES..strips.end * STRIP_ENTRIES];
    let groups = slots.as_chunks().0;
    for (strip, slots) in view.strips.range(strips).zip(groups) {
        let below = scan(tables, strip, terms, &mut scores);
        for (query, top) in tops.iter_mut().enumerate() {
            tell(
                below[query],
                &scores[query],
                slots,
                (&mut terms[query], top),
            );
        }
    }
}

/// Shows the entries of a strip that are below the bound, and lowers that.
#[inline]
fn tell(
    mut below: u32,
    scores: &[f32; STRIP_ENTRIES],
    slots: &[Slot; STRIP_ENTRIES],
    (terms, top): (&mut ScanTerms, &mut Top<'_>),
) {
    while below != 0 {
        let place = below.trailing_zeros() as usize;
        below &= below - 1;
        // A place without a slot is told only where a file lies.
        if slots[place] != NO_SLOT {
            top.push(Candidate::new(scores[place], slots[place]));
        }
    }
    terms.bound = top.limit();
}

/// What scores of a zone's rows are made of, for who keeps the nearest.
pub(super) fn terms(tables: &Tables, base: f32, top: &Top<'_>) -> ScanTerms {
    let (low, step) = tables.low_and_step();
    ScanTerms {
        base,
        low,
        step,
        bound: top.limit(),
    }
}

/// The query's score to a routed zone's centroid, without what routing has added for how far its rows spread.
#[inline]
pub(super) fn base(view: &ZonesView<'_>, zone: Candidate, turned: &[f32]) -> f32 {
    let dim = view.centre.len();
    let (share, length) = (view.centroids.row(zone.slot())[dim], turned[dim]);
    match view.metric {
        Metric::Ip => zone.score() + share * length,
        Metric::L2 | Metric::Cosine => zone.score() - share * share,
    }
}

/// The rotated query less a zone's centroid.
pub(super) fn between(view: &ZonesView<'_>, zone: Zone, turned: &[f32], beside: &mut Vec<f32>) {
    let pairs = turned
        .iter()
        .zip(view.centroids.row(zone))
        .take(view.centre.len());
    beside.clear();
    beside.extend(pairs.map(|(x, centroid)| x - centroid));
}
