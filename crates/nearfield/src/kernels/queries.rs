//! What a query becomes before strips are scanned: rotated, then tables of its products. Plain Rust, which most
//! sets share; compiled for wider registers it is slower, so that AVX-512 has bodies of its own.
//!
//! ```text
//! turn     × signs ─► Hadamard over the first span ─► × signs ─► over the last span ─► halves added and subtracted
//! tables   products of a position's numbers with all a code may stand for, less the least: six bits each
//! ```
//! Invariant: additions and products run one by one in a fixed order, unfused: every set gives the same bits.

use super::{TABLE_BYTES, TABLE_MAX, TableMaker, Turn, Turns};

/// Numbers whose first sums are taken together.
pub(super) const START: usize = 8;
const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// Added to a number below 2²², its fraction is rounded away and the low bits are the integer.
pub(super) const ROUNDING: f32 = 8_388_608.0;

/// The entry of sets without a transform of their own.
pub(super) const TURN: Turn = |vector, turns| turn(vector, turns, hadamard);
/// The entry of sets without tables of their own.
pub(super) const TABLES: TableMaker = tables;

/// Rotates a vector where it lies, or takes that back: every step is its own inverse.
///
/// # Panics
/// Where it is shorter than the span.
#[inline(always)]
pub(super) fn turn(vector: &mut [f32], turns: Turns<'_>, transform: impl Fn(&mut [f32], f32)) {
    let Turns {
        signs,
        span,
        shrink,
        back,
    } = turns;
    let dim = vector.len();
    let transforms = signs.len() / dim;
    for at in 0..transforms {
        let at = if back { transforms - 1 - at } else { at };
        let signs = &signs[at * dim..][..dim];
        let halves = at % 2 == 1 && span < dim;
        if back && halves {
            butterfly(vector);
        } else if !back {
            flip(vector, signs);
        }
        let start = (at % 2) * (dim - span);
        transform(&mut vector[start..start + span], shrink);
        if back {
            flip(vector, signs);
        } else if halves {
            butterfly(vector);
        }
    }
}

#[inline(always)]
fn flip(vector: &mut [f32], signs: &[f32]) {
    for (x, sign) in vector.iter_mut().zip(signs) {
        *x *= sign;
    }
}

/// Across the halves.
#[inline(always)]
fn butterfly(vector: &mut [f32]) {
    let (low, high) = vector.split_at_mut(vector.len() / 2);
    for (a, b) in low.iter_mut().zip(high) {
        (*a, *b) = ((*a + *b) * HALF_ROOT, (*a - *b) * HALF_ROOT);
    }
}

/// The transform of a power of two numbers, of which `shrink` is the root's inverse.
pub(super) fn hadamard(numbers: &mut [f32], shrink: f32) {
    let mut half = 1;
    for x in &mut *numbers {
        *x *= shrink;
    }
    if numbers.len() >= START {
        for eight in numbers.as_chunks_mut::<START>().0 {
            *eight = hadamard_start(*eight);
        }
        half = START;
    }
    while half < numbers.len() {
        for pair in numbers.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// The transform of eight.
#[inline]
fn hadamard_start(x: [f32; START]) -> [f32; START] {
    let mut x = x;
    for half in [1, 2, 4] {
        let mut y = [0.0; START];
        for (at, y) in y.iter_mut().enumerate() {
            let (a, b) = (x[at & !half], x[at | half]);
            *y = if at & half == 0 { a + b } else { a - b };
        }
        x = y;
    }
    x
}

/// Writes the tables of a rotated query: of each code's numbers the products with what
/// codes stand for, as multiples of a step beyond the least. Returns the sum of these, and the step. Positions
/// without numbers have tables of zeros; `products` is memory for the numbers before they are rounded. `multiply` leaves
/// a position's products less the least and tells the least and the most, `round` makes a table of them by the inverse
/// of the step.
///
/// # Panics
/// Where there is not a product and a table for each position.
#[inline(always)]
pub(super) fn tables_by(
    query: &[f32],
    (numbers, values): (usize, &[[f32; TABLE_BYTES]]),
    products: &mut [[f32; TABLE_BYTES]],
    tables: &mut [u8],
    multiply: impl Fn(&[f32], &[[f32; TABLE_BYTES]], &mut [f32; TABLE_BYTES]) -> (f32, f32),
    round: impl Fn(&[f32; TABLE_BYTES], f32, &mut [u8; TABLE_BYTES]),
) -> (f32, f32) {
    let positions = query.len().div_ceil(numbers);
    let (tables, rest) = tables.split_at_mut(positions * TABLE_BYTES);
    rest.fill(0);
    let products = &mut products[..positions];
    let (mut low, mut widest) = (0.0, 0.0_f32);
    let places = query.chunks(numbers).zip(values.chunks(numbers).cycle());
    for ((numbers, values), products) in places.zip(&mut *products) {
        let (least, most) = multiply(numbers, values, products);
        low += least;
        widest = widest.max(most - least);
    }
    let (step, inverse) = step_of(widest);
    let tables = tables.as_chunks_mut::<TABLE_BYTES>().0;
    for (table, products) in tables.iter_mut().zip(products) {
        round(products, inverse, table);
    }
    (low, step)
}

fn tables(
    query: &[f32],
    values: (usize, &[[f32; TABLE_BYTES]]),
    products: &mut [[f32; TABLE_BYTES]],
    tables: &mut [u8],
) -> (f32, f32) {
    tables_by(query, values, products, tables, multiply, round)
}

#[inline(always)]
fn multiply(
    numbers: &[f32],
    values: &[[f32; TABLE_BYTES]],
    out: &mut [f32; TABLE_BYTES],
) -> (f32, f32) {
    let mut products = [0.0; TABLE_BYTES];
    for (&x, values) in numbers.iter().zip(values) {
        for (product, value) in products.iter_mut().zip(values) {
            *product += x * value;
        }
    }
    let least = reduce(products, |a, b| if a < b { a } else { b });
    let most = reduce(products, |a, b| if a > b { a } else { b });
    for (out, product) in out.iter_mut().zip(products) {
        *out = product - least;
    }
    (least, most)
}

#[inline(always)]
fn round(products: &[f32; TABLE_BYTES], inverse: f32, table: &mut [u8; TABLE_BYTES]) {
    for (entry, product) in table.iter_mut().zip(products) {
        // Within 0 … 63: the low bits are the number.
        let rounded = (*product * inverse + ROUNDING).to_bits();
        *entry = rounded.to_le_bytes()[0] & TABLE_MAX;
    }
}

/// What one in a table stands for where products are so far apart at most, and its inverse.
#[inline(always)]
fn step_of(widest: f32) -> (f32, f32) {
    let step = widest / f32::from(TABLE_MAX);
    let inverse = 1.0 / step;
    // A query of zeros, or of so little that its inverse is none, has the same product with all.
    (step, if inverse.is_finite() { inverse } else { 0.0 })
}

/// All in one, by halves.
#[inline]
fn reduce(mut numbers: [f32; TABLE_BYTES], better: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for at in 0..half {
            numbers[at] = better(numbers[at], numbers[at + half]);
        }
    }
    numbers[0]
}
