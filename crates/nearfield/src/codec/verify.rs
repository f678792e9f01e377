//! Whether an entry of a strip is that of a vector, as far as rounding lets it be said.
//!
//! ```text
//! codes    a sign, or a nearest point, may be another one only where rounding can make it that
//! terms    are those of the codes there are, within what rounding does to them
//! ```
//! A file has centroids rotated, and entries were made beside what these are turned back to: what an entry
//! is compared with is off by some last bits of the longer of vector and centroid. Numbers of that size
//! are not judged, nor terms that are not finite.

use super::bits::{Book, dot};
use crate::metric::Metric;

/// What rounding does to a rotated vector, in lengths of what was rotated: some dozens of additions.
const ROUNDING: f64 = 1.0 / (1 << 17) as f64;

/// What a vector says its entry is.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The rotated vector less its centre.
    pub residual: &'a [f32],
    /// The centre as tables see it, as [`EntryCode::set`](super::bits::EntryCode::set) takes it.
    pub anchor: Option<&'a [f32]>,
    /// How much farther the vector is than its numbers say.
    pub apart: f32,
    /// The lengths of the vector and of its centre, together.
    pub length: f64,
}

/// An entry of a strip.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Its codes, one a byte.
    pub codes: Vec<u8>,
    /// What it adds.
    pub add: f32,
    /// What it is multiplied by.
    pub scale: f32,
    values: Vec<f32>,
}

impl Entry {
    /// Whether this may be the vector's entry.
    pub fn is_of(&mut self, book: Book<'_>, metric: Metric, vector: Expected<'_>) -> bool {
        let Expected {
            residual,
            anchor,
            apart,
            length,
        } = vector;
        self.values.resize(residual.len(), 0.0);
        book.decode(&self.codes, &mut self.values);
        let off = ROUNDING * length;
        let square = dot(residual, residual);
        if !off.is_finite() || !square.is_finite() || !(self.add - apart).is_finite() {
            return true;
        }
        let own = book.nearest(residual, &self.codes, off);
        own && self.has_terms(metric, residual, anchor, f64::from(apart), off)
    }

    /// Whether the terms are those of the codes.
    fn has_terms(
        &self,
        metric: Metric,
        residual: &[f32],
        anchor: Option<&[f32]>,
        apart: f64,
        off: f64,
    ) -> bool {
        let square = dot(residual, residual);
        let along = dot(&self.values, residual);
        let (norm, length) = (dot(&self.values, &self.values).sqrt(), square.sqrt());
        let cosine = along / (norm * length);
        let times = if metric == Metric::Ip { -1.0 } else { -2.0 };
        let (add, scale) = (f64::from(self.add), f64::from(self.scale));
        let (centre, far) = match anchor.filter(|_| metric != Metric::Ip) {
            Some(anchor) => (dot(anchor, &self.values), dot(anchor, anchor).sqrt()),
            None => (0.0, 0.0),
        };
        let own = if metric == Metric::Ip { 0.0 } else { square };
        // What rounding does to α u, the length of which is that of the vector over the cosine.
        let (alpha, slack) = if length > 4.0 * off && cosine > 0.0 {
            (
                square / along,
                off * (2.0 / cosine + 1.0 / (cosine * cosine)),
            )
        } else {
            // As short as what rounding does: its direction says nothing, and codes' is at most this far off.
            #[allow(clippy::cast_precision_loss)] // a dimension
            let most = 8.0 * (length + off) * (residual.len() as f64).sqrt();
            (0.0, most)
        };
        let near = |is: f64, expected: f64, slack: f64| {
            (is - expected).abs() <= 1e-6 * expected.abs() + slack
        };
        near(scale * norm, times * alpha * norm, 2.0 * slack)
            && near(
                add,
                own + apart + 2.0 * alpha * centre,
                2.0 * (slack + off) * (far + length + off) + 1e-6 * (own + alpha * norm * far),
            )
    }
}
