//! Inner products as distances: with one number more a row, all rows have the length of the longest.
//!
//! ```text
//! x̃ = (x, √(M² − ‖x‖²))      ‖x̃‖ = M      ‖x̃ − ỹ‖² = 2 M² − 2 x̃ · ỹ
//! ```
//! A question has zero there, so that the row with the largest product is the nearest (Bachrach and others,
//! "Speeding Up the Xbox Recommender System", 2014). Leaves are cut by these distances and links kept apart by
//! them; which pairs are near is left to the products.

use crate::exec::Exec;
use crate::ids::Slot;
use crate::matrix::Rows;

/// Rows one thread measures at a time.
const GRAIN: usize = 1024;

/// The number of each row.
#[allow(clippy::cast_possible_truncation)] // slots; a distance keeps the bits of an `f32`
pub fn lift(rows: Rows<'_>, exec: Exec<'_>) -> Vec<f32> {
    let mut squares = vec![0.0; rows.len()];
    exec.fill(
        &mut squares,
        GRAIN,
        || (),
        |(), slot, square| {
            let numbers = rows.row(slot as Slot).iter();
            *square = numbers.fold(0.0, |sum, &x| sum + f64::from(x) * f64::from(x));
        },
    );
    let most = squares.iter().copied().fold(0.0, f64::max);
    squares
        .into_iter()
        .map(|square| (most - square).sqrt() as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_are_as_long_as_the_longest() {
        let mut floats = [0.0; 48];
        (floats[0], floats[1], floats[16]) = (3.0, -4.0, 1.0);
        let lifts = lift(Rows::new(&floats, 2), Exec::Serial);
        assert_eq!(lifts, [0.0, 24.0f32.sqrt(), 5.0]);
    }
}
