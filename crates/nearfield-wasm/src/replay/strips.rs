//! Strips scanned for one query and for several, and lists halved.

use super::same;
use nearfield::kernels::{
    Kernels, SCAN_QUERIES, STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, TABLE_BYTES, TABLE_MAX,
};
use nearfield::rng;
use wasm_bindgen::JsError;

/// Every even number of positions up to this, and those where sums outgrow 16 bits once and twice.
const POSITIONS: usize = 64;
const LONG: [usize; 4] = [1022, 1024, 1026, 2050];
/// Integers of the longest list.
const LIST: usize = 200;

/// Replays strips for one query and for each of several, then lists of every length.
pub(super) fn replay_strips(scalar: &Kernels, table: &Kernels) -> Result<u32, JsError> {
    let name = table.isa.name();
    let bytes = |stream, len: usize, largest: u8| -> Vec<u8> {
        let bits = (0..len).map(move |at| rng::value(stream, 3, at as u64));
        bits.map(|bits| (bits >> 8) as u8 & largest).collect()
    };
    let longest = LONG[3] * TABLE_BYTES;
    let tables = bytes(8, longest + SCAN_QUERIES * TABLE_BYTES, TABLE_MAX);
    let strip = bytes(9, longest + TABLE_BYTES + STRIP_TERMS_BYTES, 255);
    let mut compared = 0;
    for positions in (0..=POSITIONS).step_by(2).chain(LONG) {
        let (len, offset) = (positions * TABLE_BYTES, positions % TABLE_BYTES);
        let strip = &strip[offset / 2..][..len + STRIP_TERMS_BYTES];
        // Each query has tables and terms of its own.
        let all: [_; SCAN_QUERIES] =
            std::array::from_fn(|query| &tables[offset + query * TABLE_BYTES..][..len]);
        let terms: [_; SCAN_QUERIES] = [0.5, 2.5, -1.0, 9.0].map(|base| ScanTerms {
            base,
            low: -1.25,
            step: 0.1,
            bound: 10.0,
        });
        let mut together = [[0.0; STRIP_ENTRIES]; SCAN_QUERIES];
        let scan = table.scan_u6u4_x4;
        let scan = scan.ok_or_else(|| JsError::new("expected a scan for several queries"))?;
        let told = scan(all, strip, &terms, &mut together);
        for query in 0..SCAN_QUERIES {
            let mut scores = [[0.0; STRIP_ENTRIES]; 2];
            let [expected, alone] = &mut scores;
            let below = (scalar.scan_u6u4)(all[query], strip, terms[query], expected);
            let found = (table.scan_u6u4)(all[query], strip, terms[query], alone);
            let scored = same(expected, alone) && same(expected, &together[query]);
            if !scored || [found, told[query]] != [below; 2] {
                let message = format!("{name}, a strip of {positions} positions: scores differ");
                return Err(JsError::new(&message));
            }
            compared += 2;
        }
    }
    for len in 0..=LIST {
        // Up to a hundred different ones, and integers of all bits.
        let list = |at: usize| match (rng::value(10, len as u64, at as u64), len % 3) {
            (bits, 0) => bits % 100,
            (bits, _) => bits,
        };
        for k in [0, 1, 24, len / 2, len.saturating_sub(1), len] {
            let mut lists = [(); 2].map(|()| (0..len).map(list).collect::<Vec<_>>());
            let [expected, found] = &mut lists;
            if (scalar.sift_u64)(expected, k) != (table.sift_u64)(found, k) || expected != found {
                let message = format!("{name}, {k} of {len} integers: others are kept");
                return Err(JsError::new(&message));
            }
            compared += 1;
        }
    }
    Ok(compared)
}
