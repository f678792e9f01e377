//! The core's search of zones once more, of the core's own parts, with two things it does not do: the zones
//! of one query are shared out over threads, and zones may be found by a graph over their centroids.
//!
//! ```text
//! query ─ rotated ─ tables ─ route ─┬─ thread 0: zones 0, 2, 4 …  ─ its nearest ─┐
//!                                   └─ thread 1: zones 1, 3, 5 …  ─ its nearest ─┴─ the nearest of all ─ vectors ─ k
//! ```
//! Every thread begins with near zones, so that all soon know what is too far.

use crate::Result;
use crate::data::Data;
use crate::steps::{Effort, Searcher};
use nearfield::codec::F32Scorer;
use nearfield::codec::bits::Tables;
use nearfield::exec::Exec;
use nearfield::hnsw::{BuildPhase, FrozenArrays, HnswBuilder, HnswParams, walk};
use nearfield::ids::NO_SLOT;
use nearfield::kernels::{Kernels, STRIP_ENTRIES, ScanTerms};
use nearfield::metric::Metric;
use nearfield::search::{Buffers, Candidate, Top, exact, narrow, rescore};
use nearfield::zones::{self, ZoneArrays, ZonesView};

const M: usize = 16;
const EF_CONSTRUCTION: usize = 200;
/// Centroids beyond a quarter more than the probes that are looked at, by codes or by a walk, as in the core.
const ROUTES_MORE: usize = 16;

/// A graph over rotated centroids.
pub fn graph_over(
    arrays: &ZoneArrays,
    seed: u64,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> Result<FrozenArrays> {
    let params = HnswParams {
        m: M,
        ef_construction: EF_CONSTRUCTION,
        seed,
    };
    let rows = arrays.centroids.rows();
    let mut builder = HnswBuilder::new(rows, Metric::L2, kernels, params, exec);
    let step = |builder: &mut HnswBuilder| builder.step(rows.into(), exec);
    while step(&mut builder).map_err(|error| error.to_string())?.phase != BuildPhase::Done {}
    Ok(builder.finish())
}

/// What one thread scans.
#[derive(Default)]
struct Share {
    found: Vec<Candidate>,
    tables: Tables,
    beside: Vec<f32>,
}

pub struct Spread<'a> {
    view: ZonesView<'a>,
    data: &'a Data,
    kernels: &'static Kernels,
    effort: zones::Effort,
    graph: Option<&'a FrozenArrays>,
    exec: Exec<'a>,
    turned: Vec<f32>,
    tables: Tables,
    zones: Vec<Candidate>,
    walk: Buffers,
    shares: Vec<Share>,
    found: Vec<Candidate>,
}

impl<'a> Spread<'a> {
    pub fn new(
        arrays: &'a ZoneArrays,
        graph: Option<&'a FrozenArrays>,
        data: &'a Data,
        kernels: &'static Kernels,
        effort: Effort,
        exec: Exec<'a>,
    ) -> Self {
        let view = arrays.view();
        Self {
            effort: crate::codes::effort_of(&view, effort),
            view,
            data,
            kernels,
            graph,
            exec,
            turned: Vec::new(),
            tables: Tables::default(),
            zones: Vec::new(),
            walk: Buffers::new(kernels),
            shares: (0..exec.threads()).map(|_| Share::default()).collect(),
            found: Vec::new(),
        }
    }

    /// The query less the centre, rotated, and its tables where all zones share them.
    fn turn(&mut self, query: &[f32]) {
        let (view, turned) = (&self.view, &mut self.turned);
        turned.clear();
        turned.extend(query.iter().zip(view.centre).map(|(x, centre)| x - centre));
        view.rotation.turn(turned, self.kernels);
        if !view.apart {
            self.tables.set(view.book(), turned, self.kernels);
        }
        turned.resize(view.centroids.stride(), 0.0);
    }

    /// The nearest zones, nearest first.
    fn route(&mut self) {
        let (view, kernels, probes) = (&self.view, self.kernels, self.effort.probes);
        let pair = Metric::L2.score_pair(kernels);
        let scorer = F32Scorer::new(view.centroids, &self.turned, pair);
        let shortlist = probes + probes / 4 + ROUTES_MORE;
        let zones = &mut self.zones;
        if let Some(graph) = self.graph {
            let graph = graph.view(M);
            walk::search(&graph, &scorer, shortlist, probes, &mut self.walk);
            std::mem::swap(zones, &mut self.walk.results);
        } else if view.routes.is_empty() || shortlist >= view.zones() {
            exact::search(&scorer, view.zones(), probes, zones);
        } else {
            by_codes(view, kernels, &self.tables, Top::new(shortlist, zones));
            rescore(zones, &scorer);
            narrow(zones, probes);
            zones.sort_unstable();
        }
    }

    /// Leaves the nearest by code in `found`, in no order.
    fn scan(&mut self) {
        let keep = self.effort.keep.max(self.effort.k);
        let (view, kernels) = (&self.view, self.kernels);
        let (zones, tables, turned) = (&self.zones, &self.tables, &self.turned);
        let threads = self.shares.len();
        self.exec.fill(
            &mut self.shares,
            1,
            || (),
            |(), thread, share| {
                let Share {
                    found,
                    tables: own,
                    beside,
                } = share;
                let mut top = Top::new(keep, found);
                for zone in zones.iter().skip(thread).step_by(threads) {
                    let tables = if view.apart {
                        let row = view.centroids.row(zone.slot());
                        beside.clear();
                        let pairs = turned.iter().zip(row).take(view.centre.len());
                        beside.extend(pairs.map(|(x, centroid)| x - centroid));
                        own.set(view.book(), beside, kernels);
                        &*own
                    } else {
                        tables
                    };
                    scan_zone(view, kernels, *zone, tables, &mut top);
                }
                top.close();
            },
        );
        self.found.clear();
        for share in &self.shares {
            self.found.extend_from_slice(&share.found);
        }
        narrow(&mut self.found, keep);
    }
}

impl Searcher for Spread<'_> {
    fn find(&mut self, query: &[f32], slots: &mut Vec<u32>) {
        self.turn(query);
        self.route();
        self.scan();
        let rows = self.data.rows.rows();
        let pair = self.data.metric.score_pair(self.kernels);
        let scorer = F32Scorer::new(rows, query, pair);
        rescore(&mut self.found, &scorer);
        narrow(&mut self.found, self.effort.k);
        self.found.sort_unstable();
        slots.clear();
        slots.extend(self.found.iter().map(|found| found.slot()));
    }
}

/// Scores the centroids by their codes.
fn by_codes(view: &ZonesView<'_>, kernels: &'static Kernels, tables: &Tables, mut top: Top<'_>) {
    let mut terms = terms_of(tables, 0.0, f32::INFINITY);
    let mut scores = [0.0; STRIP_ENTRIES];
    let strips = view.routes.range(0..view.routes.len());
    for (first, strip) in (0..).step_by(STRIP_ENTRIES).zip(strips) {
        let mut below = (kernels.scan_u6u4)(tables.bytes(), strip, terms, &mut scores);
        while below != 0 {
            let place = below.trailing_zeros();
            below &= below - 1;
            top.push(Candidate::new(scores[place as usize], first + place));
        }
        terms.bound = top.limit();
    }
    top.close();
}

fn scan_zone(
    view: &ZonesView<'_>,
    kernels: &'static Kernels,
    zone: Candidate,
    tables: &Tables,
    top: &mut Top<'_>,
) {
    // Routing adds to a zone's distance, squared, how far its rows spread, which is no part of theirs.
    let share = view.centroids.row(zone.slot())[view.centre.len()];
    let mut terms = terms_of(tables, zone.score() - share * share, top.limit());
    let mut scores = [0.0; STRIP_ENTRIES];
    let groups = view.places(zone.slot()).chunks_exact(STRIP_ENTRIES);
    for (strip, slots) in view.strips.range(view.range(zone.slot())).zip(groups) {
        let mut below = (kernels.scan_u6u4)(tables.bytes(), strip, terms, &mut scores);
        while below != 0 {
            let place = below.trailing_zeros() as usize;
            below &= below - 1;
            if slots[place] != NO_SLOT {
                top.push(Candidate::new(scores[place], slots[place]));
            }
        }
        terms.bound = top.limit();
    }
}

fn terms_of(tables: &Tables, base: f32, bound: f32) -> ScanTerms {
    let (low, step) = tables.low_and_step();
    ScanTerms {
        base,
        low,
        step,
        bound,
    }
}
