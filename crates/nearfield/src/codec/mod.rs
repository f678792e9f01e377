//! How a stored vector is kept and scored. A codec's scorer joins its rows with one prepared query;
//! walks and scans are compiled once per scorer, so there is no dispatch in their loops.
//!
//! ```text
//! Scorer          what a walk or scan asks: one score, four scores, a hint
//! └ F32Scorer     rows as they came, one kernel call per one or four rows
//! ```

mod float;

pub use float::F32Scorer;

use crate::ids::Slot;

/// Scores stored rows against one query; smaller is nearer. Equal slots give equal bits however
/// they are grouped, or results would depend on the order of a walk.
pub trait Scorer {
    /// The score of one row.
    fn score(&self, slot: Slot) -> f32;

    /// Four scores, the same bits as four calls of [`score`](Self::score).
    fn score4(&self, slots: [Slot; 4]) -> [f32; 4];

    /// Says that this row will be scored soon.
    fn prefetch(&self, slot: Slot);
}
