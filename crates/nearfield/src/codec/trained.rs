//! Points that codes stand for, trained on rotated vectors: product quantization (Jégou, Douze & Schmid, 2011).
//!
//! ```text
//! vector   numbers of position 0 | of position 1 | …      in units of their spread, zeros past the last
//! points   of each position: number 0 of all codes | number 1 of all | …
//! train    positions apart: sample ─ nearest point ─ means ─ … turns of k-means
//! ```
//! Invariant: sums run in `f32` in the order of the numbers, of sixteen vectors side by side, means in `f64` in that of
//! the sample; ties go to the lower code. Positions are trained alone. So points and codes have the same bits for
//! any number of threads and on every instruction set.

use super::bits::{Bits, Book, inverse_unit};
use crate::exec::Exec;
use crate::kernels::{WIDE_TABLE_BYTES, Work, widest};
use crate::matrix::Matrix;
use crate::rng;

/// Vectors, or codes of eight bits, that are looked at together.
const LANES: usize = 16;
/// Vectors of a sample, for each of sixteen points and of 256.
const SAMPLE_OF_POINT: [usize; 2] = [256, 32];
/// Turns of k-means.
const TURNS: usize = 12;
/// Products of a step: some hundredths of a second.
const STEP_PRODUCTS: usize = 1 << 29;
/// Positions of a step at least: threads take one each.
const STEP_POSITIONS: usize = 8;
/// Added to a number below 2²², its fraction is rounded away and the low bits are the integer.
const ROUNDING: f32 = 8_388_608.0;
const STREAM_SPARE: u64 = 0x7071_7370;

/// Points in the making.
#[derive(Debug)]
pub struct Training {
    bits: Bits,
    /// Vectors in units of their spread.
    sample: Matrix,
    points: Vec<f32>,
    /// Positions that are done.
    done: usize,
}

impl Training {
    /// Vectors that points are trained on at most.
    pub const fn sample_max(bits: Bits) -> usize {
        let of_point = SAMPLE_OF_POINT[(bits.codes() > LANES) as usize];
        bits.codes() * of_point
    }

    /// Takes vectors as they are coded, at least as many as there are points: for one without a direction stand
    /// normal numbers.
    ///
    /// # Panics
    /// Where there are fewer.
    pub fn new(bits: Bits, mut sample: Matrix, seed: u64) -> Self {
        let (count, dim) = (sample.len(), sample.dim());
        assert!(count >= bits.codes(), "{count} vectors for more points");
        for (at, vector) in (0_u64..).zip(sample.rows_mut(0..count)) {
            if let Some(inverse) = inverse_unit(vector) {
                for x in vector {
                    *x *= inverse;
                }
            } else {
                for (x, place) in vector.iter_mut().zip(at * dim as u64..) {
                    *x = normal(rng::value(seed, STREAM_SPARE, place));
                }
            }
        }
        Self {
            bits,
            sample,
            points: vec![0.0; bits.points_len(dim)],
            done: 0,
        }
    }

    /// Trains the next positions; whether all are done.
    pub fn step(&mut self, exec: Exec<'_>) -> bool {
        let (numbers, sample) = (self.bits.numbers(), self.sample.rows());
        let len = numbers * self.bits.codes();
        let positions = STEP_PRODUCTS / (sample.len() * len * TURNS);
        let all = self.points.chunks_mut(len).skip(self.done);
        let mut next: Vec<_> = all.take(positions.max(STEP_POSITIONS)).collect();
        let first = self.done;
        exec.fill(&mut next, 1, Vec::new, |columns, at, points| {
            let start = (first + at) * numbers;
            let end = sample.dim().min(start + numbers);
            columns.clear();
            for (slot, lane) in (0..).zip((0..LANES).cycle()).take(sample.len()) {
                let place = columns.len();
                if lane == 0 {
                    columns.resize(place + numbers, [0.0; LANES]);
                }
                let block = columns.len() - numbers;
                for (column, x) in columns[block..]
                    .iter_mut()
                    .zip(&sample.row(slot)[start..end])
                {
                    column[lane] = *x;
                }
            }
            train(points, numbers, columns, sample.len());
        });
        self.done += next.len();
        self.done * len == self.points.len()
    }

    /// The points.
    ///
    /// # Panics
    /// While steps are left.
    pub fn finish(self) -> Vec<f32> {
        let len = self.bits.numbers() * self.bits.codes();
        assert_eq!(self.done * len, self.points.len(), "steps are left");
        self.points
    }
}

/// Four evenly spread numbers added: near enough to a normal one of variance 1, and the same everywhere.
#[allow(clippy::cast_precision_loss)] // eighteen bits
fn normal(bits: u64) -> f32 {
    let sum: u64 = (0..4).map(|at| bits >> (16 * at) & 0xffff).sum();
    // Less the mean, in units of the spread: the range of one by √3.
    (sum as f32 - 131_070.0) * (1.0 / 37_837.0)
}

/// Points of one position: its numbers of `count` vectors, sixteen side by side.
fn train(points: &mut [f32], numbers: usize, columns: &[[f32; LANES]], count: usize) {
    let codes = points.len() / numbers;
    let number = |vector: usize, at: usize| columns[vector / LANES * numbers + at][vector % LANES];
    for (at, points) in points.chunks_mut(codes).enumerate() {
        for (code, point) in points.iter_mut().enumerate() {
            *point = number(code * count / codes, at);
        }
    }
    let (mut owners, mut sums) = (vec![[0; LANES]; columns.len() / numbers], Vec::new());
    for _ in 0..TURNS {
        nearest(Nearest {
            points,
            stride: 0,
            numbers,
            columns,
            out: &mut owners,
        });
        sums.clear();
        sums.resize(points.len() + codes, 0.0);
        let (sums, counts) = sums.split_at_mut(points.len());
        for (vector, &owner) in owners.as_flattened().iter().enumerate().take(count) {
            let code = usize::from(owner);
            counts[code] += 1.0;
            for at in 0..numbers {
                sums[at * codes + code] += f64::from(number(vector, at));
            }
        }
        for (points, sums) in points.chunks_mut(codes).zip(sums.chunks(codes)) {
            for ((point, sum), count) in points.iter_mut().zip(sums).zip(&*counts) {
                // One that is nobody's stays where it is.
                if *count > 0.0 {
                    #[allow(clippy::cast_possible_truncation)] // a mean of f32 fits one
                    let mean = (sum / count) as f32;
                    *point = mean;
                }
            }
        }
    }
}

/// Codes of vectors; by trained points sixteen at a time.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    columns: Vec<[f32; LANES]>,
    found: Vec<[u8; LANES]>,
    codes: Vec<u8>,
    positions: usize,
}

impl Batch {
    /// Takes vectors of `dim` numbers, one after the other: of trained points to each position the nearest, in
    /// units of the vector's spread. Where that is none, codes are zeros.
    pub fn set(&mut self, book: Book<'_>, vectors: &[f32], dim: usize) {
        let (bits, points) = (book.bits(), book.points());
        let numbers = bits.numbers();
        self.positions = bits.positions(dim);
        self.codes.clear();
        self.codes.resize(vectors.len() / dim * self.positions, 0);
        if !bits.codec().trained() {
            let codes = self.codes.chunks_exact_mut(self.positions);
            for (vector, codes) in vectors.chunks_exact(dim).zip(codes) {
                book.encode(vector, codes);
            }
            return;
        }
        self.columns
            .resize(dim.next_multiple_of(numbers), [0.0; LANES]);
        self.found.resize(dim.div_ceil(numbers), [0; LANES]);
        let some = self.codes.chunks_mut(LANES * self.positions);
        for (vectors, codes) in vectors.chunks(LANES * dim).zip(some) {
            let mut known = [false; LANES];
            for (lane, vector) in vectors.chunks_exact(dim).enumerate() {
                let inverse = inverse_unit(vector);
                known[lane] = inverse.is_some();
                let inverse = inverse.unwrap_or(0.0);
                for (column, x) in self.columns.iter_mut().zip(vector) {
                    column[lane] = x * inverse;
                }
            }
            nearest(Nearest {
                points,
                stride: numbers * bits.codes(),
                numbers,
                columns: &self.columns,
                out: &mut self.found,
            });
            for (lane, codes) in codes.chunks_exact_mut(self.positions).enumerate() {
                for (code, found) in codes.iter_mut().zip(&self.found) {
                    *code = if known[lane] { found[lane] } else { 0 };
                }
            }
        }
    }

    /// The codes of the vector that came `at`.
    pub(super) fn codes(&self, at: usize) -> &[u8] {
        &self.codes[at * self.positions..][..self.positions]
    }
}

/// The nearest points to sixteen vectors' numbers, one position after the other.
struct Nearest<'a> {
    points: &'a [f32],
    /// From a position's points to those of the next: 0 where all have the same.
    stride: usize,
    numbers: usize,
    columns: &'a [[f32; LANES]],
    out: &'a mut [[u8; LANES]],
}

/// Once in a module, whoever asks.
#[inline(never)]
fn nearest(work: Nearest<'_>) {
    widest(work);
}

impl Work for Nearest<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let groups = self.columns.chunks_exact(self.numbers);
        for (position, (columns, out)) in groups.zip(self.out).enumerate() {
            let points = &self.points[position * self.stride..];
            let len = if self.stride == 0 {
                points.len()
            } else {
                self.stride
            };
            let (points, codes) = (&points[..len], len / self.numbers);
            let (mut least, mut nearest) = ([f32::INFINITY; LANES], [0_u32; LANES]);
            for (code, number) in (0..codes).zip(0..) {
                let mut squares = [0.0; LANES];
                for (column, points) in columns.iter().zip(points.chunks_exact(codes)) {
                    let point = points[code];
                    for lane in 0..LANES {
                        let apart = point - column[lane];
                        squares[lane] += apart * apart;
                    }
                }
                for lane in 0..LANES {
                    let nearer = squares[lane] < least[lane];
                    least[lane] = if nearer { squares[lane] } else { least[lane] };
                    nearest[lane] = if nearer { number } else { nearest[lane] };
                }
            }
            for lane in 0..LANES {
                out[lane] = nearest[lane].to_le_bytes()[0];
            }
        }
    }
}

/// Writes the tables of a query by points of eight bits as [`TableMaker`](crate::kernels::TableMaker) does by those
/// of four, and returns the same.
pub(super) fn wide_tables(
    numbers: usize,
    points: &[f32],
    query: &[f32],
    products: &mut [[f32; LANES]],
    bytes: &mut [u8],
) -> (f32, f32) {
    widest(Products {
        numbers,
        points,
        query,
        sums: products.as_flattened_mut(),
        bytes,
    })
}

struct Products<'a> {
    numbers: usize,
    points: &'a [f32],
    query: &'a [f32],
    sums: &'a mut [f32],
    bytes: &'a mut [u8],
}

impl Work for Products<'_> {
    type Out = (f32, f32);

    #[inline(always)]
    fn run(self) -> (f32, f32) {
        let (mut low, mut widest) = (0.0, 0.0_f32);
        let places = self.query.chunks(self.numbers);
        let places = places.zip(self.points.chunks_exact(self.numbers * WIDE_TABLE_BYTES));
        let out = self.sums.as_chunks_mut::<WIDE_TABLE_BYTES>().0;
        for ((own, points), out) in places.zip(out) {
            out.fill(0.0);
            for (x, points) in own.iter().zip(points.as_chunks::<WIDE_TABLE_BYTES>().0) {
                for (sum, point) in out.iter_mut().zip(points) {
                    *sum += x * point;
                }
            }
            let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
            for sums in out.as_chunks::<LANES>().0 {
                for lane in 0..LANES {
                    let sum = sums[lane];
                    least[lane] = if sum < least[lane] { sum } else { least[lane] };
                    most[lane] = if sum > most[lane] { sum } else { most[lane] };
                }
            }
            let least = reduce(least, |a, b| if a < b { a } else { b });
            let most = reduce(most, |a, b| if a > b { a } else { b });
            for sum in out {
                *sum -= least;
            }
            low += least;
            widest = widest.max(most - least);
        }
        let step = widest / f32::from(u8::MAX);
        let inverse = 1.0 / step;
        // As of queries by other points: one of zeros has the same product with all.
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        for (entry, product) in self.bytes.iter_mut().zip(self.sums) {
            // Within 0 … 255: the low bits are the number.
            *entry = (*product * inverse + ROUNDING).to_bits().to_le_bytes()[0];
        }
        (low, step)
    }
}

/// All in one, by halves.
#[inline(always)]
fn reduce(mut lanes: [f32; LANES], better: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = better(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}
