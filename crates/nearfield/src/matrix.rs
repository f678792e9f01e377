//! Rows of `f32`, one a slot, each padded with zeros to whole cache lines.
//!
//! ```text
//! row 0   x x x x x x x x x x x x x x x x | x x x x 0 0 0 0 0 0 0 0 0 0 0 0    dim 20, stride 32
//! row 1   …                                                                    64 bytes a line
//! ```
//!
//! Invariants: a [`Matrix`] starts at a multiple of 64 bytes, its stride is a multiple of 16 floats
//! and everything beyond `dim` is zero (writers never see it), so kernels run over whole rows
//! without a tail and with every load aligned, and the memory is the file's `vectors` section as it
//! stands. [`Rows`] borrows the same shape from anywhere: a matrix, a loaded file, a mapped one.

use crate::bytes::region::Region;
use crate::bytes::written;
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::ids::Slot;
use bytemuck::{Pod, Zeroable};

/// Floats a line holds: 64 bytes.
const LINE_FLOATS: usize = 16;

/// Floats a stored row of `dim` numbers takes.
pub const fn stride(dim: usize) -> usize {
    dim.next_multiple_of(LINE_FLOATS)
}

/// One cache line. A vector of these is 64-byte aligned memory without an allocator of our own.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LINE_FLOATS]);

/// A vector of this value throughout, in large pages where it is large: what is read all over.
pub fn filled<T: Copy>(len: usize, value: T) -> Vec<T> {
    let mut out = Vec::with_capacity(len);
    crate::bytes::advise_huge(out.spare_capacity_mut());
    out.resize(len, value);
    out
}

/// Owned rows. One row makes an aligned, padded query.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    lines: Vec<Line>,
    rows: usize,
    dim: usize,
}

impl Matrix {
    /// `rows` rows of `dim` zeros; an error with [`Code::Memory`] when they cannot be had.
    pub fn try_new(rows: usize, dim: usize) -> Result<Self> {
        Self::try_written((rows, dim), Exec::Serial, |_, _| ())
    }

    /// A copy of rows of `dim` numbers that stand one after the other, made by all threads; an error with
    /// [`Code::Memory`] where there is no room for it.
    pub fn try_copy(vectors: &[f32], dim: usize, exec: Exec<'_>) -> Result<Self> {
        let (rows, stride) = (vectors.len() / dim, stride(dim));
        Self::try_written((rows, dim), exec, |first, lines| {
            let copies: &mut [f32] = bytemuck::cast_slice_mut(lines);
            let rows = vectors[first * dim..].chunks_exact(dim);
            for (copy, row) in copies.chunks_exact_mut(stride).zip(rows) {
                copy[..dim].copy_from_slice(row);
            }
        })
    }

    /// Rows of zeros, some at a time changed by `body`, which is told the first one's slot.
    fn try_written(
        (rows, dim): (usize, usize),
        exec: Exec<'_>,
        body: impl Fn(usize, &mut [Line]) + Sync,
    ) -> Result<Self> {
        let none = || no_memory(rows, dim);
        lines_needed(rows, dim).ok_or_else(none)?;
        let lines = written((rows, stride(dim) / LINE_FLOATS), exec, body);
        let lines = lines.map_err(|_| none())?;
        Ok(Self { lines, rows, dim })
    }

    /// Appends the rows of another matrix of the same dimension. Room is taken ahead, so that many
    /// small batches copy each row a few times at most; an error with [`Code::Memory`] changes nothing.
    ///
    /// # Panics
    /// Where the dimensions differ.
    pub fn try_append(&mut self, other: Rows<'_>) -> Result<()> {
        assert_eq!(self.dim, other.dim(), "rows of one dimension");
        let rows = self.rows + other.len();
        let more = other.len() * (self.stride() / LINE_FLOATS);
        let had = self.lines.capacity();
        self.lines
            .try_reserve(more)
            .map_err(|_| no_memory(rows, self.dim))?;
        if self.lines.capacity() != had {
            crate::bytes::advise_huge(self.lines.spare_capacity_mut());
        }
        let start = self.lines.len();
        self.lines.resize(start + more, Line::zeroed());
        let floats: &mut [f32] = bytemuck::cast_slice_mut(&mut self.lines[start..]);
        floats.copy_from_slice(other.as_floats());
        self.rows = rows;
        Ok(())
    }

    /// Empties it, for rows of this dimension; the memory stays.
    pub fn reset(&mut self, dim: usize) {
        self.lines.clear();
        (self.rows, self.dim) = (0, dim);
    }

    /// Appends a row of zeros: its `dim` numbers.
    pub fn push(&mut self) -> &mut [f32] {
        let slot = self.rows;
        self.rows += 1;
        let lines = self.rows * (self.stride() / LINE_FLOATS);
        self.lines.resize(lines, Line::zeroed());
        let (dim, stride) = (self.dim, self.stride());
        &mut bytemuck::cast_slice_mut(&mut self.lines)[slot * stride..][..dim]
    }

    /// Takes the rows from `rows` on away.
    pub fn truncate(&mut self, rows: usize) {
        self.rows = self.rows.min(rows);
        self.lines
            .truncate(self.rows * (self.stride() / LINE_FLOATS));
    }

    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Numbers a row, without padding.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// Floats a row, with padding.
    pub const fn stride(&self) -> usize {
        stride(self.dim)
    }

    /// All rows, padding included: the file's `vectors` section.
    pub fn as_floats(&self) -> &[f32] {
        bytemuck::cast_slice(&self.lines)
    }

    /// All rows as the bytes of the `vectors` section.
    pub fn into_region(self) -> Region {
        Region::from_vec(self.lines)
    }

    /// A padded row.
    pub fn row(&self, slot: Slot) -> &[f32] {
        self.rows().row(slot)
    }

    /// The `dim` numbers of a row; its padding stays out of reach and zero.
    ///
    /// # Panics
    /// Where there is no such slot.
    pub fn row_mut(&mut self, slot: Slot) -> &mut [f32] {
        let (at, dim, stride) = (slot as usize, self.dim, self.stride());
        assert!(at < self.rows, "slot {slot} of {} rows", self.rows);
        &mut bytemuck::cast_slice_mut(&mut self.lines)[at * stride..][..dim]
    }

    /// The `dim` numbers of each row in a range, so that threads may write different ones.
    ///
    /// # Panics
    /// Where the range reaches beyond the rows.
    pub fn rows_mut(&mut self, rows: std::ops::Range<usize>) -> impl Iterator<Item = &mut [f32]> {
        let (dim, stride) = (self.dim, self.stride());
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        let floats: &mut [f32] = bytemuck::cast_slice_mut(&mut self.lines);
        let floats = &mut floats[rows.start * stride..rows.end * stride];
        floats
            .chunks_exact_mut(stride)
            .map(move |row| &mut row[..dim])
    }

    /// The rows, borrowed.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            floats: self.as_floats(),
            count: self.rows,
            dim: self.dim,
            stride: self.stride(),
        }
    }
}

/// Lines that `rows × dim` take; `None` where they would not fit an address space.
fn lines_needed(rows: usize, dim: usize) -> Option<usize> {
    let line_count = (stride_checked(dim)? / LINE_FLOATS as u64).checked_mul(rows as u64)?;
    let bytes = line_count.checked_mul(size_of::<Line>() as u64)?;
    isize::try_from(bytes).ok()?;
    usize::try_from(line_count).ok()
}

fn stride_checked(dim: usize) -> Option<u64> {
    (dim as u64).checked_next_multiple_of(LINE_FLOATS as u64)
}

fn no_memory(rows: usize, dim: usize) -> Error {
    let bytes = stride_checked(dim)
        .and_then(|stride| stride.checked_mul(4)?.checked_mul(rows as u64))
        .map_or_else(|| "more than 2^64".to_owned(), |bytes| bytes.to_string());
    Error::new(
        Code::Memory,
        format!("{rows} rows of {dim} numbers need {bytes} bytes, which could not be had"),
    )
}

/// Borrowed rows of one stride. Indexing is checked: no slot, however it came about, reads outside.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    floats: &'a [f32],
    count: usize,
    dim: usize,
    stride: usize,
}

impl<'a> Rows<'a> {
    /// The rows in `floats`, which holds a whole number of padded rows of `dim` numbers.
    ///
    /// # Panics
    /// Where `dim` is 0 or `floats` ends inside a row: the caller has checked the file by now.
    pub fn new(floats: &'a [f32], dim: usize) -> Self {
        assert!(dim > 0, "a row needs at least one number");
        let stride = stride(dim);
        assert!(
            floats.len().is_multiple_of(stride),
            "{} floats are no whole number of rows of {stride}",
            floats.len(),
        );
        Self {
            floats,
            count: floats.len() / stride,
            dim,
            stride,
        }
    }

    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Numbers a row, without padding.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// Floats a row, with padding.
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// All rows, padding included.
    pub const fn as_floats(&self) -> &'a [f32] {
        self.floats
    }

    /// The rows from a slot on.
    #[must_use]
    pub fn tail(&self, from: usize) -> Self {
        Self::new(&self.floats[from * self.stride..], self.dim)
    }

    /// The rows below a slot.
    #[must_use]
    pub fn head(&self, rows: usize) -> Self {
        Self::new(&self.floats[..rows * self.stride], self.dim)
    }

    /// A padded row.
    ///
    /// # Panics
    /// Where there is no such slot.
    #[inline]
    pub fn row(&self, slot: Slot) -> &'a [f32] {
        let at = slot as usize;
        // Checked before multiplying: on a 32-bit target the product of a wild slot would wrap.
        assert!(at < self.count, "slot {slot} of {} rows", self.count);
        &self.floats[at * self.stride..][..self.stride]
    }

    /// Where a row lies, or would: for hints alone.
    #[inline]
    pub fn address(&self, slot: Slot) -> usize {
        let bytes = (slot as usize).wrapping_mul(self.stride * size_of::<f32>());
        self.floats.as_ptr().addr().wrapping_add(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)] // the numbers are below 2^24
mod tests {
    use super::*;

    #[test]
    fn strides_are_whole_lines() {
        let of = [
            (1, 16),
            (15, 16),
            (16, 16),
            (17, 32),
            (768, 768),
            (65_536, 65_536),
        ];
        for (dim, expected) in of {
            assert_eq!(stride(dim), expected, "dim {dim}");
        }
    }

    #[test]
    fn rows_are_aligned_apart_and_zero_padded() {
        for dim in [1, 15, 16, 17, 100, 768] {
            let mut matrix = Matrix::try_new(7, dim).unwrap();
            for slot in 0..7 {
                let row = matrix.row_mut(slot);
                assert_eq!(row.len(), dim);
                for (column, x) in row.iter_mut().enumerate() {
                    *x = (slot as usize * 1000 + column + 1) as f32;
                }
            }
            for slot in 0..7 {
                let row = matrix.row(slot);
                assert_eq!(row.len(), stride(dim));
                assert_eq!(row.as_ptr() as usize % 64, 0, "dim {dim} slot {slot}");
                for (column, &x) in row.iter().enumerate() {
                    let expected = if column < dim {
                        (slot as usize * 1000 + column + 1) as f32
                    } else {
                        0.0
                    };
                    assert_eq!(x.to_bits(), expected.to_bits(), "dim {dim} slot {slot}");
                }
            }
            let rows = Rows::new(matrix.as_floats(), dim);
            assert_eq!(
                (rows.len(), rows.dim(), rows.stride()),
                (7, dim, stride(dim))
            );
            assert_eq!(rows.row(6), matrix.row(6));
        }
    }

    #[test]
    fn no_rows_is_a_matrix_too() {
        let matrix = Matrix::try_new(0, 5).unwrap();
        assert!(matrix.is_empty() && matrix.rows().is_empty() && matrix.as_floats().is_empty());
    }

    #[test]
    fn impossible_sizes_are_memory_errors_that_name_them() {
        for (rows, dim) in [
            (usize::MAX, 65_536),
            (usize::MAX, usize::MAX),
            (usize::MAX / 64, 16),
        ] {
            let error = Matrix::try_new(rows, dim).unwrap_err();
            assert_eq!(error.code(), Code::Memory);
            assert!(
                error
                    .message()
                    .contains(&format!("{rows} rows of {dim} numbers")),
                "{error}"
            );
        }
    }

    #[test]
    #[allow(clippy::cast_possible_truncation)] // slots
    fn threads_copy_rows_into_their_places() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3);
        let pool = pool.build().unwrap();
        // More than threads take at a time, with a part at the end; and so few that one thread copies them.
        for (rows, dim) in [(100_003, 20), (2500, 1000), (5, 3), (0, 7)] {
            let vectors: Vec<f32> = (0..rows * dim).map(|at| at as f32).collect();
            let copy = Matrix::try_copy(&vectors, dim, Exec::Pool(&pool)).unwrap();
            assert_eq!((copy.len(), copy.dim()), (rows, dim));
            for (at, row) in vectors.chunks_exact(dim).enumerate() {
                let (numbers, padding) = copy.row(at as Slot).split_at(dim);
                assert_eq!(numbers, row, "row {at} of {dim}");
                assert!(padding.iter().all(|x| x.to_bits() == 0), "row {at}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "slot 3 of 3 rows")]
    fn a_slot_past_the_end_is_refused() {
        let matrix = Matrix::try_new(3, 4).unwrap();
        matrix.rows().row(3);
    }

    #[test]
    #[should_panic(expected = "slot 4294967295 of 3 rows")]
    fn no_slot_is_not_a_row() {
        Matrix::try_new(3, 4).unwrap().row_mut(crate::ids::NO_SLOT);
    }

    #[test]
    #[should_panic(expected = "17 floats are no whole number of rows of 16")]
    fn half_a_row_is_refused() {
        Rows::new(&[0.0; 17], 4);
    }
}
