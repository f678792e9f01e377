//! Whether searches of zones find what vectors say is near: asked of sampled rows before zones are chosen for
//! somebody who did not ask for them.

use super::probe::{self, Effort, Judges, ProbeScratch};
use super::view::ZonesView;
use crate::codec::F32Scorer;
use crate::exec::Exec;
use crate::ids::{Slot, spread};
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::search::exact;

/// Rows that ask.
const QUERIES_MAX: usize = 64;
/// Neighbours that are looked for: the row itself and ten more.
const K: usize = 11;

/// The share, 0 to 1, of sampled rows' nearest that a search with the default effort finds. Ties count: a
/// row as near as the last is as good. `judges` are those of a search, the vectors among them.
pub fn agreement(
    view: &ZonesView<'_>,
    judges: Judges<'_>,
    rows: Rows<'_>,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> f64 {
    let asking = spread(rows.len(), QUERIES_MAX);
    let mut shares = vec![1.0; asking.len()];
    let effort = Effort::of(view, K.min(rows.len()), 0);
    let pair = view.metric.score_pair(kernels);
    exec.fill(
        &mut shares,
        1,
        || (ProbeScratch::default(), Vec::new()),
        |(scratch, nearest), at, share| {
            let slot: Slot = asking[at];
            let scorer = F32Scorer::of_row(rows, slot, pair);
            exact::search(&scorer, rows.len(), effort.k, nearest);
            probe::search(view, judges, rows.row(slot), kernels, effort, scratch);
            let farthest = nearest.last().map_or(0.0, |last| last.score());
            let found = scratch.results.iter();
            let found = found.filter(|found| found.score() <= farthest).count();
            #[allow(clippy::cast_precision_loss)] // at most K
            let of_all = found.min(nearest.len()) as f64 / nearest.len().max(1) as f64;
            *share = of_all;
        },
    );
    #[allow(clippy::cast_precision_loss)] // at most QUERIES_MAX
    let count = shares.len().max(1) as f64;
    shares.iter().sum::<f64>() / count
}
