//! Graphs nobody built: damaged and random arrays are refused, or safe to walk.

use nearfield::codec::F32Scorer;
use nearfield::exec::Exec;
use nearfield::hnsw::{BuildPhase, FrozenArrays, GraphView, HnswBuilder, HnswParams, check, walk};
use nearfield::ids::NO_SLOT;
use nearfield::kernels::kernels;
use nearfield::matrix::Matrix;
use nearfield::metric::Metric;
use nearfield::search::Buffers;
use testkit::{data, random::Random};

fn matrix(data: &[f32], dim: usize) -> Matrix {
    let mut matrix = Matrix::try_new(data.len() / dim, dim).unwrap();
    for (slot, row) in (0..).zip(data.chunks_exact(dim)) {
        matrix.row_mut(slot).copy_from_slice(row);
    }
    matrix
}

/// How many a walk finds.
fn walk_from(matrix: &Matrix, view: &GraphView<'_>, query: &[f32], ef: usize, k: usize) -> usize {
    let query = self::matrix(query, query.len());
    let pair = Metric::L2.score_pair(kernels(None));
    let scorer = F32Scorer::new(matrix.rows(), query.row(0), pair);
    let mut buffers = Buffers::new(kernels(None));
    walk::search(view, &scorer, ef, k, &mut buffers);
    buffers.results.len()
}

/// Damages a graph in one to three places.
fn mutate(arrays: &mut FrozenArrays, rows: usize, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let wild = match random.below(5) {
            0 => NO_SLOT,
            1 => u32::try_from(random.bits() >> 32).unwrap(),
            2 => u32::try_from(rows).unwrap(),
            _ => u32::try_from(random.below(rows)).unwrap(),
        };
        let array = match random.below(7) {
            0 | 1 => &mut arrays.links0,
            2 => &mut arrays.levels,
            3 => &mut arrays.links,
            4 => arrays.twins.as_mut().unwrap(),
            5 => {
                arrays.entry = wild;
                continue;
            }
            _ => {
                arrays.level = wild;
                continue;
            }
        };
        let at = random.below(array.len().max(1));
        match random.below(16) {
            0 => array.truncate(at),
            1 => array.push(wild),
            _ => array
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|place| *place = wild),
        }
    }
}

#[test]
fn damaged_arrays_are_refused_or_safe_to_walk() {
    let mut base = data::grid(150, 3, 6, 1);
    base.copy_within(0..30, 300);
    let matrix = matrix(&base, 3);
    let params = HnswParams {
        m: 3,
        ef_construction: 20,
        seed: 5,
    };
    let (rows, exec) = (matrix.rows(), Exec::Serial);
    let mut builder = HnswBuilder::new(rows, Metric::L2, kernels(None), params, exec);
    while builder.step(rows.into(), exec).unwrap().phase != BuildPhase::Done {}
    let good = builder.finish();
    assert!(good.twins.is_some() && !good.links.is_empty());

    let mut random = Random::new(77);
    let (mut refused, mut walked) = (0, 0);
    for _ in 0..20_000 {
        let mut arrays = good.clone();
        mutate(&mut arrays, matrix.len(), &mut random);
        let view = GraphView {
            rows: matrix.len(),
            m: params.m,
            links0_stride: 2 * params.m,
            entry: arrays.entry,
            level: arrays.level,
            links0: &arrays.links0,
            levels: &arrays.levels,
            links: &arrays.links,
            twins: arrays.twins.as_deref(),
        };
        if let Err(fault) = check::validate(&view) {
            assert!(!fault.what.is_empty() && !fault.section.is_empty());
            refused += 1;
            continue;
        }
        walked += 1;
        // Either answer will do; neither may panic.
        let _ = check::reachable(&view);
        let query = [1.5, 1.0, f32::NAN];
        assert!(walk_from(&matrix, &view, &query, 20, 5) <= 5);
    }
    assert!(
        refused > 5000 && walked > 500,
        "{refused} refused, {walked} walked"
    );
}

#[test]
fn random_graphs_that_pass_the_check_end_a_walk() {
    let mut random = Random::new(3);
    let matrix = matrix(&data::clustered(64, 4, 4, 2), 4);
    for _ in 0..500 {
        let mut links0 = vec![NO_SLOT; 64 * 4];
        for (slot, row) in links0.chunks_exact_mut(4).enumerate() {
            let count = random.below(5);
            for link in &mut row[..count] {
                *link = u32::try_from((slot + 1 + random.below(63)) % 64).unwrap();
            }
        }
        let entry = u32::try_from(random.below(64)).unwrap();
        let (levels, links) = (vec![0; 65], Vec::new());
        let arrays = FrozenArrays {
            links0,
            levels,
            links,
            twins: None,
            entry,
            level: 0,
        };
        let view = arrays.view(2);
        check::validate(&view).unwrap();
        // A beam as wide as the graph finds exactly what is reachable.
        let all = walk_from(&matrix, &view, &[0.0; 4], 64, 64) == 64;
        assert_eq!(all, check::reachable(&view).is_ok());
    }
}
