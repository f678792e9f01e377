//! Replays every kernel table of this module against the scalar one, bit for bit. WebAssembly has
//! no test runner here, so the replay is an export of a build of its own (`packages/wasm/test-kernels`).

mod queries;
mod rows;
mod strips;

use nearfield::kernels::{
    Ahead, CODE_BLOCK, Isa, Kernels, TILE_COLUMNS, TILE_ROWS, TILE_STEP, available,
};
use nearfield::rng;
use queries::replay_queries;
use rows::replay_rows;
use strips::replay_strips;
use wasm_bindgen::prelude::*;

const LEN_MAX: usize = 1100;
/// Depths of tiles, in steps.
const DEPTHS: usize = 200;
/// Floats a row may start past a 64-byte line.
const OFFSETS: usize = 16;
const EDGES: [f32; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f32::MIN_POSITIVE,
    -f32::MIN_POSITIVE,
    1e-45,
    1e19,
    -1e19,
    3.0e38,
    f32::EPSILON,
    16_777_217.0,
];

/// The number at `at`; one in eight is an edge value.
#[allow(clippy::cast_precision_loss)] // 24 bits fit
fn number(at: usize) -> f32 {
    let bits = rng::value(7, 0, at as u64);
    if bits.is_multiple_of(8) {
        EDGES[(bits >> 8) as usize % EDGES.len()]
    } else {
        ((bits >> 40) as f32 / 8_388_608.0) - 1.0
    }
}

fn same(left: &[f32], right: &[f32]) -> bool {
    let both_nan = |(l, r): (&f32, &f32)| l.is_nan() && r.is_nan() || l.to_bits() == r.to_bits();
    left.iter().zip(right).all(both_nan)
}

fn results(table: &Kernels, query: &[f32], rows: [&[f32]; 4]) -> Vec<f32> {
    let single = [
        (table.l2sq_f32)(query, rows[0]),
        (table.dot_f32)(query, rows[0]),
    ];
    let four = [
        (table.l2sq_f32_x4)(query, &rows, &Ahead::NONE),
        (table.dot_f32_x4)(query, &rows, &Ahead::NONE),
    ];
    [&single[..], &four[0], &four[1]].concat()
}

fn dots(table: &Kernels, query: &[u8], rows: [&[i8]; 4]) -> [i32; 5] {
    let [a, b, c, d] = (table.dot_u7i8_x4)(query, &rows, &Ahead::NONE);
    [(table.dot_u7i8)(query, rows[0]), a, b, c, d]
}

/// The same for kernels over codes, at every byte a row may start at.
fn replay_codes(scalar: &Kernels, table: &Kernels) -> Result<u32, JsError> {
    let codes = |stream, len: usize| (0..len).map(move |at| rng::value(stream, 1, at as u64));
    let whole = LEN_MAX.next_multiple_of(CODE_BLOCK);
    // Every fourth code of either side is the largest there is.
    let query: Vec<u8> = codes(1, whole + CODE_BLOCK)
        .map(|bits| {
            if bits.is_multiple_of(4) {
                127
            } else {
                (bits >> 8) as u8 & 127
            }
        })
        .collect();
    let rows: Vec<i8> = codes(2, 8 * whole)
        .map(|bits| {
            if bits.is_multiple_of(4) {
                -128
            } else {
                (bits >> 8) as i8
            }
        })
        .collect();
    let mut compared = 0;
    for len in (0..=whole).step_by(CODE_BLOCK) {
        for offset in 0..CODE_BLOCK {
            let query = &query[(offset * 7) % CODE_BLOCK..][..len];
            let rows: [&[i8]; 4] =
                std::array::from_fn(|row| &rows[(row + 1) * whole + offset..][..len]);
            let (expected, found) = (dots(scalar, query, rows), dots(table, query, rows));
            if expected != found {
                let name = table.isa.name();
                return Err(JsError::new(&format!(
                    "{name}, {len} codes, offset {offset}: expected {expected:?}, got {found:?}"
                )));
            }
            compared += 5;
        }
    }
    Ok(compared)
}

fn nibble_dots(table: &Kernels, query: &[u8], rows: [&[u8]; 4]) -> [i32; 5] {
    let [a, b, c, d] = (table.dot_u7u4_x4)(query, &rows, &Ahead::NONE);
    [(table.dot_u7u4)(query, rows[0]), a, b, c, d]
}

/// The same for kernels over codes of four bits.
fn replay_nibbles(scalar: &Kernels, table: &Kernels) -> Result<u32, JsError> {
    let whole = LEN_MAX.next_multiple_of(CODE_BLOCK);
    // Every fourth byte of either side is the largest there is.
    let bytes = |stream, len: usize, largest: u8| -> Vec<u8> {
        let bits = (0..len).map(move |at| rng::value(stream, 1, at as u64));
        bits.map(|bits| match bits % 4 {
            0 => largest,
            _ => (bits >> 8) as u8 & largest,
        })
        .collect()
    };
    let query = bytes(3, 2 * whole + CODE_BLOCK, 127);
    let rows = bytes(4, 8 * whole, 255);
    let mut compared = 0;
    for len in (0..=whole).step_by(CODE_BLOCK) {
        for offset in 0..CODE_BLOCK {
            let query = &query[(offset * 7) % CODE_BLOCK..][..2 * len];
            let rows: [&[u8]; 4] =
                std::array::from_fn(|row| &rows[(row + 1) * whole + offset..][..len]);
            let expected = nibble_dots(scalar, query, rows);
            let found = nibble_dots(table, query, rows);
            if expected != found {
                let name = table.isa.name();
                return Err(JsError::new(&format!(
                    "{name}, {len} bytes of nibbles, offset {offset}: expected {expected:?}, got {found:?}"
                )));
            }
            compared += 5;
        }
    }
    Ok(compared)
}

/// The same for tiles of codes, at some bytes they may start at.
fn replay_tiles(scalar: &Kernels, table: &Kernels) -> Result<u32, JsError> {
    let longest = DEPTHS * TILE_STEP;
    let bytes = |stream, len: usize| -> Vec<u8> {
        let bits = (0..len).map(move |at| rng::value(stream, 2, at as u64));
        bits.map(|bits| {
            if bits % 4 == 0 {
                127
            } else {
                (bits >> 8) as u8
            }
        })
        .collect()
    };
    let rows: Vec<u8> = bytes(5, TILE_ROWS * longest + CODE_BLOCK);
    let rows: Vec<u8> = rows.into_iter().map(|code| code & 127).collect();
    let panel = bytes(6, TILE_COLUMNS * longest + CODE_BLOCK);
    let panel: Vec<i8> = panel.into_iter().map(|code| code as i8).collect();
    let mut compared = 0;
    for depth in (0..=longest).step_by(TILE_STEP) {
        let offset = depth % CODE_BLOCK;
        let rows = &rows[offset..][..TILE_ROWS * depth];
        let panel = &panel[offset / 2..][..TILE_COLUMNS * depth];
        let mut sums = [[0; TILE_ROWS * TILE_COLUMNS]; 2];
        (scalar.tile_u7i8)(rows, panel, &mut sums[0]);
        (table.tile_u7i8)(rows, panel, &mut sums[1]);
        if sums[0] != sums[1] {
            let name = table.isa.name();
            return Err(JsError::new(&format!(
                "{name}, a tile of {depth} codes: sums differ"
            )));
        }
        compared += 1;
    }
    Ok(compared)
}

/// The same for tiles of floats.
fn replay_float_tiles(scalar: &Kernels, table: &Kernels) -> Result<u32, JsError> {
    let name = table.isa.name();
    let longest = TILE_ROWS.max(TILE_COLUMNS) * DEPTHS;
    let numbers: Vec<f32> = (0..2 * longest).map(number).collect();
    for depth in 0..=DEPTHS {
        let (rows, panel) = numbers.split_at(longest);
        let mut out = [[0.0; TILE_ROWS * TILE_COLUMNS]; 2];
        for (table, out) in [scalar, table].into_iter().zip(&mut out) {
            (table.tile_f32)(
                &rows[..TILE_ROWS * depth],
                &panel[..TILE_COLUMNS * depth],
                out,
            );
        }
        if !same(&out[0], &out[1]) {
            let message = format!("{name}, a tile of {depth} floats: products differ");
            return Err(JsError::new(&message));
        }
    }
    Ok(DEPTHS as u32 + 1)
}

/// The sets replayed, by name.
#[wasm_bindgen]
pub fn replayed_sets() -> Vec<String> {
    let sets = available().into_iter().map(|table| table.isa);
    let sets = sets.filter(|isa| *isa != Isa::Scalar);
    sets.map(|isa| isa.name().to_owned()).collect()
}

/// How many comparisons agreed; an error at the first that does not.
#[wasm_bindgen]
pub fn replay_kernels() -> Result<u32, JsError> {
    let tables = available();
    let scalar = tables.iter().find(|table| table.isa == Isa::Scalar);
    let scalar = *scalar.ok_or_else(|| JsError::new("expected a scalar table"))?;
    let numbers: Vec<f32> = (0..8 * (LEN_MAX + OFFSETS)).map(number).collect();
    let mut compared = 0;
    for table in tables.iter().filter(|table| table.isa != Isa::Scalar) {
        compared += replay_codes(scalar, table)?;
        compared += replay_nibbles(scalar, table)?;
        compared += replay_rows(scalar, table)?;
        compared += replay_tiles(scalar, table)?;
        compared += replay_float_tiles(scalar, table)?;
        compared += replay_strips(scalar, table)?;
        compared += replay_queries(scalar, table)?;
    }
    for len in 0..=LEN_MAX {
        for offset in 0..OFFSETS {
            let query = &numbers[(offset * 7) % OFFSETS..][..len];
            let rows: [&[f32]; 4] =
                std::array::from_fn(|row| &numbers[(row + 1) * LEN_MAX + offset..][..len]);
            let expected = results(scalar, query, rows);
            for table in tables.iter().filter(|table| table.isa != Isa::Scalar) {
                let found = results(table, query, rows);
                if !same(&expected, &found) {
                    let name = table.isa.name();
                    return Err(JsError::new(&format!(
                        "{name}, length {len}, offset {offset}: expected {expected:?}, got {found:?}"
                    )));
                }
                compared += 10;
            }
        }
    }
    Ok(compared)
}
