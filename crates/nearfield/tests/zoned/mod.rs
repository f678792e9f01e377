//! Zones of rows, asked for slots and distances and judged by plain loops.

#![allow(dead_code, reason = "every test file uses its part")]

use nearfield::codec::bits::Bits;
use nearfield::codec::{Codes, Encoder, Form, Stored};
use nearfield::exec::Exec;
use nearfield::kernels::{Kernels, kernels};
use nearfield::matrix::Matrix;
use nearfield::metric::Metric;
use nearfield::zones::{
    Effort, ProbeScratch, ZoneArrays, ZonesBuilder, ZonesParams, ZonesPhase, check, probe,
};
use testkit::oracle::{self, Measure};

pub const MEASURES: [(Metric, Measure); 3] = [
    (Metric::L2, Measure::L2),
    (Metric::Ip, Measure::Ip),
    (Metric::Cosine, Measure::Cosine),
];

/// Codes of every sort.
pub const CODES: [Bits; 5] = [
    Bits::One,
    Bits::Two,
    Bits::Pq4(4),
    Bits::Pq4(3),
    Bits::Pq8(7),
];

pub fn matrix(data: &[f32], dim: usize, metric: Metric) -> Matrix {
    let mut matrix = Matrix::try_new(data.len() / dim, dim).unwrap();
    for (slot, row) in (0..).zip(data.chunks_exact(dim)) {
        matrix.row_mut(slot).copy_from_slice(row);
        metric.prepare(matrix.row_mut(slot));
    }
    matrix
}

pub fn params(zones: usize, bits: Bits) -> ZonesParams {
    ZonesParams {
        zones,
        bits,
        seed: 7,
        soar: false,
        walked: false,
    }
}

pub fn build_with(
    matrix: &Matrix,
    metric: Metric,
    params: ZonesParams,
    kernels: &'static Kernels,
    exec: Exec<'_>,
) -> ZoneArrays {
    let rows = matrix.rows();
    let mut builder = ZonesBuilder::new(rows, metric, kernels, params, exec).unwrap();
    let mut before = (ZonesPhase::Part, 0);
    loop {
        let report = builder.step(rows, exec).unwrap();
        assert!(report.done <= report.total, "{report:?}");
        if report.phase == before.0 {
            // Rows are given to zones, and to second ones, so many a step.
            let more = usize::from(report.phase == ZonesPhase::Assign);
            assert!(
                report.done >= before.1 + more,
                "{report:?} after {before:?}"
            );
        }
        before = (report.phase, report.done);
        if report.phase == ZonesPhase::Done {
            break;
        }
    }
    let arrays = builder.finish();
    check::validate(&arrays.view(), matrix.len()).unwrap();
    arrays
}

pub fn build(matrix: &Matrix, metric: Metric, params: ZonesParams) -> ZoneArrays {
    build_with(matrix, metric, params, kernels(None), Exec::Serial)
}

/// Rows with their zones, asked for slots and distances.
pub struct Zoned {
    pub metric: Metric,
    pub matrix: Matrix,
    pub arrays: ZoneArrays,
    pub codes: Option<(Vec<u8>, Vec<f32>)>,
}

impl Zoned {
    pub fn new(data: &[f32], dim: usize, metric: Metric, params: ZonesParams) -> Self {
        let matrix = matrix(data, dim, metric);
        let arrays = build(&matrix, metric, params);
        Self {
            metric,
            matrix,
            arrays,
            codes: None,
        }
    }

    /// The same with sq8 codes between scan and vectors.
    pub fn coded(mut self) -> Self {
        let rows = self.matrix.rows();
        let mut encoder = Encoder::new(Form::Sq8, rows, self.metric, Exec::Serial).unwrap();
        while encoder.step(rows, Exec::Serial) < rows.len() {}
        let (_, bytes, centre) = encoder.finish();
        self.codes = Some((bytes.as_ref().to_vec(), centre));
        self
    }

    pub fn effort(&self, k: usize, share: f64) -> Effort {
        let view = self.arrays.view();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let probes = (view.zones() as f64 * share).ceil() as usize;
        Effort::of(&view, k, probes)
    }

    pub fn ask(&self, query: &[f32], effort: Effort) -> Vec<(u32, f32)> {
        let query = matrix(query, query.len(), self.metric);
        let codes = self.codes.as_ref();
        let stored = Stored {
            rows: self.matrix.rows(),
            codes: codes.map(|(bytes, centre)| Codes::new(Form::Sq8, bytes, centre)),
        };
        let mut scratch = ProbeScratch::default();
        let view = self.arrays.view();
        probe::search(
            &view,
            stored.into(),
            query.row(0),
            kernels(None),
            effort,
            &mut scratch,
        );
        let results = scratch.results.iter();
        results
            .map(|found| (found.slot(), self.metric.distance(found.score())))
            .collect()
    }

    /// Of these questions, with distances checked on the way.
    #[allow(clippy::cast_precision_loss)] // hundreds
    pub fn recall(&self, base: &[f32], asked: &[f32], effort: Effort) -> f64 {
        let dim = self.matrix.dim();
        let measure = MEASURES.iter().find(|(metric, _)| *metric == self.metric);
        let measure = measure.expect("each has one").1;
        let shares = asked.chunks_exact(dim).map(|query| {
            let found = self.ask(query, effort);
            assert_eq!(found.len(), effort.k.min(self.matrix.len()));
            for pair in found.windows(2) {
                assert!(pair[0].1 < pair[1].1 || pair[0].1 <= pair[1].1 && pair[0].0 < pair[1].0);
            }
            for &(slot, distance) in &found {
                let truth = oracle::distance(measure, query, &base[slot as usize * dim..][..dim]);
                let error = (f64::from(distance) - truth).abs();
                assert!(
                    error <= 1e-4 * truth.abs().max(1.0),
                    "{distance} for {truth}"
                );
            }
            let truth = oracle::nearest(measure, base, query, effort.k);
            let slots: Vec<u32> = found.iter().map(|&(slot, _)| slot).collect();
            oracle::recall(measure, base, query, &truth, &slots)
        });
        shares.sum::<f64>() / (asked.len() / dim) as f64
    }
}

/// All arrays as bytes.
pub fn bytes(arrays: &ZoneArrays) -> Vec<u8> {
    let view = arrays.view();
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let floats = |floats: &[f32]| {
        floats
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let strips: [Vec<u8>; 2] = [view.strips, view.routes]
        .map(|strips| strips.range(0..strips.len()).flatten().copied().collect());
    [
        floats(view.centre),
        floats(view.centroids.as_floats()),
        floats(view.points),
        words(view.starts),
        words(view.slots),
        strips[0].clone(),
        strips[1].clone(),
        floats(view.spans),
        vec![u8::from(view.apart), u8::from(view.soar)],
    ]
    .concat()
}
