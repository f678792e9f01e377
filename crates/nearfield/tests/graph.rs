//! The graph against an independent oracle: recall, the same bytes for any number of threads,
//! reachability and self-recall on data made to break graphs.

use nearfield::codec::F32Scorer;
use nearfield::exec::Exec;
use nearfield::hnsw::{BuildPhase, FrozenArrays, GraphView, HnswBuilder, HnswParams, check, walk};
use nearfield::kernels::kernels;
use nearfield::matrix::Matrix;
use nearfield::metric::Metric;
use nearfield::search::{Buffers, exact};
use testkit::data;
use testkit::oracle::{self, Measure};

const PARAMS: HnswParams = HnswParams {
    m: 16,
    ef_construction: 200,
    seed: 1,
};

fn matrix(data: &[f32], dim: usize, metric: Metric) -> Matrix {
    let mut matrix = Matrix::try_new(data.len() / dim, dim).unwrap();
    for (slot, row) in (0..).zip(data.chunks_exact(dim)) {
        matrix.row_mut(slot).copy_from_slice(row);
        metric.prepare(matrix.row_mut(slot));
    }
    matrix
}

fn build(matrix: &Matrix, metric: Metric, params: HnswParams, exec: Exec<'_>) -> FrozenArrays {
    let rows = matrix.rows();
    let mut builder = HnswBuilder::new(rows, metric, kernels(None), params, exec);
    while builder.step(rows.into(), exec).unwrap().phase != BuildPhase::Done {}
    let arrays = builder.finish();
    let view = arrays.view(params.m);
    check::validate(&view).unwrap();
    check::reachable(&view).unwrap();
    arrays
}

fn prepared(query: &[f32], metric: Metric) -> Matrix {
    matrix(query, query.len(), metric)
}

fn ask(
    (matrix, metric): (&Matrix, Metric),
    view: &GraphView<'_>,
    query: &[f32],
    (ef, k): (usize, usize),
    buffers: &mut Buffers,
) -> Vec<(u32, f32)> {
    let query = prepared(query, metric);
    let scorer = F32Scorer::new(
        matrix.rows(),
        query.row(0),
        metric.score_pair(kernels(None)),
    );
    walk::search(view, &scorer, ef, k, buffers);
    buffers
        .results
        .iter()
        .map(|c| (c.slot(), c.score()))
        .collect()
}

/// The share of rows whose nearest neighbour, asked for themselves, is the same vector.
#[allow(clippy::cast_precision_loss)] // thousands of rows
fn self_recall(matrix: &Matrix, metric: Metric, arrays: &FrozenArrays, m: usize) -> f64 {
    let (mut buffers, view) = (Buffers::new(kernels(None)), arrays.view(m));
    let pair = metric.score_pair(kernels(None));
    let rows = u32::try_from(matrix.len()).unwrap();
    let found = (0..rows).filter(|&slot| {
        let scorer = F32Scorer::of_row(matrix.rows(), slot, pair);
        walk::search(&view, &scorer, 100, 10, &mut buffers);
        let own = pair.one(matrix.row(slot), matrix.row(slot));
        buffers.results[0].score() <= own
    });
    found.count() as f64 / matrix.len() as f64
}

#[test]
fn recall_on_clustered_data() {
    let (rows, dim) = (6000, 48);
    let all = data::clustered(rows + 100, dim, 40, 5);
    let (base, queries) = all.split_at(rows * dim);
    for (metric, measure) in [(Metric::L2, Measure::L2), (Metric::Cosine, Measure::Cosine)] {
        let matrix = matrix(base, dim, metric);
        let arrays = build(&matrix, metric, PARAMS, Exec::Serial);
        let (mut buffers, view) = (Buffers::new(kernels(None)), arrays.view(PARAMS.m));
        let mut total = 0.0;
        for query in queries.chunks_exact(dim) {
            let truth = oracle::nearest(measure, base, query, 10);
            let found = ask((&matrix, metric), &view, query, (100, 10), &mut buffers);
            assert!(
                found.is_sorted_by(|a, b| (a.1, a.0) < (b.1, b.0)),
                "{found:?}"
            );
            let slots: Vec<_> = found.iter().map(|hit| hit.0).collect();
            total += oracle::recall(measure, base, query, &truth, &slots);
        }
        assert!(
            total / 100.0 >= 0.99,
            "{metric:?}: recall@10 {}",
            total / 100.0
        );
    }
}

#[test]
fn same_bytes_for_any_number_of_threads() {
    let (rows, dim) = (3000, 24);
    for metric in Metric::ALL {
        let mut base = data::clustered(rows, dim, 10, 9);
        base.copy_within(0..200 * dim, 700 * dim);
        let matrix = matrix(&base, dim, metric);
        let params = HnswParams {
            m: 8,
            ef_construction: 60,
            seed: 3,
        };
        let serial = build(&matrix, metric, params, Exec::Serial);
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let pooled = build(&matrix, metric, params, Exec::Pool(&pool));
            assert!(pooled == serial, "{metric:?} with {threads} threads");
        }
        let other = build(
            &matrix,
            metric,
            HnswParams { seed: 4, ..params },
            Exec::Serial,
        );
        assert!(other != serial, "the seed changes nothing");
    }
}

#[test]
fn every_row_finds_itself_on_hostile_data() {
    let mut copies = data::clustered(2200, 16, 5, 1);
    let copy = copies[..16].to_vec();
    copies[..2000 * 16]
        .chunks_exact_mut(16)
        .for_each(|row| row.copy_from_slice(&copy));
    let mut sorted = data::clustered(3000, 1, 3, 2);
    sorted.sort_by(f32::total_cmp);
    let sets: [(&str, usize, Vec<f32>); 7] = [
        ("far clusters", 16, data::far_clusters(4000, 16, 20, 3)),
        ("copies", 16, copies),
        ("sorted", 1, sorted),
        ("zeros", 8, vec![0.0; 500 * 8]),
        ("curve", 12, data::curve(3000, 12)),
        ("grid", 3, data::grid(3000, 3, 9, 4)),
        ("clustered", 32, data::clustered(3000, 32, 30, 5)),
    ];
    for (name, dim, base) in sets {
        for metric in [Metric::L2, Metric::Cosine] {
            let matrix = matrix(&base, dim, metric);
            let arrays = build(&matrix, metric, PARAMS, Exec::Serial);
            let share = self_recall(&matrix, metric, &arrays, PARAMS.m);
            assert!(
                (share - 1.0).abs() < f64::EPSILON,
                "{name} {metric:?}: {share}"
            );
        }
    }
}

#[test]
fn few_rows_and_few_links() {
    for rows in [0, 1, 2, 3, 5, 40, 700] {
        for metric in Metric::ALL {
            let matrix = matrix(&data::clustered(rows, 6, 3, 8), 6, metric);
            let params = HnswParams {
                m: 2,
                ef_construction: 10,
                seed: 0,
            };
            let arrays = build(&matrix, metric, params, Exec::Serial);
            let (mut buffers, view) = (Buffers::new(kernels(None)), arrays.view(2));
            let query = [0.5; 6];
            // A beam as wide as the index is exact where every slot is reachable.
            let found = ask(
                (&matrix, metric),
                &view,
                &query,
                (rows, rows + 5),
                &mut buffers,
            );
            assert_eq!(found.len(), rows, "{metric:?}");
            let query = prepared(&query, metric);
            let pair = metric.score_pair(kernels(None));
            let scorer = F32Scorer::new(matrix.rows(), query.row(0), pair);
            let mut expected = Vec::new();
            exact::search(&scorer, rows, rows + 5, &mut expected);
            let expected: Vec<_> = expected.iter().map(|c| (c.slot(), c.score())).collect();
            assert_eq!(found, expected, "{metric:?} {rows}");
        }
    }
}

#[test]
fn twins_stand_beside_their_first() {
    let mut base = data::grid(300, 4, 3, 6);
    base.copy_within(0..100 * 4, 200 * 4);
    let matrix = matrix(&base, 4, Metric::L2);
    let arrays = build(&matrix, Metric::L2, PARAMS, Exec::Serial);
    let (mut buffers, view) = (Buffers::new(kernels(None)), arrays.view(PARAMS.m));
    for query in base.chunks_exact(4).take(60) {
        for k in [1, 7, 150, 300] {
            let found = ask((&matrix, Metric::L2), &view, query, (300, k), &mut buffers);
            let slots: Vec<_> = found.iter().map(|hit| hit.0 as usize).collect();
            let truth = oracle::nearest(Measure::L2, &base, query, k);
            let expected: Vec<_> = truth.iter().map(|hit| hit.0).collect();
            assert_eq!(slots, expected, "k {k}");
        }
    }
}
