//! Every step against plain loops: with all zones probed, each finds the nearest.

use crate::clock;
use crate::data::Data;
use crate::steps::{Effort, Step, Steps};
use std::collections::HashSet;

const DIM: usize = 20;
const ROWS: usize = 1300;
const K: usize = 10;

/// Rows around a few centres.
fn made(count: usize, mut state: u64) -> Vec<f32> {
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        f32::from(u16::try_from(state >> 48).expect("16 bits")) / 65536.0
    };
    let mut centre = [0.0; DIM];
    let mut rows = Vec::new();
    for row in 0..count {
        if row % 16 == 0 {
            centre = std::array::from_fn(|_| 2.0 * next());
        }
        rows.extend(centre.map(|x| x + next()));
    }
    rows
}

fn nearest(data: &Data, query: &[f32]) -> HashSet<u32> {
    let rows = data.rows.as_floats().chunks_exact(data.rows.stride());
    let distances = rows.map(|row| {
        let pairs = row.iter().zip(query);
        pairs.fold(0.0, |sum, (x, y)| {
            sum + (f64::from(*x) - f64::from(*y)).powi(2)
        })
    });
    let mut all: Vec<_> = distances.zip(0..).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.iter().take(K).map(|&(_, slot)| slot).collect()
}

#[test]
fn with_all_zones_probed_every_step_finds_the_nearest() {
    for metric in ["l2", "cosine"] {
        let (raw, queries) = (made(ROWS, 1), made(60, 2));
        let data = Data::new(raw, &queries, DIM, metric).unwrap();
        let mut steps = Steps::over(data, 2, "auto").unwrap();
        for step in Step::ALL {
            steps.build(step).unwrap();
            // More probes than there are zones, and an ef no walk needs.
            let effort = Effort { k: K, effort: 200 };
            let found = clock::each(&steps, step, effort, 0.0).unwrap();
            let mut hits = 0;
            for (query, slots) in (0..).zip(&found.slots) {
                assert_eq!(slots.len(), K, "{metric} {step:?}");
                let truth = nearest(&steps.data, steps.data.queries.row(query));
                hits += slots.iter().filter(|slot| truth.contains(slot)).count();
            }
            // Codes keep a few beside the nearest at most; sums of floats may turn near ties round.
            let wanted = 60 * K;
            assert!(
                hits * 100 >= wanted * 99,
                "{metric} {step:?}: {hits} of {wanted}"
            );
            assert!(clock::all(&steps, step, effort, 0.0).unwrap() > 0.0);
        }
    }
}

#[test]
fn fewer_probes_look_at_the_same_zones_whoever_finds_them() {
    let data = Data::new(made(8000, 3), &made(50, 4), DIM, "l2").unwrap();
    let mut steps = Steps::over(data, 2, "auto").unwrap();
    for step in [Step::Kernels, Step::Codes, Step::ParallelRouted] {
        steps.build(step).unwrap();
    }
    let effort = Effort { k: K, effort: 3 };
    let found = |step| clock::each(&steps, step, effort, 0.0).unwrap().slots;
    let baseline = found(Step::Baseline);
    for step in [Step::Floats, Step::PartedOff, Step::Kernels] {
        let same = found(step)
            .iter()
            .zip(&baseline)
            .filter(|(a, b)| a == b)
            .count();
        assert!(same >= 48, "{step:?}: {same} of 50");
    }
    assert_eq!(found(Step::Codes), found(Step::Parallel));
    assert_eq!(found(Step::Routed), found(Step::ParallelRouted));
}

#[test]
fn what_is_not_there_is_said() {
    let data = Data::new(made(100, 5), &made(5, 6), DIM, "l2").unwrap();
    let steps = Steps::over(data, 1, "auto").unwrap();
    let refused = steps.searcher(Step::Codes, Effort { k: K, effort: 1 });
    assert_eq!(refused.err().unwrap(), "expected codes built first");
    let refused = Data::new(Vec::new(), &[], DIM, "ip");
    assert_eq!(
        refused.err().unwrap(),
        "expected metric l2 or cosine, received ip"
    );
}
