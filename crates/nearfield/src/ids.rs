//! Names for the integers that point at things, and the limits they share.

/// The place of a vector inside an index, `0..rows`. Links, results and ties are in slots.
pub type Slot = u32;

/// "No slot": ends a link row and a twin chain. Never a valid slot, see [`ROWS_MAX`].
pub const NO_SLOT: Slot = u32::MAX;

/// The largest number of rows an index can hold.
pub const ROWS_MAX: u64 = (u32::MAX - 1) as u64;

/// The largest dimension of a vector.
pub const DIM_MAX: u32 = 65_536;

/// The largest integer that every JavaScript number up to it holds exactly; keys and seeds stop here.
pub const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// At most `limit` slots below `rows`, evenly spread: a sample that is the same everywhere.
pub fn spread(rows: usize, limit: usize) -> Vec<Slot> {
    let step = rows.div_ceil(limit).max(1);
    (0..).take(rows).step_by(step).collect()
}

/// Keys, the callers' own names for vectors, as a column; row numbers when they gave none.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyColumn {
    /// Safe integers, one a row.
    Numbers(Vec<f64>),
    /// UTF-8 strings one after the other; row `i` is `offsets[i]..offsets[i + 1]`.
    Text {
        /// The strings' bytes.
        bytes: Vec<u8>,
        /// `rows + 1` offsets, ascending, the first 0.
        offsets: Vec<u64>,
    },
}
