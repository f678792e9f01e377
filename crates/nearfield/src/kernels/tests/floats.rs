//! Tiles of floats against the same sums written out pair by pair: equal in every bit on every set.

use super::values::Random;
use super::{TILE_COLUMNS, TILE_ROWS, replay, same};

/// The numbers of a panel's columns side by side.
fn panel(columns: &[Vec<f32>; TILE_COLUMNS]) -> Vec<f32> {
    let depth = columns[0].len();
    (0..depth)
        .flat_map(|at| columns.iter().map(move |column| column[at]))
        .collect()
}

#[test]
fn every_product_is_the_definitions_in_every_bit() {
    replay(|table| {
        let mut random = Random(31);
        for depth in [0, 1, 2, 3, 15, 16, 17, 100, 112, 768, 1100] {
            for hostile in [false, true] {
                let mut draw = |len| {
                    if hostile {
                        random.any_bits(len)
                    } else {
                        random.ordinary(len)
                    }
                };
                let rows: Vec<_> = (0..TILE_ROWS).map(|_| draw(depth)).collect();
                let columns: [Vec<f32>; TILE_COLUMNS] = std::array::from_fn(|_| draw(depth));
                let mut out = [f32::NAN; TILE_ROWS * TILE_COLUMNS];
                (table.tile_f32)(&rows.concat(), &panel(&columns), &mut out);
                for (at, &product) in out.iter().enumerate() {
                    let (row, column) = (&rows[at / TILE_COLUMNS], &columns[at % TILE_COLUMNS]);
                    let pairs = row.iter().zip(column);
                    let wanted = pairs.fold(0.0_f32, |sum, (a, b)| sum + a * b);
                    assert!(
                        same(product, wanted),
                        "{:?} {depth}, pair {at}: {product:e}, expected {wanted:e}",
                        table.isa
                    );
                }
            }
        }
    });
}

#[test]
fn tiles_that_do_not_fit_are_refused() {
    replay(|table| {
        for (rows, panel) in [(8, 15), (8, 32), (7, 16), (16, 16), (0, 16)] {
            let call = || {
                let mut out = [0.0; TILE_ROWS * TILE_COLUMNS];
                (table.tile_f32)(&vec![0.0; rows], &vec![0.0; panel], &mut out);
            };
            let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err();
            assert!(refused, "{:?}: {rows} and {panel}", table.isa);
        }
    });
}
