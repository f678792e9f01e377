//! One level, in steps.
//!
//! ```text
//! Assign   16,384 rows a step to their buckets
//! Leaves   some buckets a step: split into leaves, then all pairs of each
//! Trim     8,192 rows a step
//! Share    as many at most, on level 0, from all over the level
//! ```
//! Rows are places in the ascending list of the level's slots.

use super::leaf::{self, LeafScratch};
use super::partition::{self, LEAF_AIM, LEAF_MAX, Leaders, SplitScratch};
use super::reservoir::Reservoirs;
use super::share::InDegrees;
use super::trim::{self, TrimScratch};
use super::{Plan, Site};
use crate::codec::pairs::ColumnBlock;
use crate::hnsw::draft::Draft;
use crate::hnsw::prune::Contender;
use crate::hnsw::view::Links;
use crate::ids::Slot;
use crate::kernels::TILE_COLUMNS;
use crate::search::Candidate;
use std::ops::Range;

/// Rows a step assigns to buckets, and rows one thread does at a time.
const ASSIGN_ROWS: usize = 16_384;
const ASSIGN_GRAIN: usize = 8 * TILE_COLUMNS;
/// Members of the buckets that a step splits and compares.
const STEP_MEMBERS: usize = 65_536;
/// Neighbouring leaves that share scratch.
const LEAVES_GRAIN: usize = 2;
/// Rows a step trims, and rows one thread does at a time.
const TRIM_ROWS: usize = 8192;
const TRIM_GRAIN: usize = 64;
/// Turns at least in which rows give free places away.
const SHARE_TURNS_MIN: usize = 16;

/// Nearest that a row keeps of those it meets, for every link of an upper level: 40 in place of 64 for
/// M 16 need a tenth more distances at recall 0.95.
const MET: usize = 4;

/// What each stage has of a level's work, in a thousand.
const PARTS: [usize; 4] = [100, 600, 200, 99];

/// One level under construction.
#[derive(Debug)]
pub struct Level {
    number: u32,
    slots: Vec<Slot>,
    plan: Plan,
    /// Neighbours that members of a leaf meet.
    near: usize,
    leaders: Leaders,
    /// The leaders of each row, nearest first, `plan.fan[0]` places a row.
    joined: Vec<u32>,
    /// The rows, those with one nearest leader together.
    order: Vec<u32>,
    /// There is memory for these once rows have joined their leaders.
    reservoirs: Reservoirs,
    crowded: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// So many rows have leaders.
    Assign(usize),
    /// Buckets still to be split, of so many.
    Leaves(Vec<Vec<u32>>, usize),
    /// So many rows are trimmed.
    Trim(usize),
    /// Rows of so many turns have given free places away.
    Share(usize, InDegrees),
    Done,
}

impl Level {
    /// A level of these slots, at least two and ascending.
    pub fn new(number: u32, slots: Vec<Slot>, mut plan: Plan, site: &Site<'_>) -> Self {
        let rows = u32::try_from(slots.len()).expect("rows are counted by slots");
        let all: Vec<u32> = (0..rows).collect();
        let mut leaders = Leaders::default();
        let (stage, near) = if slots.len() <= LEAF_MAX {
            // One leaf: nobody meets its neighbours anywhere else.
            (Stage::Leaves(vec![all.clone()], 1), 3 * plan.m)
        } else {
            let [buckets, leaves] = plan.fan;
            let mut count = partition::bucket_count(slots.len(), plan.fan);
            if slots.len() * buckets / count <= LEAF_MAX {
                // Few rows: buckets would be leaves, so all leaves are made at once.
                plan.fan = [buckets * leaves, 1];
                count = (plan.fan[0] * slots.len()).div_ceil(LEAF_AIM);
            }
            plan.fan[0] = plan.fan[0].min(count);
            let leads = partition::leaders(plan.seed, 0, &all, count);
            leaders.set(&leads, &slots, site.space());
            let near = match site.lifted {
                // Three of a leaf for M 16: short links fill the rows where it is more.
                None => 3,
                // The largest products are few rows' in every leaf.
                Some(_) => 5,
            };
            (Stage::Assign(0), (near * plan.m).div_ceil(16).max(2))
        };
        let joined = match stage {
            Stage::Assign(_) => vec![0; slots.len() * plan.fan[0]],
            _ => Vec::new(),
        };
        Self {
            number,
            near,
            leaders,
            joined,
            order: all,
            reservoirs: Reservoirs::new(0, MET * plan.m),
            crowded: false,
            slots,
            plan,
            stage,
        }
    }

    /// One bounded piece of work: how much of a thousand is done, `None` once all is.
    pub fn step(&mut self, draft: &mut Draft, site: &Site<'_>) -> Option<usize> {
        let rows = self.slots.len();
        let [assign, leaves, trim, share] = PARTS;
        let (next, done) = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Assign(from) => {
                let end = (from + ASSIGN_ROWS).min(rows);
                self.assign(from..end, site);
                let next = if end < rows {
                    Stage::Assign(end)
                } else {
                    let buckets = self.buckets();
                    let count = buckets.len();
                    Stage::Leaves(buckets, count)
                };
                (next, assign * end / rows)
            }
            Stage::Leaves(mut buckets, count) => {
                if buckets.len() == count {
                    self.reservoirs = Reservoirs::new(rows, MET * self.plan.m);
                }
                let mut members = 0;
                let mut some = Vec::new();
                while members < STEP_MEMBERS
                    && let Some(bucket) = buckets.pop()
                {
                    members += bucket.len();
                    some.push(bucket);
                }
                self.meet(some, site);
                let done = assign + leaves * (count - buckets.len()) / count.max(1);
                if buckets.is_empty() {
                    (Stage::Trim(0), done)
                } else {
                    (Stage::Leaves(buckets, count), done)
                }
            }
            Stage::Trim(from) => {
                let end = (from + TRIM_ROWS).min(rows);
                self.trim(from..end, draft, site);
                let next = if end < rows {
                    Stage::Trim(end)
                } else if self.number == 0 && !self.crowded {
                    Stage::Share(0, self.in_degrees(draft))
                } else {
                    Stage::Done
                };
                (next, assign + leaves + trim * end / rows)
            }
            Stage::Share(turn, mut in_degrees) => {
                let turns = rows.div_ceil(TRIM_ROWS).max(SHARE_TURNS_MIN);
                self.share((turn, turns), &mut in_degrees, draft, site);
                let next = if turn + 1 < turns {
                    Stage::Share(turn + 1, in_degrees)
                } else {
                    Stage::Done
                };
                (next, assign + leaves + trim + share * (turn + 1) / turns)
            }
            Stage::Done => return None,
        };
        self.stage = next;
        Some(done)
    }

    /// Whether codes cannot tell some row from many others.
    pub const fn crowded(&self) -> bool {
        self.crowded
    }

    /// The slots, those of one region together.
    pub fn order(&self) -> impl Iterator<Item = Slot> {
        self.order.iter().map(|&row| self.slots[row as usize])
    }

    /// A candidate that names a row, with the row's slot.
    fn candidate(&self, met: Candidate) -> Candidate {
        Candidate::new(met.score(), self.slots[met.slot() as usize])
    }

    fn assign(&mut self, rows: Range<usize>, site: &Site<'_>) {
        let fan = self.plan.fan[0];
        let (slots, leaders) = (&self.slots[rows.clone()], &self.leaders);
        let joined = &mut self.joined[rows.start * fan..rows.end * fan];
        let mut out: Vec<_> = joined.chunks_mut(fan * ASSIGN_GRAIN).collect();
        site.exec.fill(
            &mut out,
            1,
            || (ColumnBlock::default(), vec![[0; TILE_COLUMNS]; fan]),
            |(block, nearest), at, out| {
                let some = &slots[at * ASSIGN_GRAIN..][..out.len() / fan];
                block.gather((site.space(), site.kernels), some.iter().copied());
                for (panel, out) in out.chunks_mut(fan * TILE_COLUMNS).enumerate() {
                    leaders.nearest((block, panel), site.kernels, nearest);
                    for (column, out) in out.chunks_exact_mut(fan).enumerate() {
                        for (out, nearest) in out.iter_mut().zip(&*nearest) {
                            *out = nearest[column];
                        }
                    }
                }
            },
        );
    }

    /// The rows of every leader, ascending; the order by nearest leader on the way.
    fn buckets(&mut self) -> Vec<Vec<u32>> {
        let joined = std::mem::take(&mut self.joined);
        let fan = self.plan.fan[0];
        let mut counts = vec![0; self.leaders.len()];
        for &leader in &joined {
            counts[leader as usize] += 1;
        }
        let mut buckets: Vec<_> = counts.into_iter().map(Vec::with_capacity).collect();
        for (row, leaders) in (0..).zip(joined.chunks_exact(fan)) {
            for &leader in leaders {
                buckets[leader as usize].push(row);
            }
        }
        // Within those of one nearest leader, those with the same second and third together.
        self.order.sort_unstable_by_key(|&row| {
            let leaders = &joined[row as usize * fan..][..fan];
            (leaders[0], leaders.get(1), leaders.get(2), row)
        });
        buckets
    }

    fn meet(&self, buckets: Vec<Vec<u32>>, site: &Site<'_>) {
        let (slots, plan, near) = (&self.slots, self.plan, self.near);
        let (space, compared) = ((site.space(), site.kernels), (site.basis, site.kernels));
        let mut splits: Vec<_> = buckets
            .into_iter()
            .map(|bucket| (bucket, Vec::new()))
            .collect();
        site.exec.fill(
            &mut splits,
            1,
            SplitScratch::default,
            |scratch, _, (bucket, leaves)| {
                let bucket = (std::mem::take(bucket), 1, plan.fan[1]);
                partition::split(plan.seed, bucket, slots, space, scratch, leaves);
            },
        );
        let mut leaves: Vec<_> = splits.into_iter().flat_map(|(_, leaves)| leaves).collect();
        site.exec.fill(
            &mut leaves,
            LEAVES_GRAIN,
            LeafScratch::default,
            |scratch, _, leaf| {
                let near = near.min(leaf.len() - 1);
                leaf::meet(leaf, slots, compared, near, &self.reservoirs, scratch);
            },
        );
    }

    fn trim(&mut self, rows: Range<usize>, draft: &mut Draft, site: &Site<'_>) {
        let rows = &self.order[rows];
        let width = draft.width(self.number);
        let this = &*self;
        let mut crowds = false;
        let mut kept = vec![(Vec::new(), false); rows.len()];
        site.exec.fill(
            &mut kept,
            TRIM_GRAIN,
            TrimScratch::default,
            |scratch, at, (kept, crowded)| {
                let row = rows[at] as usize;
                this.reservoirs.take(row, &mut scratch.met);
                for met in &mut scratch.met {
                    *met = this.candidate(*met);
                }
                trim::trim(site, this.slots[row], width, scratch, kept);
                *crowded = this.number == 0 && trim::crowded(site, this.slots[row], scratch);
            },
        );
        for (&row, (kept, crowded)) in rows.iter().zip(&kept) {
            crowds |= crowded;
            self.link(row, kept, draft);
        }
        self.crowded |= crowds;
    }

    /// Links to each slot, by those there are.
    fn in_degrees(&self, draft: &Draft) -> InDegrees {
        let mut in_degrees = InDegrees::new(draft.rows());
        for &slot in &self.slots {
            for &to in draft.links(slot, self.number) {
                in_degrees.count(to);
            }
        }
        in_degrees
    }

    /// Every `turns`-th row of the order gives its free places away.
    fn share(
        &self,
        (turn, turns): (usize, usize),
        in_degrees: &mut InDegrees,
        draft: &mut Draft,
        site: &Site<'_>,
    ) {
        let rows: Vec<_> = self.order.iter().skip(turn).step_by(turns).collect();
        let width = draft.width(self.number);
        let mut chosen = vec![(Vec::new(), Vec::new()); rows.len()];
        let (links, counts) = (&*draft, &*in_degrees);
        site.exec.fill(
            &mut chosen,
            TRIM_GRAIN,
            || (),
            |(), at, (chosen, all)| {
                let row = *rows[at] as usize;
                let links = links.links(self.slots[row], self.number);
                let room = width - links.len();
                if room > 0 {
                    self.reservoirs.take(row, chosen);
                    for met in &mut *chosen {
                        *met = self.candidate(*met);
                    }
                    all.clone_from(chosen);
                    counts.choose(chosen, links, room, width);
                    // Links stay in order, nearest first.
                    let kept = |met: &Candidate| links.contains(&met.slot());
                    all.retain(|met| kept(met) || chosen.contains(met));
                }
            },
        );
        for (&&row, (chosen, all)) in rows.iter().zip(&chosen) {
            for &candidate in chosen {
                in_degrees.count(candidate.slot());
            }
            if !chosen.is_empty() {
                self.link(row, all, draft);
            }
        }
    }

    /// Gives a row these links, nearest first.
    fn link(&self, row: u32, links: &[Candidate], draft: &mut Draft) {
        let settled = false;
        let contenders: Vec<_> = links
            .iter()
            .map(|&candidate| Contender { candidate, settled })
            .collect();
        draft.set(self.slots[row as usize], self.number, &contenders);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::pairs::Basis;
    use crate::codec::{Stored, Vectors};
    use crate::exec::Exec;
    use crate::hnsw::bulk;
    use crate::kernels::kernels;
    use crate::matrix::Matrix;
    use crate::metric::Metric;
    use crate::rng;

    const ROWS: usize = 20_000;
    const DIM: usize = 16;

    type Value<'a> = &'a dyn Fn(usize, usize) -> f32;

    /// Pairs that are compared for level 0 before rows are trimmed.
    fn work(metric: Metric, value: Value<'_>) -> usize {
        let mut rows = Matrix::try_new(ROWS, DIM).unwrap();
        for row in 0..ROWS {
            let numbers = rows.row_mut(Slot::try_from(row).unwrap()).iter_mut();
            numbers.enumerate().for_each(|(at, x)| *x = value(row, at));
        }
        let stored = Stored::from(rows.rows());
        let lifts = bulk::lift(rows.rows(), Exec::Serial);
        let vectors = |metric: Metric, lift| {
            Basis::Vectors(Vectors {
                rows: stored.rows,
                pair: metric.score_pair(kernels(None)),
                lift,
            })
        };
        let site = Site {
            stored,
            basis: vectors(metric, &[]),
            lifted: (metric == Metric::Ip).then(|| vectors(Metric::L2, &lifts)),
            metric,
            kernels: kernels(None),
            exec: Exec::Serial,
        };
        let plan = Plan {
            seed: 1,
            m: 16,
            fan: [8, 2],
        };
        let mut draft = Draft::new(vec![0; ROWS + 1], 16);
        let slots = (0..).take(ROWS).collect();
        let mut level = Level::new(0, slots, plan, &site);
        while matches!(level.stage, Stage::Assign(_)) {
            level.step(&mut draft, &site);
        }
        let Stage::Leaves(buckets, count) = std::mem::replace(&mut level.stage, Stage::Done) else {
            panic!("buckets come after leaders");
        };
        let (mut scratch, mut leaves) = (SplitScratch::default(), Vec::new());
        for bucket in buckets {
            let compared = (site.space(), site.kernels);
            let bucket = (bucket, 1, level.plan.fan[1]);
            partition::split(1, bucket, &level.slots, compared, &mut scratch, &mut leaves);
        }
        let pairs: usize = leaves.iter().map(|leaf| leaf.len() * leaf.len() / 2).sum();
        ROWS * count + scratch.compared + pairs
    }

    #[test]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // small numbers
    fn no_data_takes_three_times_the_work() {
        let random = |row: usize, at: usize| {
            let bits = rng::value(1, row as u64, at as u64) >> 40;
            bits as f32 / (1 << 23) as f32 - 1.0
        };
        // From 1 to 20,000 times as long, few of them long.
        let tail = |row: usize, at: usize| random(row, at) * ROWS as f32 / (row + 1) as f32;
        let clean = work(Metric::L2, &random);
        let sets: [(&str, Metric, Value<'_>); 6] = [
            ("all equal", Metric::L2, &|_, at| at as f32),
            ("one dimension", Metric::L2, &|row, at| {
                if at == 3 { row as f32 } else { 0.0 }
            }),
            ("heavy tails", Metric::L2, &tail),
            ("heavy tails", Metric::Ip, &tail),
            ("one dimension", Metric::Ip, &|row, at| {
                if at == 3 { row as f32 } else { 0.0 }
            }),
            ("a row far longer than all", Metric::Ip, &|row, at| {
                random(row, at) * if row == 77 { 1e6 } else { 1.0 }
            }),
        ];
        for (name, metric, value) in sets {
            let took = work(metric, value);
            assert!(took <= 3 * clean, "{name}, {metric:?}: {took} of {clean}");
        }
    }
}
