//! From a score by code to a distance, in the metric's own unit.
//!
//! A score leaves out what is the same for every row, for walks only order by it. Taken from the query
//! itself and not from its code, that part is exact: what errs is the product of the two codes.
//!
//! | metric | score ≈ | distance ≈ |
//! |---|---|---|
//! | l2 | ‖q − v‖² − ‖q − centre‖² | score + ‖q − centre‖², at least 0 |
//! | cosine | the same, and 1 more for a row of zeros | half of that, within 0 … 2; a query of zeros adds 1 first |
//! | ip | −q · (v − centre) | 1 + score − q · centre |
//!
//! Invariants: sums run in `f64` in the order of the columns, so distances have the same bits on every
//! instruction set; a distance grows with its score and is never NaN.

use super::Codes;
use crate::metric::Metric;

/// Turns the scores of one query into distances.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    metric: Metric,
    /// What the scores of this query leave out.
    rest: f32,
}

impl Estimate {
    /// Of a prepared query and the codes that its scores come from.
    pub fn new(metric: Metric, query: &[f32], codes: Codes<'_>) -> Self {
        let pairs = query.iter().zip(codes.centre());
        let pairs = pairs.map(|(&q, &centre)| (f64::from(q), f64::from(centre)));
        let rest = match metric {
            Metric::Ip => -pairs.map(|(q, centre)| q * centre).sum::<f64>(),
            Metric::L2 | Metric::Cosine => {
                let square: f64 = pairs.map(|(q, centre)| (q - centre) * (q - centre)).sum();
                let zeros = metric == Metric::Cosine && query.iter().all(|x| *x == 0.0);
                square + f64::from(u8::from(zeros))
            }
        };
        #[allow(clippy::cast_possible_truncation)] // a distance is an f32
        let rest = rest as f32;
        Self { metric, rest }
    }

    /// Of scores that leave nothing out, as scans of strips give them.
    pub fn of_scan(metric: Metric, query: &[f32]) -> Self {
        let zeros = metric == Metric::Cosine && query.iter().all(|x| *x == 0.0);
        let rest = if zeros { 1.0 } else { 0.0 };
        Self { metric, rest }
    }

    /// The distance of a row with this score, approximately.
    pub fn distance(self, score: f32) -> f32 {
        let sum = score + self.rest;
        let distance = match self.metric {
            Metric::L2 => sum.max(0.0),
            Metric::Cosine => (0.5 * sum).clamp(0.0, 2.0),
            Metric::Ip => 1.0 + sum,
        };
        // Only enormous numbers overflow both ways: such a row is farther than all others.
        if sum.is_nan() {
            f32::INFINITY
        } else {
            distance
        }
    }
}
