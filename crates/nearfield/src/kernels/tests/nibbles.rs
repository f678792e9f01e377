//! Kernels over codes of four bits against sums in 64 bits: equal on every set, at every length and
//! alignment, and where sums of 16 bits are fullest.

use super::values::Random;
use super::{Ahead, CODE_BLOCK, Kernels, replay};
use crate::ids::DIM_MAX;

/// Blocks replayed one by one, past 2,200 codes.
const BLOCKS_MAX: usize = 18;

fn exact(query: &[u8], row: &[u8]) -> i32 {
    let products = row.iter().enumerate().map(|(at, byte)| {
        let (low, high) = (query[at], query[row.len() + at]);
        i64::from(low) * i64::from(byte % 16) + i64::from(high) * i64::from(byte / 16)
    });
    i32::try_from(products.sum::<i64>()).expect("fits by the limit on dim")
}

/// Pair and quad, every row at every place of the quad.
fn assert_exact(table: &Kernels, query: &[u8], rows: [&[u8]; 4], what: &str) {
    let expected = rows.map(|row| exact(query, row));
    for turn in 0..4 {
        let (mut turned, mut wanted) = (rows, expected);
        turned.rotate_left(turn);
        wanted.rotate_left(turn);
        let ones = turned.map(|row| (table.dot_u7u4)(query, row));
        let places = || turned.map(|row| row.as_ptr().addr());
        for ahead in [Ahead::NONE, Ahead::of(CODE_BLOCK, query.len() / 2, places)] {
            let four = (table.dot_u7u4_x4)(query, &turned, &ahead);
            assert_eq!((four, ones), (wanted, wanted), "{:?} {what}", table.isa);
        }
    }
}

/// Codes below `end`.
fn codes(random: &mut Random, len: usize, end: u32) -> Vec<u8> {
    let bits = random.any_bits(len).into_iter().map(f32::to_bits);
    bits.map(|bits| u8::try_from((bits >> 3) % end).expect("at most 256"))
        .collect()
}

#[test]
fn sums_are_exact_at_every_length_and_alignment() {
    replay(|table| {
        let mut random = Random(12);
        for len in (0..=BLOCKS_MAX).map(|blocks| blocks * CODE_BLOCK) {
            let query = codes(&mut random, 2 * len, 128);
            let row = [(); 4].map(|()| codes(&mut random, len, 256));
            for offset in 0..64 {
                // What lies around the slices is large: one code too many shows in the sum.
                let mut around = vec![127_u8; 2 * len + 128];
                around[offset..offset + 2 * len].copy_from_slice(&query);
                let mut beside = [(); 4].map(|()| vec![255_u8; len + 128]);
                let starts = [1, 3, 17, 32].map(|step| (offset * step + step) % 64);
                for at in 0..4 {
                    beside[at][starts[at]..starts[at] + len].copy_from_slice(&row[at]);
                }
                let placed = std::array::from_fn(|at| &beside[at][starts[at]..starts[at] + len]);
                let query = &around[offset..offset + 2 * len];
                assert_exact(table, query, placed, &format!("{len} at {offset}"));
            }
        }
    });
}

#[test]
fn the_largest_sums_neither_saturate_nor_wrap() {
    replay(|table| {
        // Every length a span may end at, and the longest row there is.
        let lengths = (1..=BLOCKS_MAX).map(|blocks| blocks * CODE_BLOCK);
        for len in lengths.chain([DIM_MAX as usize / 2]) {
            let query = vec![127; 2 * len];
            let (all, none) = (vec![0xff; len], vec![0; len]);
            let (low, high) = (vec![0x0f; len], vec![0xf0; len]);
            assert_exact(table, &query, [&all, &none, &low, &high], "largest");
            assert_exact(table, &vec![0; 2 * len], [&all; 4], "zeros");
        }
    });
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let refused = |call: &dyn Fn() -> i32| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err()
    };
    replay(|table| {
        let (long, short, odd) = ([1_u8; 128], [1_u8; 64], [1_u8; 65]);
        let name = table.isa;
        assert!(refused(&|| (table.dot_u7u4)(&[1; 256], &short)), "{name:?}");
        assert!(refused(&|| (table.dot_u7u4)(&[1; 128], &long)), "{name:?}");
        assert!(refused(&|| (table.dot_u7u4)(&[1; 130], &odd)), "{name:?}");
        assert!(refused(&|| (table.dot_u7u4)(&[1; 64], &short)), "{name:?}");
        for at in 0..4 {
            let mut rows: [&[u8]; 4] = [&long; 4];
            rows[at] = &short;
            assert!(
                refused(&|| (table.dot_u7u4_x4)(&[1; 256], &rows, &Ahead::NONE)[0]),
                "{name:?} row {at}"
            );
        }
    });
}
