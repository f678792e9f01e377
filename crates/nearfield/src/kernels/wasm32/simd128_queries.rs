//! Rotations and tables with simd128: left to the compiler, they go number by number.

use crate::kernels::queries::{self, ROUNDING, START};
use crate::kernels::{TABLE_BYTES, TABLE_MAX, TableMaker, Turn};
use std::arch::wasm32::{
    f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_pmax, f32x4_pmin, f32x4_splat, f32x4_sub,
    i16x8_narrow_i32x4, i32x4_shuffle, i32x4_splat, u8x16_narrow_i16x8, v128, v128_and, v128_load,
    v128_store,
};

pub(super) const TURN: Turn = |vector, turns| queries::turn(vector, turns, hadamard);
pub(super) const TABLES: TableMaker = tables;

/// Numbers of a register, and the registers of a position's products.
const LANES: usize = 4;
const QUARTERS: usize = TABLE_BYTES / LANES;

#[inline(always)]
fn load(numbers: &[f32; LANES]) -> v128 {
    // SAFETY: four numbers are read of an array of four; a v128 load needs no alignment.
    unsafe { v128_load(numbers.as_ptr().cast()) }
}

#[inline(always)]
fn store(numbers: &mut [f32; LANES], four: v128) {
    // SAFETY: as above.
    unsafe { v128_store(numbers.as_mut_ptr().cast(), four) };
}

/// The transform of a power of two numbers, as [`queries::hadamard`].
fn hadamard(numbers: &mut [f32], shrink: f32) {
    if numbers.len() < START {
        return queries::hadamard(numbers, shrink);
    }
    let fours = numbers.as_chunks_mut::<LANES>().0;
    let shrink = f32x4_splat(shrink);
    for pair in fours.as_chunks_mut::<2>().0 {
        let [a, b] = pair
            .each_ref()
            .map(|four| start(f32x4_mul(load(four), shrink)));
        store(&mut pair[0], f32x4_add(a, b));
        store(&mut pair[1], f32x4_sub(a, b));
    }
    let mut half = START / LANES;
    while half < fours.len() {
        for pair in fours.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                let (a, b) = (load(low), load(high));
                store(low, f32x4_add(a, b));
                store(high, f32x4_sub(a, b));
            }
        }
        half *= 2;
    }
}

/// The transform of four.
#[inline(always)]
fn start(x: v128) -> v128 {
    let a = i32x4_shuffle::<0, 0, 2, 2>(x, x);
    let b = i32x4_shuffle::<1, 1, 3, 3>(x, x);
    let x = i32x4_shuffle::<0, 5, 2, 7>(f32x4_add(a, b), f32x4_sub(a, b));
    let a = i32x4_shuffle::<0, 1, 0, 1>(x, x);
    let b = i32x4_shuffle::<2, 3, 2, 3>(x, x);
    i32x4_shuffle::<0, 1, 6, 7>(f32x4_add(a, b), f32x4_sub(a, b))
}

fn tables(
    query: &[f32],
    values: (usize, &[[f32; TABLE_BYTES]]),
    products: &mut [[f32; TABLE_BYTES]],
    tables: &mut [u8],
) -> (f32, f32) {
    queries::tables_by(query, values, products, tables, multiply, round)
}

#[inline(always)]
fn multiply(
    numbers: &[f32],
    values: &[[f32; TABLE_BYTES]],
    out: &mut [f32; TABLE_BYTES],
) -> (f32, f32) {
    let mut products = [f32x4_splat(0.0); QUARTERS];
    for (&x, values) in numbers.iter().zip(values) {
        let (x, values) = (f32x4_splat(x), values.as_chunks().0);
        for (product, values) in products.iter_mut().zip(values) {
            *product = f32x4_add(*product, f32x4_mul(x, load(values)));
        }
    }
    // The one that is less, else the second: as comparisons of plain Rust choose.
    let least = reduce(products, |a, b| f32x4_pmin(b, a));
    let most = reduce(products, |a, b| f32x4_pmax(b, a));
    for (out, product) in out.as_chunks_mut().0.iter_mut().zip(products) {
        store(out, f32x4_sub(product, f32x4_splat(least)));
    }
    (least, most)
}

#[inline(always)]
fn round(products: &[f32; TABLE_BYTES], inverse: f32, table: &mut [u8; TABLE_BYTES]) {
    let (inverse, rounding) = (f32x4_splat(inverse), f32x4_splat(ROUNDING));
    let six = i32x4_splat(TABLE_MAX.into());
    let [a, b, c, d] = *products.as_chunks().0 else {
        unreachable!("a table is four registers of products");
    };
    // Within 0 … 63: the low bits are the number.
    let [a, b, c, d] = [a, b, c, d]
        .map(|four| v128_and(f32x4_add(f32x4_mul(load(&four), inverse), rounding), six));
    let bytes = u8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d));
    // SAFETY: sixteen bytes are written to an array of as many; no alignment is needed.
    unsafe { v128_store(table.as_mut_ptr().cast(), bytes) };
}

/// All in one, by halves.
#[inline(always)]
fn reduce([a, b, c, d]: [v128; QUARTERS], better: impl Fn(v128, v128) -> v128) -> f32 {
    let four = better(better(a, c), better(b, d));
    let two = better(four, i32x4_shuffle::<2, 3, 2, 3>(four, four));
    f32x4_extract_lane::<0>(better(two, i32x4_shuffle::<1, 1, 1, 1>(two, two)))
}
