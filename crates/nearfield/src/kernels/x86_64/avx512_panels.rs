//! Panels of codes with AVX-512: sixteen steps of sixteen rows turned over in as many registers.
//!
//! ```text
//! load         row r: steps 0 … 15, zeros from its end on
//! unpack       fours of rows 4 k … 4 k + 3:  steps c, c + 4, c + 8, c + 12 in the four parts of a register
//! shuffle      the same part of all four k together: a step of all rows
//! ```

use crate::kernels::{PanelMaker, TILE_COLUMNS, TILE_STEP, panels};
use std::arch::x86_64::{
    __m512i, _mm512_maskz_loadu_epi8, _mm512_setzero_si512, _mm512_shuffle_i32x4,
    _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

// SAFETY: the table that has it is handed out only after its instructions were detected.
pub(super) const PANEL: PanelMaker = |rows, out| unsafe { panel(rows, out) };

/// Codes of a register.
const CODES: usize = 64;
/// Steps of a register.
const STEPS: usize = CODES / TILE_STEP;
const _: () = assert!(STEPS == TILE_COLUMNS);

#[target_feature(enable = "avx512f,avx512bw")]
fn panel(rows: [&[i8]; TILE_COLUMNS], out: &mut [i8]) {
    let depth = panels::depth(rows, out);
    for at in (0..depth).step_by(CODES) {
        // SAFETY: this function's features are those of both. A row is read where it has codes, and as
        // many steps are written from `at` as `depth` has, sixteen fours each.
        unsafe {
            let turned = turned(rows.map(|row| load(row, at)));
            let steps = STEPS.min((depth - at) / TILE_STEP);
            let to = out.as_mut_ptr().add(at * TILE_COLUMNS);
            for (step, fours) in turned.into_iter().take(steps).enumerate() {
                _mm512_storeu_si512(to.add(step * CODES).cast(), fours);
            }
        }
    }
}

/// The codes of a row from `at` on, zeros after its end.
///
/// # Safety
/// The machine has AVX-512 F and BW.
#[inline(always)]
unsafe fn load(row: &[i8], at: usize) -> __m512i {
    let left = row.get(at..).unwrap_or_default();
    let mask = match left.len() {
        CODES.. => u64::MAX,
        codes => (1 << codes) - 1,
    };
    // SAFETY: the caller has the instructions; masked bytes are not read.
    unsafe { _mm512_maskz_loadu_epi8(mask, left.as_ptr()) }
}

/// Step `s` of every row in place of every step of row `r`.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn turned(rows: [__m512i; TILE_COLUMNS]) -> [__m512i; STEPS] {
    // SAFETY: the caller has the instructions.
    unsafe {
        // Of four rows: steps `c`, `c + 4`, `c + 8` and `c + 12`, by `c`.
        let fours: [[__m512i; 4]; 4] = std::array::from_fn(|k| {
            let four: [__m512i; 4] = std::array::from_fn(|row| rows[4 * k + row]);
            let low = [0, 2].map(|row| _mm512_unpacklo_epi32(four[row], four[row + 1]));
            let high = [0, 2].map(|row| _mm512_unpackhi_epi32(four[row], four[row + 1]));
            [
                _mm512_unpacklo_epi64(low[0], low[1]),
                _mm512_unpackhi_epi64(low[0], low[1]),
                _mm512_unpacklo_epi64(high[0], high[1]),
                _mm512_unpackhi_epi64(high[0], high[1]),
            ]
        });
        let mut steps = [_mm512_setzero_si512(); STEPS];
        for c in 0..4 {
            let [a, b, d, e] = fours.map(|four| four[c]);
            let even = [
                _mm512_shuffle_i32x4::<0x88>(a, b),
                _mm512_shuffle_i32x4::<0x88>(d, e),
            ];
            let odd = [
                _mm512_shuffle_i32x4::<0xdd>(a, b),
                _mm512_shuffle_i32x4::<0xdd>(d, e),
            ];
            steps[c] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
            steps[c + 4] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
            steps[c + 8] = _mm512_shuffle_i32x4::<0xdd>(even[0], even[1]);
            steps[c + 12] = _mm512_shuffle_i32x4::<0xdd>(odd[0], odd[1]);
        }
        steps
    }
}
