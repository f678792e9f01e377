//! What a query becomes before strips are scanned: rotated, then tables.

use super::{number, same};
use nearfield::kernels::{Kernels, TABLE_BYTES, Turns};
use wasm_bindgen::JsError;

/// Dimensions rotated, each by its largest power of two.
const DIMS: [usize; 16] = [1, 2, 3, 4, 7, 8, 9, 16, 24, 31, 64, 96, 100, 256, 300, 768];
/// Transforms of a rotation.
const TRANSFORMS: usize = 4;
/// Numbers a code has at most.
const NUMBERS: usize = 8;

/// Replays rotations there and back, then tables of queries as long, of one to eight numbers a code.
pub(super) fn replay_queries(scalar: &Kernels, table: &Kernels) -> Result<u32, JsError> {
    let name = table.isa.name();
    // Rotations of numbers that are far apart end in such that are none: these stay small.
    let small = |at: usize| number(at).clamp(-1e6, 1e6);
    let mut compared = 0;
    for dim in DIMS {
        let vector: Vec<_> = (0..dim).map(small).collect();
        let sign = |at: usize| if number(at + 7) < 0.0 { -1.0 } else { 1.0 };
        let signs: Vec<f32> = (0..TRANSFORMS * dim).map(sign).collect();
        let span = 1 << dim.ilog2();
        for back in [false, true] {
            let turns = Turns {
                signs: &signs,
                span,
                shrink: 0.6,
                back,
            };
            let [mut expected, mut found] = [vector.clone(), vector.clone()];
            (scalar.turn_f32)(&mut expected, turns);
            (table.turn_f32)(&mut found, turns);
            if !same(&expected, &found) {
                let message = format!("{name}, {dim} numbers: rotations differ");
                return Err(JsError::new(&message));
            }
            compared += 1;
        }
        for numbers in 1..=NUMBERS {
            let positions = dim.div_ceil(numbers);
            let value = |row: usize| std::array::from_fn(|at| small(row * TABLE_BYTES + at + 3));
            // Of all positions the same, and of each position its own.
            for rows in [numbers, positions * numbers] {
                let values: Vec<[f32; TABLE_BYTES]> = (0..rows).map(value).collect();
                let make = |kernels: &Kernels| {
                    let mut products = vec![[0.0; TABLE_BYTES]; positions];
                    let mut bytes = vec![255; (positions + 1) * TABLE_BYTES];
                    let made =
                        (kernels.tables_u6)(&vector, (numbers, &values), &mut products, &mut bytes);
                    (bytes, [made.0, made.1])
                };
                let ((expected, wanted), (found, told)) = (make(scalar), make(table));
                if expected != found || !same(&wanted, &told) {
                    let message = format!("{name}, {dim} by {numbers}: tables differ");
                    return Err(JsError::new(&message));
                }
                compared += 1;
            }
        }
    }
    Ok(compared)
}
