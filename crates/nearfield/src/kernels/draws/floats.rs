//! Lines of words to rows of floats.
//!
//! Gaussians are by Box and Muller ("A Note on the Generation of Random Normal Deviates", 1958):
//! `√(−2 ln u) · (cos θ, sin θ)`. Logarithm, sine and cosine are polynomials written out here, with
//! every operation rounded once in the order it stands: Rust never fuses a product with a sum, so the
//! compiler may use any instructions it has and the bits stay. The largest a draw can be is 5.77.
//!
//! Every loop runs over neighbours in slices, which compilers turn into vectors of any width.
//!
//! ```text
//! piece     up to 512 numbers, of as many words, whole groups of 32
//! uniform   number i of word i: its upper 24 bits, −1 ≤ x < 1
//! gaussian  u of the first half's words, θ of the second's; cosines first, then sines
//! ```

use super::{Lanes, LinesKernel, Store};

/// Numbers that two lines make: a row begins with a line of its own and draws whole groups.
pub const GROUP: usize = 32;
/// Numbers drawn at once.
const PIECE: usize = 512;
/// Numbers mixed with each other, and lanes of the sum of squares.
const MIXED: usize = 16;

/// How numbers are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Evenly over −1 ≤ x < 1, in steps of 2⁻²³.
    Uniform,
    /// Mean 0, variance 1.
    Gaussian,
}

/// What a row is.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Of the numbers drawn.
    pub law: Law,
    /// Centre and deviations, as long as the row each (asserted): numbers are multiplied with the
    /// deviations, mixed sixteen by sixteen by a Hadamard matrix, which keeps lengths and angles
    /// and spreads what deviates over all sixteen, and added to the centre. The sixteen are a
    /// sixteenth of the row apart; what is left over at its end is not mixed.
    pub around: Option<(&'a [f32], &'a [f32])>,
    /// Scales the row to length 1. A row of zeros becomes the first unit vector.
    pub unit: bool,
}

/// Where a piece is made; its content means nothing between rows.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Desk {
    words: [u32; PIECE],
    numbers: [f32; PIECE],
}

impl Desk {
    /// A desk for any number of rows.
    pub const fn new() -> Self {
        Self {
            words: [0; PIECE],
            numbers: [0.0; PIECE],
        }
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// A row, by the instructions of whom it is inlined into. A WebAssembly module has one set of them
/// throughout, and one copy of this.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(super) fn row(
    lines: LinesKernel,
    lanes: &mut Lanes,
    desk: &mut Desk,
    shape: Shape<'_>,
    out: &mut [f32],
) {
    for part in out.chunks_mut(PIECE) {
        let whole = part.len().next_multiple_of(GROUP);
        let words = &mut desk.words[..whole];
        lines(lanes, bytemuck::cast_slice_mut(words), Store::Cached);
        match shape.law {
            Law::Uniform => uniform(words, part),
            Law::Gaussian => {
                let numbers = &mut desk.numbers[..whole];
                gaussian(words, numbers);
                part.copy_from_slice(&numbers[..part.len()]);
            }
        }
    }
    if let Some((centre, deviations)) = shape.around {
        assert!(centre.len() == out.len() && deviations.len() == out.len());
        for (number, deviation) in out.iter_mut().zip(deviations) {
            *number *= deviation;
        }
        mix(out);
        for (number, centre) in out.iter_mut().zip(centre) {
            *number += centre;
        }
    }
    if shape.unit {
        scale(out);
    }
}

/// The upper 24 bits, signed: exact, as every integer so small is a float.
#[inline(always)]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)] // 24 bits, and the sign wanted
fn signed(word: u32) -> f32 {
    (word as i32 >> 8) as f32 * (1.0 / 8_388_608.0)
}

#[inline(always)]
fn uniform(words: &[u32], out: &mut [f32]) {
    for (number, &word) in out.iter_mut().zip(words) {
        *number = signed(word);
    }
}

#[inline(always)]
fn gaussian(words: &[u32], out: &mut [f32]) {
    let (radii, angles) = words.split_at(words.len() / 2);
    let (cosines, sines) = out.split_at_mut(words.len() / 2);
    for (((&radius, &angle), x), y) in radii.iter().zip(angles).zip(cosines).zip(sines) {
        let radius = (-2.0 * ln(radius >> 8)).sqrt();
        let (cosine, sine) = circle(angle);
        *x = radius * cosine;
        *y = radius * sine;
    }
}

/// The natural logarithm of `(bits + 1) · 2⁻²⁴` for `bits` of 24, at most 0: the exponent apart, the
/// rest between √½ and √2 by the polynomial of Cephes' `logf` (Moshier 1992).
#[inline(always)]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::excessive_precision
)]
fn ln(bits: u32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    let u = (bits as i32 + 1) as f32 * (1.0 / 16_777_216.0);
    let above = u.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = (above as i32 >> 23) as f32;
    let x = f32::from_bits((above & 0x007f_ffff) + ROOT_HALF) - 1.0;
    let square = x * x;
    let mut y = 7.037_683_629_2e-2 * x - 1.151_461_031_0e-1;
    y = y * x + 1.167_699_874_0e-1;
    y = y * x - 1.242_014_084_6e-1;
    y = y * x + 1.424_932_278_7e-1;
    y = y * x - 1.666_805_766_5e-1;
    y = y * x + 2.000_071_476_5e-1;
    y = y * x - 2.499_999_399_3e-1;
    y = y * x + 3.333_333_117_4e-1;
    y = y * x * square + exponent * -2.121_944_40e-4;
    y -= 0.5 * square;
    (x + y) + exponent * 0.693_359_375
}

/// Cosine and sine of an angle all round: the upper 24 bits are quarter turns, −1 ≤ s < 1, where the
/// cosine is never negative; bit 7 turns its sign. Taylor's series, to 6·10⁻⁸ at the ends.
#[inline(always)]
#[allow(clippy::excessive_precision)]
fn circle(angle: u32) -> (f32, f32) {
    let s = signed(angle);
    let q = s * s;
    let mut sine = -3.598_843_235_2e-6 * q + 1.604_411_847_9e-4;
    sine = sine * q - 4.681_754_135_3e-3;
    sine = sine * q + 7.969_262_624_6e-2;
    sine = sine * q - 6.459_640_975_1e-1;
    sine = sine * q + std::f32::consts::FRAC_PI_2;
    let mut cosine = 4.710_874_778_8e-7 * q - 2.520_204_237_3e-5;
    cosine = cosine * q + 9.192_602_748_4e-4;
    cosine = cosine * q - 2.086_348_076_3e-2;
    cosine = cosine * q + 2.536_695_079_0e-1;
    cosine = cosine * q - 1.233_700_550_1;
    cosine = cosine * q + 1.0;
    let sign = (angle & 0x80) << 24;
    (f32::from_bits(cosine.to_bits() ^ sign), sine * s)
}

/// The row times a Hadamard matrix of order sixteen, a quarter of it: a turn and a mirror.
#[inline(always)]
fn mix(row: &mut [f32]) {
    let part = row.len() / MIXED;
    if part == 0 {
        return;
    }
    for number in &mut row[..part * MIXED] {
        *number *= 0.25;
    }
    for apart in [8, 4, 2, 1] {
        for pair in row[..part * MIXED].chunks_exact_mut(2 * apart * part) {
            let (here, there) = pair.split_at_mut(apart * part);
            for (a, b) in here.iter_mut().zip(there) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
    }
}

/// Divides by the root of the sum of squares: lane `j` takes `j + 8`, `j + 4`, `j + 2`, `j + 1`.
#[inline(always)]
fn scale(out: &mut [f32]) {
    let mut squares = [0.0; MIXED];
    let chunks = out.chunks_exact(MIXED);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (square, number) in squares.iter_mut().zip(chunk) {
            *square += number * number;
        }
    }
    for (square, number) in squares.iter_mut().zip(tail) {
        *square += number * number;
    }
    for apart in [8, 4, 2, 1] {
        for j in 0..apart {
            squares[j] += squares[j + apart];
        }
    }
    if squares[0] > 0.0 {
        let by = 1.0 / squares[0].sqrt();
        for number in out {
            *number *= by;
        }
    } else if let Some(first) = out.first_mut() {
        *first = 1.0;
    }
}
