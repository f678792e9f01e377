//! Data that neither compresses nor repeats unless asked to: bytes and rows of floats, at the speed
//! of memory, into memory that the caller owns.
//!
//! A byte is a function of recipe and offset, a row of recipe and row number: whoever asks, in
//! whatever pieces and order, on any instruction set and any number of threads, gets the same. What makes
//! that so is a key for every block (and for every few rows), a hash of seed and number, from which eight
//! generators start anew. For one seed no two keys are the same, as the hash is one to one.
//!
//! ```text
//! stream   Stream: 64 KiB blocks ── block number ─► which of the unique blocks ─► key ─► lines, then zeros
//! rows     Rows:   groups of rows ── group number ─► key ─► rows, around the centre of a cluster
//! room     where rows are made that go past the caches
//! ```

mod room;
mod rows;
mod stream;

pub use rows::{Clusters, Recipe, Rows};
pub use stream::{BLOCK_BYTES, Stream};

use crate::kernels::draws::{Draws, LINE_BYTES, Lanes, Store};
use crate::rng;

// Streams of `rng`; below 16 are those of the graph.
const STREAM_BYTES: u64 = 16;
const STREAM_ROWS: u64 = 17;
const STREAM_CLUSTER: u64 = 18;
const STREAM_CENTRES: u64 = 19;

/// From here on a fill passes the caches by. Where what is written stays in the last-level cache ordinary
/// stores are faster by up to a sixth, where it does not streamed ones are by a fifth to three times: so this
/// stands at the size of a common such cache, with less to lose above it than below.
const STREAMED_BYTES_MIN: usize = 32 << 20;

/// Eight generators of their own for this place.
fn lanes(seed: u64, stream: u64, position: u64) -> Lanes {
    let words: [u64; 32] = rng::expand(rng::value(seed, stream, position));
    Lanes(std::array::from_fn(|word| {
        std::array::from_fn(|lane| words[word * 8 + lane])
    }))
}

/// Draws `lines` lines that nobody wants.
fn skip(draws: &Draws, lanes: &mut Lanes, lines: usize) {
    let mut unwanted = [0; 16 * LINE_BYTES];
    let mut left = lines * LINE_BYTES;
    while left > 0 {
        let part = left.min(unwanted.len());
        (draws.lines)(lanes, &mut unwanted[..part], Store::Cached);
        left -= part;
    }
}
