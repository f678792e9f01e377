//! One search by several threads: the strips of the probed zones are cut into shares of the same size.
//!
//! ```text
//! zones    | 7      | 3   | 9         | 1  |      nearest first
//! shares   | 0          | 1          | 2   |      each with a list of its own, joined in the end
//! ```
//! Invariant: the nearest of all are among the nearest of the shares, so an answer is the one a search by
//! one thread gives.

use super::probe::{ProbeScratch, base, between, scan_strips, terms};
use super::view::ZonesView;
use crate::codec::bits::Tables;
use crate::exec::Exec;
use crate::kernels::Kernels;
use crate::search::{Candidate, Top, narrow};
use std::ops::Range;

/// Bytes of strips that pay for a thread: handing fewer over and waiting takes as long as scanning them.
const SHARE_BYTES: usize = 2 << 20;

/// What one thread scans with and keeps.
#[derive(Debug, Default)]
pub(super) struct Share {
    kept: Vec<Candidate>,
    beside: Vec<f32>,
    tables: Tables,
}

/// How many threads gain from a part of these zones.
pub(super) fn count(view: &ZonesView<'_>, zones: &[Candidate], exec: Exec<'_>) -> usize {
    match exec {
        Exec::Serial => 1,
        _ => (strips(view, zones) * view.strips.stride() / SHARE_BYTES).clamp(1, exec.threads()),
    }
}

/// Strips of these zones.
fn strips(view: &ZonesView<'_>, zones: &[Candidate]) -> usize {
    let strips = zones.iter().map(|zone| view.range(zone.slot()).len());
    strips.sum()
}

/// Leaves the nearest rows by code of the routed zones in the results, in no order.
pub(super) fn scan(
    view: &ZonesView<'_>,
    kernels: &'static Kernels,
    (keep, shares): (usize, usize),
    exec: Exec<'_>,
    scratch: &mut ProbeScratch,
) {
    let ProbeScratch {
        turned,
        tables,
        zones,
        shares: all,
        results,
        once,
        ..
    } = scratch;
    if all.len() < shares {
        all.resize_with(shares, Share::default);
    }
    let strips = strips(view, zones);
    exec.parts(&mut all[..shares], 1, |at, share| {
        let own = strips * at / shares..strips * (at + 1) / shares;
        share[0].scan(view, kernels, keep, (own, zones), (turned, tables));
    });
    results.clear();
    for share in &all[..shares] {
        results.extend_from_slice(&share.kept);
    }
    narrow(results, keep);
    if view.times() > 1 {
        once.keep(results);
    }
}

impl Share {
    /// Scans strips of these, counted from the first of the first zone.
    fn scan(
        &mut self,
        view: &ZonesView<'_>,
        kernels: &'static Kernels,
        keep: usize,
        (own, zones): (Range<usize>, &[Candidate]),
        (turned, tables): (&[f32], &Tables),
    ) {
        let mut top = Top::new(keep, &mut self.kept).by(kernels);
        let mut passed = 0;
        for zone in zones {
            let all = view.range(zone.slot());
            let first = own.start.max(passed).min(passed + all.len());
            let end = own.end.max(passed).min(passed + all.len());
            let strips = all.start + first - passed..all.start + end - passed;
            passed += all.len();
            if strips.is_empty() {
                continue;
            }
            let tables = if view.apart {
                between(view, zone.slot(), turned, &mut self.beside);
                self.tables.set(view.book(), &self.beside, kernels);
                &self.tables
            } else {
                tables
            };
            let terms = terms(tables, base(view, *zone, turned), &top);
            scan_strips(view, strips, (tables.bytes(), terms), kernels, &mut top);
        }
        top.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::bits::Bits;
    use crate::kernels::kernels;
    use crate::matrix::Matrix;
    use crate::metric::Metric;
    use crate::rng::value;
    use crate::zones::probe::{Effort, Judges, search};
    use crate::zones::{ZonesBuilder, ZonesParams, ZonesPhase};

    const DIM: usize = 20;
    const ROWS: u32 = 2500;

    /// Rows around a few places, `apart` from each other.
    fn rows(apart: f32) -> Matrix {
        let number = |slot: u32, at: usize| {
            let place = u64::from(slot % 9);
            let whole =
                |seed, n: u64| f32::from(u8::try_from(value(seed, n, at as u64) % 251).unwrap());
            whole(2, slot.into()) + apart * whole(3, place)
        };
        let mut rows = Matrix::try_new(ROWS as usize, DIM).unwrap();
        for slot in 0..ROWS {
            for at in 0..DIM {
                rows.row_mut(slot)[at] = number(slot, at);
            }
        }
        rows
    }

    #[test]
    fn any_number_of_shares_keeps_what_one_thread_keeps() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let pool = pool.build().unwrap();
        let kernels = kernels(None);
        for (apart, metric) in [(1.0, Metric::L2), (1.0, Metric::Ip), (60.0, Metric::L2)] {
            let rows = rows(apart);
            let params = ZonesParams {
                zones: 30,
                bits: Bits::Two,
                seed: 1,
                soar: false,
                walked: false,
            };
            let exec = Exec::Serial;
            let mut builder =
                ZonesBuilder::new(rows.rows(), metric, kernels, params, exec).unwrap();
            while builder.step(rows.rows(), exec).unwrap().phase != ZonesPhase::Done {}
            let arrays = builder.finish();
            let view = arrays.view();
            assert_eq!(view.apart, apart > 1.0);
            let judges = Judges {
                count: rows.len(),
                rows: None,
                codes: None,
            };
            let mut scratch = ProbeScratch::default();
            for query in 0..40 {
                for probes in [1, 7, 30] {
                    // Codes alone: what a scan keeps is the answer.
                    let effort = Effort {
                        k: 60,
                        probes,
                        span: None,
                        keep: 60,
                        judge: 60,
                    };
                    let row = rows.rows().row(query);
                    search(&view, judges, row, kernels, effort, &mut scratch);
                    let expected = scratch.results.clone();
                    for shares in [1, 2, 3, 8, 200] {
                        scan(
                            &view,
                            kernels,
                            (60, shares),
                            Exec::Pool(&pool),
                            &mut scratch,
                        );
                        scratch.results.sort_unstable();
                        assert_eq!(scratch.results, expected, "{shares} of {probes} zones");
                    }
                }
            }
        }
    }
}
