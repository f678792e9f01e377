//! Where rows are made that are copied past the caches.
//!
//! What is made is sent soon, while the processor makes what follows. Only whole lines of memory are sent: what a row
//! leaves of its last one waits for the next row, as a line that is written in two parts is read first.
//!
//! ```text
//! numbers  ┊ kept ┊ row │ row │ row … │        rows begin 16 numbers in, one after the other
//!                 gone ┘     made ┘            between them, fewer than 16 numbers wait
//! ```
//! Where no row fits any more, what waits moves to before the first place and rows begin there again.

use crate::kernels::draws::{LINE_BYTES, Past};

/// Numbers a row whose room stays in the nearest cache.
pub const DIM_MAX: usize = 4 << 10;
/// Rows shorter than this are sent together: sending takes longer than making one, and what was written a moment
/// ago in parts of registers is slow to read.
const SHORT: usize = 128;
/// Numbers of so many.
const TOGETHER: usize = 1 << 10;
/// Numbers of a line.
const LINE: usize = LINE_BYTES / size_of::<f32>();

/// One after the other.
pub struct Room<'o> {
    numbers: Numbers,
    /// Until where rows are made.
    made: usize,
    /// Until where they are sent.
    gone: usize,
    /// Where the rest goes.
    out: &'o mut [f32],
    past: &'static Past,
}

#[repr(C, align(64))]
struct Numbers([f32; LINE + DIM_MAX]);

impl<'o> Room<'o> {
    /// For rows that fill `out`.
    #[allow(clippy::large_stack_arrays, reason = "rows are as long as that")]
    pub const fn new(out: &'o mut [f32], past: &'static Past) -> Self {
        Self {
            numbers: Numbers([0.0; LINE + DIM_MAX]),
            made: LINE,
            gone: LINE,
            out,
            past,
        }
    }

    /// The place of the next rows, once those before are made; none where all are.
    pub fn next(&mut self, dim: usize) -> Option<&mut [f32]> {
        let left = self.out.len() - (self.made - self.gone);
        self.send(if left == 0 { 0 } else { self.begun() });
        let rows = if dim < SHORT { TOGETHER / dim } else { 1 };
        let size = left.min(rows * dim);
        if self.made + size > self.numbers.0.len() {
            let first = LINE - (self.made - self.gone);
            self.numbers.0.copy_within(self.gone..self.made, first);
            (self.gone, self.made) = (first, LINE);
        }
        self.made += size;
        (size > 0).then(|| &mut self.numbers.0[self.made - size..self.made])
    }

    /// Numbers of the line that is not whole yet.
    fn begun(&self) -> usize {
        (self.out.as_ptr().addr() / size_of::<f32>() + self.made - self.gone) % LINE
    }

    /// Copies what waits but for the last `kept` numbers.
    fn send(&mut self, kept: usize) {
        let count = (self.made - self.gone).saturating_sub(kept);
        let (part, rest) = std::mem::take(&mut self.out).split_at_mut(count);
        (self.past.copy)(&self.numbers.0[self.gone..][..count], part);
        self.gone += count;
        self.out = rest;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        (self.past.fence)();
    }
}
