//! How far a search goes that is to keep a recall: it scans zones while they are worth it beside those
//! that are nearer.
//!
//! ```text
//! zones    nearest  ·   ·   ·   ·  …             scores s₀ ≤ s₁ ≤ s₂ …, as routing orders them
//! worth    1   (s₀ / s₁)¹⁶   (s₀ / s₂)¹⁶  …      so many rows of a zone are expected to be an answer
//! share    worth of a zone ÷ worth of it and all nearer ones; the last is scanned whose share is `least`
//! ```
//! A query in the midst of its zone has one near zone and shares fall at once; one between many zones needs
//! them all. The least share for a recall is measured when zones are built: of sampled rows, the share of
//! the zone that each of their nearest others is in.
//!
//! Invariants: what is measured has the same bytes for any number of threads and on every instruction set:
//! sums of products are the scalar ones, estimates of strips are the same on all.

use super::probe::{self, ProbeScratch, probes_for};
use super::view::{Zone, ZonesView};
use crate::codec::F32Scorer;
use crate::exec::Exec;
use crate::ids::{NO_SLOT, Slot, spread};
use crate::kernels::{Isa, Kernels, kernels};
use crate::matrix::Rows;
use crate::metric::Metric;
use crate::search::{Candidate, rescore};

/// Recalls that are measured, ascending; between them, least shares lie on a line.
const RECALLS: [f32; 8] = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999];
/// Answers that they are measured for: between them, what a share is of lies on a line over the logarithm.
const DEPTHS: [usize; 3] = [1, 10, 100];
/// Numbers of a measurement: what scores are lifted by, then for each depth and recall a least share and
/// how many zones that scans on average.
pub const NUMBERS: usize = 1 + DEPTHS.len() * RECALLS.len() * 2;

/// Fewer zones are not measured: a search scans most of them.
const ZONES_MIN: usize = 16;
/// Rows that ask: with more the recall kept is nearer to the one that is promised, by the root.
const ASKS_MAX: usize = 128;
/// Fewer where there are so many zones that to walk over them would take long.
const WALKED_MAX: usize = 1 << 22;
const ASKS_MIN: usize = 16;
/// Rows asked for in a step.
const STEP_ASKS: usize = 32;
/// Rows a scan keeps for each that asks.
const KEPT: usize = 400;

/// Of what may be missed, this share, and this much at most, is left to codes and to queries that are
/// somewhat farther from the rows than rows are.
const MARGIN_SHARE: f32 = 0.25;
const MARGIN_MAX: f32 = 0.015;

/// What zones that nothing was measured of take for [`RECALLS`], in units of what they take where nobody
/// says: the middle of some sets of embeddings.
const USUAL: [f32; 8] = [0.06, 0.2, 0.35, 0.65, 1.0, 2.0, 3.0, 6.0];

/// When a search ends that is to keep a recall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The least share of a zone that is scanned.
    pub least: f32,
    /// What scores are lifted by, in units of the query's length, to be above zero.
    lift: f32,
}

/// How many zones a search with a promise scans: about so many, and where it ends, if that hangs on the query.
pub(super) fn promise(view: &ZonesView<'_>, k: usize, recall: f32) -> (usize, Option<Span>) {
    let zones = view.zones().max(1);
    let recall = recall.clamp(RECALLS[0], RECALLS[RECALLS.len() - 1]);
    // A recall that is no number is the first.
    let after = RECALLS.partition_point(|&level| level < recall).max(1);
    let (from, to) = (RECALLS[after - 1], RECALLS[after]);
    let along = (recall - from) / (to - from);
    let between = |values: [f32; 2]| values[0] + along * (values[1] - values[0]);
    let counted = |count: f32| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // cut to the zones there are
        let count = count.ceil().max(1.0) as usize;
        count.min(zones)
    };
    let Some((&lift, measured)) = view.spans.split_first() else {
        #[allow(clippy::cast_precision_loss)] // a guess
        let usual = probes_for(zones) as f32;
        return (
            counted(usual * between([USUAL[after - 1], USUAL[after]])),
            None,
        );
    };
    let mut depths = [[0.0; 2]; DEPTHS.len()];
    for (depth, measured) in depths
        .iter_mut()
        .zip(measured.chunks_exact(2 * RECALLS.len()))
    {
        let [low, high] = [after - 1, after].map(|at| [measured[2 * at], measured[2 * at + 1]]);
        *depth = [1.0 / between([low[0], high[0]]), between([low[1], high[1]])];
    }
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // a logarithm
    let place = ((k.max(1) as f64).ln() / std::f64::consts::LN_10) as f32;
    let at = usize::from(place > 1.0);
    let line = |n: usize| {
        depths[at][n] + (place - f32::from(at > 0)) * (depths[at + 1][n] - depths[at][n])
    };
    let span = Span {
        least: 1.0 / line(0).max(1.0),
        lift,
    };
    (counted(line(1)), Some(span))
}

/// The place of the first number that no measurement gives, if there is one.
pub(super) fn validate(spans: &[f32]) -> Option<usize> {
    let fits = |(at, number): (usize, &f32)| match at {
        0 => *number >= 0.0 && number.is_finite(),
        // Least shares, and counts of zones.
        at if at % 2 == 1 => *number > 0.0 && *number <= 1.0,
        _ => *number >= 0.0 && number.is_finite(),
    };
    let wrong = spans.iter().enumerate().position(|number| !fits(number));
    wrong.or_else(|| (!spans.is_empty() && spans.len() != NUMBERS).then_some(spans.len()))
}

impl Span {
    /// How many of these zones a search scans, which are the nearest of all and in order, and the share of the
    /// first that it does not. `length` is the query's, by inner product.
    pub(super) fn reach(self, zones: &[Candidate], length: f32) -> (usize, f32) {
        let mut shares = Shares::default();
        for (at, zone) in zones.iter().enumerate() {
            let share = shares.next(zone.score() + self.lift * length);
            // What is no number ends it too.
            let worth_it = share >= self.least;
            if at > 0 && !worth_it {
                return (at, share);
            }
        }
        (zones.len(), 0.0)
    }
}

/// Zones' shares, the nearest first.
#[derive(Clone, Copy, Debug, Default)]
struct Shares {
    nearest: f32,
    sum: f32,
}

impl Shares {
    fn next(&mut self, score: f32) -> f32 {
        let score = score.max(f32::MIN_POSITIVE);
        if self.sum == 0.0 {
            self.nearest = score;
        }
        let mut worth = self.nearest / score;
        for _ in 0..4 {
            worth *= worth;
        }
        self.sum += worth;
        worth / self.sum
    }
}

/// What a row that asks has found.
#[derive(Clone, Debug, Default)]
struct Ask {
    slot: Slot,
    /// The least share up to each zone, in the order of routing.
    shares: Vec<f32>,
    /// The places in that order of the zones of its nearest, nearest first.
    near: Vec<u32>,
}

/// A measurement under way.
#[derive(Debug)]
pub(super) struct Measuring {
    lift: f32,
    asks: Vec<Ask>,
    done: usize,
    /// The zones of every row, twice the same where there is no second one.
    owners: Vec<[Zone; 2]>,
}

impl Measuring {
    /// Of zones of so many rows; `None` where there are too few zones to be measured.
    pub(super) fn new(view: &ZonesView<'_>, rows: usize) -> Option<Self> {
        let zones = view.zones();
        if zones < ZONES_MIN {
            return None;
        }
        let mut owners = vec![[Zone::MAX; 2]; rows];
        for zone in (0..).take(zones) {
            let slots = view.places(zone).iter().filter(|&&slot| slot != NO_SLOT);
            slots.for_each(|&slot| {
                let [first, second] = &mut owners[slot as usize];
                (*first, *second) = (zone.min(*first), zone);
            });
        }
        let asks = (WALKED_MAX / zones).clamp(ASKS_MIN, ASKS_MAX);
        let asks = spread(rows, asks).into_iter().map(|slot| Ask {
            slot,
            ..Ask::default()
        });
        Some(Self {
            lift: lift(view),
            asks: asks.collect(),
            done: 0,
            owners,
        })
    }

    /// Asks for some more rows; whether all are asked for.
    pub(super) fn step(
        &mut self,
        view: &ZonesView<'_>,
        rows: Rows<'_>,
        (kernels, exec): (&'static Kernels, Exec<'_>),
    ) -> bool {
        let end = self.asks.len().min(self.done + STEP_ASKS);
        let (owners, lift) = (&self.owners, self.lift);
        exec.fill(
            &mut self.asks[self.done..end],
            4,
            ProbeScratch::default,
            |scratch, _, ask| ask.answer(view, rows, (owners, lift), kernels, scratch),
        );
        self.done = end;
        end == self.asks.len()
    }

    /// The numbers.
    pub(super) fn finish(&self) -> Vec<f32> {
        let mut numbers = vec![self.lift];
        for depth in DEPTHS {
            let near = |ask: &Ask| {
                let near = ask.near.iter().take(depth);
                near.map(|&at| ask.shares[at as usize]).collect::<Vec<_>>()
            };
            let mut shares: Vec<_> = self.asks.iter().flat_map(near).collect();
            shares.sort_unstable_by(|a, b| b.total_cmp(a));
            for recall in RECALLS {
                let least = least_of(&shares, recall);
                numbers.extend([least, self.zones(least)]);
            }
        }
        numbers
    }

    /// How many zones have this share at least, on average.
    #[allow(clippy::cast_precision_loss)] // an average
    fn zones(&self, least: f32) -> f32 {
        let zones = |ask: &Ask| ask.shares.partition_point(|&share| share >= least) as u64;
        let all: u64 = self.asks.iter().map(zones).sum();
        all as f32 / self.asks.len() as f32
    }
}

/// The share that so many of these have at least, which descend, and some more of them.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)] // a place among them
fn least_of(shares: &[f32], recall: f32) -> f32 {
    let missed = 1.0 - recall;
    let missed = missed - (missed * MARGIN_SHARE).min(MARGIN_MAX);
    let beyond = (missed * shares.len() as f32) as usize;
    let least = shares.len().checked_sub(beyond + 1).map(|at| shares[at]);
    // Where no row has another, one zone is enough.
    least.unwrap_or(1.0).max(f32::MIN_POSITIVE)
}

/// What scores of zones are lifted by to be above zero, in units of the query's length. Distances are.
fn lift(view: &ZonesView<'_>) -> f32 {
    if view.metric != Metric::Ip {
        return 0.0;
    }
    let dim = view.centre.len();
    let most = (0..).take(view.zones()).map(|zone| {
        let (centroid, spread) = view.centroids.row(zone).split_at(dim);
        centroid.iter().map(|x| x * x).sum::<f32>().sqrt() + spread[0]
    });
    let most = most.fold(0.0, f32::max);
    if most.is_finite() { most } else { 0.0 }
}

impl Ask {
    /// Finds the nearest others by a scan of all zones that the vectors judge.
    fn answer(
        &mut self,
        view: &ZonesView<'_>,
        rows: Rows<'_>,
        (owners, lift): (&[[Zone; 2]], f32),
        fast: &'static Kernels,
        scratch: &mut ProbeScratch,
    ) {
        let scalar = kernels(Some(Isa::Scalar));
        let query = rows.row(self.slot);
        scratch.turn(view, query, fast);
        scratch.tabulate(view, fast);
        // All of them: none by code.
        probe::route(view, scalar, (view.zones(), None), scratch);
        probe::scan(view, None, fast, KEPT, scratch);
        let length = scratch.turned[view.centre.len()];
        let mut places = vec![0; view.zones()];
        let (mut shares, mut least) = (Shares::default(), f32::INFINITY);
        self.shares.clear();
        for (at, zone) in (0..).zip(&scratch.zones) {
            places[zone.slot() as usize] = at;
            least = least.min(shares.next(zone.score() + lift * length));
            self.shares.push(least);
        }
        let found = &mut scratch.results;
        rescore(
            found,
            &F32Scorer::new(rows, query, view.metric.score_pair(scalar)),
        );
        found.sort_unstable();
        let others = found.iter().filter(|row| row.slot() != self.slot);
        let others = others.take(DEPTHS[DEPTHS.len() - 1]);
        self.near.clear();
        self.near.extend(others.map(|row| {
            let zones = owners[row.slot() as usize].map(|zone| places[zone as usize]);
            zones[0].min(zones[1])
        }));
    }
}
