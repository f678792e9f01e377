//! Kernels over codes against sums in 64 bits: equal on every set, at every length and alignment, at
//! the largest products two of which must fit 16 bits.

use super::values::Random;
use super::{Ahead, CODE_BLOCK, Kernels, TILE_COLUMNS, TILE_ROWS, TILE_STEP, replay};
use crate::ids::DIM_MAX;

/// Blocks replayed one by one, past 1,100 codes.
const BLOCKS_MAX: usize = 18;

fn exact(query: &[u8], row: &[i8]) -> i32 {
    let products = query
        .iter()
        .zip(row)
        .map(|(&q, &r)| i64::from(q) * i64::from(r));
    i32::try_from(products.sum::<i64>()).expect("fits by the limit on dim")
}

/// Pair and quad, every row at every place of the quad.
fn assert_exact(table: &Kernels, query: &[u8], rows: [&[i8]; 4], what: &str) {
    let expected = rows.map(|row| exact(query, row));
    for turn in 0..4 {
        let (mut turned, mut wanted) = (rows, expected);
        turned.rotate_left(turn);
        wanted.rotate_left(turn);
        let places = || turned.map(|row| row.as_ptr().addr());
        let ahead = Ahead::of(CODE_BLOCK, query.len(), places);
        let four = (table.dot_u7i8_x4)(query, &turned, &ahead);
        let ones = turned.map(|row| (table.dot_u7i8)(query, row));
        assert_eq!((four, ones), (wanted, wanted), "{:?} {what}", table.isa);
    }
}

/// A tile against the same rows and columns one by one.
fn assert_tile(table: &Kernels, rows: &[Vec<u8>], columns: &[Vec<i8>], offset: usize) {
    let depth = rows[0].len();
    // What lies around is large: one code too many shows in the sums.
    let mut left = vec![127_u8; offset + depth * TILE_ROWS + 64];
    left[offset..][..depth * TILE_ROWS].copy_from_slice(&rows.concat());
    let mut right = vec![127_i8; offset + depth * TILE_COLUMNS + 64];
    for (at, column) in columns.iter().enumerate() {
        for (step, four) in column.chunks(TILE_STEP).enumerate() {
            let place = offset + (step * TILE_COLUMNS + at) * TILE_STEP;
            right[place..][..TILE_STEP].copy_from_slice(four);
        }
    }
    let mut out = [i32::MIN; TILE_ROWS * TILE_COLUMNS];
    (table.tile_u7i8)(
        &left[offset..][..depth * TILE_ROWS],
        &right[offset..][..depth * TILE_COLUMNS],
        &mut out,
    );
    for (row, out) in rows.iter().zip(out.chunks(TILE_COLUMNS)) {
        let expected: Vec<_> = columns.iter().map(|column| exact(row, column)).collect();
        assert_eq!(out, expected, "{:?} {depth} at {offset}", table.isa);
    }
}

#[test]
fn tiles_are_exact_at_every_depth_and_alignment() {
    replay(|table| {
        let mut random = Random(12);
        for depth in (0..=260).step_by(TILE_STEP).chain([768, 1100]) {
            let left: Vec<_> = (0..TILE_ROWS)
                .map(|_| queries(&mut random, depth))
                .collect();
            let right: Vec<_> = (0..TILE_COLUMNS)
                .map(|_| rows(&mut random, depth))
                .collect();
            for offset in [0, 1, depth % 64] {
                assert_tile(table, &left, &right, offset);
            }
        }
        let depth = DIM_MAX as usize;
        let extreme = |at: usize| vec![[127, -127, -128, 127][at % 4]; depth];
        let right: Vec<_> = (0..TILE_COLUMNS).map(extreme).collect();
        assert_tile(table, &vec![vec![127; depth]; TILE_ROWS], &right, 0);
    });
}

#[test]
fn panels_lay_rows_side_by_side_at_every_length_and_alignment() {
    replay(|table| {
        let mut random = Random(13);
        for depth in (0..=260).step_by(TILE_STEP).chain([768, 1100]) {
            for offset in [0, 1, 63] {
                // Rows of every length there can be, none among them; large codes follow each.
                let lengths: [usize; TILE_COLUMNS] = std::array::from_fn(|at| {
                    let all: [usize; 4] = [depth, 0, depth / 2, depth.max(at) - at];
                    all[at % 4]
                });
                let rows = lengths.map(|len| {
                    let mut row = vec![127; offset];
                    row.extend(rows(&mut random, len));
                    row.resize(offset + len + 64, 127);
                    row
                });
                let mut out = vec![99; offset + depth * TILE_COLUMNS + 64];
                let given = std::array::from_fn(|at| &rows[at][offset..][..lengths[at]]);
                (table.panel_i8)(given, &mut out[offset..][..depth * TILE_COLUMNS]);
                for (at, &code) in out.iter().enumerate() {
                    let Some(place) = at
                        .checked_sub(offset)
                        .filter(|&place| place < depth * TILE_COLUMNS)
                    else {
                        assert_eq!(code, 99, "{:?} {depth} at {offset}", table.isa);
                        continue;
                    };
                    let (step, column) = (
                        place / (TILE_COLUMNS * TILE_STEP),
                        place / TILE_STEP % TILE_COLUMNS,
                    );
                    let expected = given[column].get(step * TILE_STEP + place % TILE_STEP);
                    assert_eq!(
                        code,
                        expected.copied().unwrap_or(0),
                        "{:?} {depth} at {offset}: column {column}, step {step}",
                        table.isa
                    );
                }
            }
        }
    });
}

#[test]
fn panels_of_other_shapes_are_refused() {
    let refused = |row: usize, panel: usize, table: &Kernels| {
        let row = vec![1; row];
        let call = || (table.panel_i8)([&row; TILE_COLUMNS], &mut vec![1; panel]);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err()
    };
    replay(|table| {
        assert!(!refused(8, TILE_COLUMNS * 8, table));
        assert!(!refused(5, TILE_COLUMNS * 8, table));
        assert!(refused(9, TILE_COLUMNS * 8, table));
        assert!(refused(8, TILE_COLUMNS * 8 + 4, table));
        assert!(refused(6, TILE_COLUMNS * 6, table));
    });
}

#[test]
fn tiles_of_other_shapes_are_refused() {
    let refused = |rows: usize, panel: usize, table: &Kernels| {
        let mut out = [0; TILE_ROWS * TILE_COLUMNS];
        let call = || (table.tile_u7i8)(&vec![1; rows], &vec![1; panel], &mut out);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err()
    };
    replay(|table| {
        assert!(!refused(TILE_ROWS * 8, TILE_COLUMNS * 8, table));
        assert!(refused(TILE_ROWS * 8 + 4, TILE_COLUMNS * 8, table));
        assert!(refused(TILE_ROWS * 8, TILE_COLUMNS * 4, table));
        assert!(refused(TILE_ROWS * 6, TILE_COLUMNS * 6, table));
    });
}

fn queries(random: &mut Random, len: usize) -> Vec<u8> {
    let numbers = random.whole(len, 63).into_iter();
    numbers
        .map(|x| u8::try_from(x + 64).expect("1 … 127"))
        .collect()
}

fn rows(random: &mut Random, len: usize) -> Vec<i8> {
    let numbers = random.whole(len, 127).into_iter();
    numbers.map(|x| i8::try_from(x).expect("±127")).collect()
}

#[test]
fn sums_are_exact_at_every_length_and_alignment() {
    replay(|table| {
        let mut random = Random(11);
        for len in (0..=BLOCKS_MAX).map(|blocks| blocks * CODE_BLOCK) {
            let query = queries(&mut random, len);
            let row = [(); 4].map(|()| rows(&mut random, len));
            for offset in 0..64 {
                // What lies around the slices is large: one code too many shows in the sum.
                let mut around = vec![127_u8; len + 128];
                around[offset..offset + len].copy_from_slice(&query);
                let mut beside = [(); 4].map(|()| vec![127_i8; len + 128]);
                let starts = [1, 3, 17, 32].map(|step| (offset * step + step) % 64);
                for at in 0..4 {
                    beside[at][starts[at]..starts[at] + len].copy_from_slice(&row[at]);
                }
                let placed = std::array::from_fn(|at| &beside[at][starts[at]..starts[at] + len]);
                let query = &around[offset..offset + len];
                assert_exact(table, query, placed, &format!("{len} at {offset}"));
            }
        }
    });
}

#[test]
fn the_largest_products_neither_saturate_nor_wrap() {
    replay(|table| {
        for len in [CODE_BLOCK, 1024, DIM_MAX as usize] {
            let query = vec![127; len];
            let alternating: Vec<i8> = (0..len).map(|at| [127, -127][at % 2]).collect();
            let paired: Vec<i8> = (0..len).map(|at| [127, 127, -127, -127][at % 4]).collect();
            let (high, low) = (vec![127; len], vec![-128; len]);
            assert_exact(
                table,
                &query,
                [&high, &low, &alternating, &paired],
                "extremes",
            );
            assert_exact(table, &vec![0; len], [&high, &low, &high, &low], "zeros");
        }
    });
}

#[test]
fn lengths_that_differ_or_are_no_blocks_are_refused() {
    let refused = |call: &dyn Fn() -> i32| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err()
    };
    replay(|table| {
        let (long, short, odd) = ([1_i8; 128], [1_i8; 64], [1_i8; 65]);
        let name = table.isa;
        assert!(refused(&|| (table.dot_u7i8)(&[1; 128], &short)), "{name:?}");
        assert!(refused(&|| (table.dot_u7i8)(&[1; 64], &long)), "{name:?}");
        assert!(refused(&|| (table.dot_u7i8)(&[1; 65], &odd)), "{name:?}");
        for at in 0..4 {
            let mut rows: [&[i8]; 4] = [&long; 4];
            rows[at] = &short;
            assert!(
                refused(&|| (table.dot_u7i8_x4)(&[1; 128], &rows, &Ahead::NONE)[0]),
                "{name:?} row {at}"
            );
        }
    });
}
