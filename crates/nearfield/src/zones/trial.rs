//! Whether searches of zones find what vectors say is near: asked of sampled rows before zones are chosen for
//! somebody who did not ask for them.

use super::probe::{self, Effort, Judges, ProbeScratch};
use super::view::ZonesView;
use crate::exec::Exec;
use crate::kernels::Kernels;
use crate::matrix::Rows;
use crate::search::trial::{K, Trial};

/// The share, 0 to 1, of sampled rows' nearest that a search with the default effort finds. Ties count: a
/// row as near as the last is as good. `judges` are those of a search, the vectors among them.
pub fn agreement(
    view: &ZonesView<'_>,
    judges: Judges<'_>,
    rows: Rows<'_>,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> f64 {
    // The row that asks is found too.
    let effort = Effort::of(view, (K + 1).min(rows.len()), 0);
    let mut scratch = ProbeScratch::default();
    let trial = Trial::new(rows, view.metric, kernels, exec);
    trial.agreement_of(rows, &mut |slot, found| {
        probe::search(view, judges, rows.row(slot), kernels, effort, &mut scratch);
        found.extend(scratch.results.iter().filter(|row| row.slot() != slot));
    })
}
