//! Rows of codes that one call scores.

use super::{LEN_MAX, same};
use nearfield::kernels::{CODE_BLOCK, CodeRows, Kernels, ROW_SCORES, RowsAsked};
use nearfield::rng;
use wasm_bindgen::JsError;

/// Replays rows of either form, of every length, however many.
pub(super) fn replay_rows(scalar: &Kernels, table: &Kernels) -> Result<u32, JsError> {
    let bytes = |stream, len: usize, largest: u8| -> Vec<u8> {
        let bits = (0..len).map(move |at| rng::value(stream, 4, at as u64));
        bits.map(|bits| (bits >> 8) as u8 & largest).collect()
    };
    let longest = LEN_MAX.next_multiple_of(CODE_BLOCK);
    let query = bytes(10, 2 * longest, 127);
    let rows = bytes(11, 2 * ROW_SCORES * longest, 255);
    let limit = 1e3;
    let mut compared = 0;
    for stride in (CODE_BLOCK..=longest).step_by(CODE_BLOCK) {
        let rows = CodeRows {
            bytes: &rows[..2 * ROW_SCORES * stride],
            stride,
            read: stride,
            factor: 1e-3,
            less: 77,
        };
        for count in 0..=ROW_SCORES {
            let slots: Vec<_> = (0..count as u32).map(|at| at * 29 % 64).collect();
            let asked = RowsAsked {
                slots: &slots,
                ahead: &[],
                limit,
            };
            for (of, one, other) in [
                (1, scalar.score_u7i8, table.score_u7i8),
                (2, scalar.score_u7u4, table.score_u7u4),
            ] {
                let mut scores = [[0.0; ROW_SCORES]; 2];
                let [expected, found] = &mut scores;
                let near = one(&query[..of * stride], &rows, asked, expected);
                let told = other(&query[..of * stride], &rows, asked, found);
                if !same(&expected[..count], &found[..count]) || near != told {
                    let name = table.isa.name();
                    return Err(JsError::new(&format!(
                        "{name}, {count} rows of {stride} bytes: scores differ"
                    )));
                }
                compared += 1;
            }
        }
    }
    Ok(compared)
}
