//! Lines of words to rows of floats.
//!
//! Gaussians are by Box and Muller ("A Note on the Generation of Random Normal Deviates", 1958):
//! `√(−2 ln u) · (cos θ, sin θ)`. Logarithm, sine and cosine are polynomials written out here, no longer
//! than a draw of 24 bits needs (Remez: each is the best of its degree) and of few steps after one another,
//! as a processor waits for those. Every operation is rounded once in the order it stands: Rust never fuses a
//! product with a sum, so the compiler may use any instructions it has and the bits stay. The
//! largest a draw can be is 5.77, and none is off by more than 7·10⁻⁵.
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
pub(super) const PIECE: usize = 512;
/// Numbers mixed with each other, and lanes of the sum of squares.
pub(super) const MIXED: usize = 16;

/// √½ as bits, and by how much the exponent of 24 bits is more than that of their share of 1.
pub(super) const ROOT_HALF: u32 = 0x3f35_04f3;
pub(super) const SCALE: u32 = 24 << 23;
/// `−2 ln(1 + x) ÷ x`: of each two numbers the factor and the term of a line, the lines' own factors 1, x², x⁴.
pub(super) const LOG: [[f32; 2]; 3] = [
    [0.999_804_4, -2.000_009],
    [0.508_065_4, -0.665_160_5],
    [0.285_841_5, -0.441_118_75],
];
/// `sin(s · π ÷ 2) ÷ s`, lines of s² with factors 1 and s⁴.
pub(super) const SINE: [[f32; 2]; 2] =
    [[-0.645_925_94, 1.570_795_2], [-0.004_371_015, 0.079_500_65]];
/// `cos(s · π ÷ 2)` in the same way.
pub(super) const COSINE: [[f32; 2]; 2] =
    [[-1.233_484_5, 0.999_993_3], [-0.019_095_736, 0.252_580_23]];

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
    pub(super) numbers: [f32; PIECE],
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
    let (mut squares, mut summed) = ([0.0; MIXED], false);
    for part in out.chunks_mut(PIECE) {
        let whole = part.len().next_multiple_of(GROUP);
        let words = &mut desk.words[..whole];
        lines(lanes, bytemuck::cast_slice_mut(words), Store::Cached);
        match shape.law {
            Law::Uniform if shape.unit && shape.around.is_none() => {
                uniform(words, part, |j, x| squares[j] += x * x);
                summed = true;
            }
            Law::Uniform => uniform(words, part, |_, _| ()),
            Law::Gaussian => {
                // A row may end within a group, whose numbers then need room elsewhere.
                let fits = part.len() == whole;
                let elsewhere = &mut desk.numbers[..whole];
                gaussian(words, if fits { &mut *part } else { &mut *elsewhere });
                if !fits {
                    part.copy_from_slice(&elsewhere[..part.len()]);
                }
            }
        }
    }
    if let Some((centre, deviations)) = shape.around {
        assert!(centre.len() == out.len() && deviations.len() == out.len());
        place(out, centre, deviations);
    }
    if shape.unit {
        if !summed {
            square_sums(out, &mut squares);
        }
        scale(out, squares);
    }
}

/// The upper 24 bits, signed: exact, as every integer so small is a float.
#[inline(always)]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)] // 24 bits, and the sign wanted
fn signed(word: u32) -> f32 {
    (word as i32 >> 8) as f32 * (1.0 / 8_388_608.0)
}

/// Shows `each` every number, with its place among sixteen.
#[inline(always)]
fn uniform(words: &[u32], out: &mut [f32], mut each: impl FnMut(usize, f32)) {
    let (words, more) = words.as_chunks::<MIXED>();
    let (out, rest) = out.as_chunks_mut::<MIXED>();
    for (out, words) in out.iter_mut().zip(words) {
        for ((j, number), &word) in out.iter_mut().enumerate().zip(words) {
            *number = signed(word);
            each(j, *number);
        }
    }
    let last = words.get(out.len()).map_or(more, |last| last);
    for ((j, number), &word) in rest.iter_mut().enumerate().zip(last) {
        *number = signed(word);
        each(j, *number);
    }
}

#[inline(always)]
fn gaussian(words: &[u32], out: &mut [f32]) {
    let (radii, angles) = words.split_at(words.len() / 2);
    let (cosines, sines) = out.split_at_mut(words.len() / 2);
    for (((&radius, &angle), x), y) in radii.iter().zip(angles).zip(cosines).zip(sines) {
        let radius = square(radius >> 8).sqrt();
        let (cosine, sine) = circle(angle);
        *x = radius * cosine;
        *y = radius * sine;
    }
}

/// `−2 ln u` of `u = (bits + 1) · 2⁻²⁴` for `bits` of 24, at least 0: the exponent apart, the rest, between
/// √½ and √2, by a polynomial, to 8·10⁻⁶ of itself.
#[inline(always)]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_wrap)]
fn square(bits: u32) -> f32 {
    let above = ((bits as i32 + 1) as f32)
        .to_bits()
        .wrapping_sub(SCALE + ROOT_HALF);
    let exponent = (above as i32 >> 23) as f32;
    let x = f32::from_bits((above & 0x007f_ffff) + ROOT_HALF) - 1.0;
    let q = x * x;
    let low = LOG[0][0] * x + LOG[0][1];
    let middle = LOG[1][0] * x + LOG[1][1];
    let high = LOG[2][0] * x + LOG[2][1];
    exponent * (-2.0 * std::f32::consts::LN_2) + x * (low + q * (middle + q * high))
}

/// Cosine and sine of an angle all round: the upper 24 bits are quarter turns, −1 ≤ s < 1, where the
/// cosine is that of a half circle; bit 7 turns its sign. The cosine to 7·10⁻⁶, the sine to 2·10⁻⁶.
#[inline(always)]
fn circle(angle: u32) -> (f32, f32) {
    let s = signed(angle);
    let q = s * s;
    let p = q * q;
    let sine = (SINE[0][0] * q + SINE[0][1]) + p * (SINE[1][0] * q + SINE[1][1]);
    let cosine = (COSINE[0][0] * q + COSINE[0][1]) + p * (COSINE[1][0] * q + COSINE[1][1]);
    let sign = (angle & 0x80) << 24;
    (f32::from_bits(cosine.to_bits() ^ sign), sine * s)
}

/// Around its centre: the row times its deviations and a Hadamard matrix of order sixteen, a quarter of it (a
/// turn and a mirror), and the centre added. Four levels of sums and differences, two at a time: the
/// row is read and written twice.
#[inline(always)]
pub(super) fn place(row: &mut [f32], centre: &[f32], deviations: &[f32]) {
    let mixed = row.len() / MIXED * MIXED;
    let (row, rest) = row.split_at_mut(mixed);
    let ((near, far), (wide, left)) = (centre.split_at(mixed), deviations.split_at(mixed));
    if mixed > 0 {
        turn(row, wide, |x, deviation| x * deviation * 0.25, |x, _| x);
        let quarters = row.chunks_exact_mut(mixed / 4);
        for (row, centre) in quarters.zip(near.chunks_exact(mixed / 4)) {
            turn(row, centre, |x, _| x, |x, centre| x + centre);
        }
    }
    for ((number, centre), deviation) in rest.iter_mut().zip(far).zip(left) {
        *number = *number * deviation + centre;
    }
}

/// Takes the quarters `a b c d` of a row to `p+q  p−q  r+s  r−s`, where `p, r = a±c` and `q, s = b±d`. Each
/// number goes through `first` before and through `last` after, with its fellow.
#[inline(always)]
#[allow(clippy::many_single_char_names)] // quarters, and their fellows
fn turn(
    row: &mut [f32],
    fellows: &[f32],
    first: impl Fn(f32, f32) -> f32 + Copy,
    last: impl Fn(f32, f32) -> f32 + Copy,
) {
    let quarter = row.len() / 4;
    let (front, back) = row.split_at_mut(2 * quarter);
    let ((a, b), (c, d)) = (front.split_at_mut(quarter), back.split_at_mut(quarter));
    let (front, back) = fellows.split_at(2 * quarter);
    let ((e, f), (g, h)) = (front.split_at(quarter), back.split_at(quarter));
    // Vectors are written out: compilers find none where so many slices could overlap.
    let left = columns::<WIDE>([a, b, c, d], [e, f, g, h], first, last);
    let left = if WIDE > 4 {
        columns::<4>(left.0, left.1, first, last)
    } else {
        left
    };
    columns::<1>(left.0, left.1, first, last);
}

/// Numbers of the widest vector there is, or of two.
const WIDE: usize = if cfg!(target_arch = "wasm32") { 4 } else { 8 };

/// [`turn`] by `W` neighbours, as long as there are so many; what is left.
#[inline(always)]
#[allow(clippy::many_single_char_names)] // as above, and the sums and differences of [`turn`]
fn columns<'r, 'f, const W: usize>(
    row: [&'r mut [f32]; 4],
    fellows: [&'f [f32]; 4],
    first: impl Fn(f32, f32) -> f32 + Copy,
    last: impl Fn(f32, f32) -> f32 + Copy,
) -> ([&'r mut [f32]; 4], [&'f [f32]; 4]) {
    let ([a, b, c, d], [e, f, g, h]) = (row, fellows);
    let ((a, ar), (b, br)) = (a.as_chunks_mut::<W>(), b.as_chunks_mut::<W>());
    let ((c, cr), (d, dr)) = (c.as_chunks_mut::<W>(), d.as_chunks_mut::<W>());
    let ((e, er), (f, fr)) = (e.as_chunks::<W>(), f.as_chunks::<W>());
    let ((g, gr), (h, hr)) = (g.as_chunks::<W>(), h.as_chunks::<W>());
    let row = a.iter_mut().zip(b).zip(c).zip(d);
    let fellows = e.iter().zip(f).zip(g).zip(h);
    for ((((a, b), c), d), (((e, f), g), h)) in row.zip(fellows) {
        let (x, y) = (each(*a, *e, first), each(*b, *f, first));
        let (z, w) = (each(*c, *g, first), each(*d, *h, first));
        let (p, r) = (each(x, z, |x, z| x + z), each(x, z, |x, z| x - z));
        let (q, s) = (each(y, w, |y, w| y + w), each(y, w, |y, w| y - w));
        *a = each(each(p, q, |p, q| p + q), *e, last);
        *b = each(each(p, q, |p, q| p - q), *f, last);
        *c = each(each(r, s, |r, s| r + s), *g, last);
        *d = each(each(r, s, |r, s| r - s), *h, last);
    }
    ([ar, br, cr, dr], [er, fr, gr, hr])
}

#[inline(always)]
fn each<const W: usize>(a: [f32; W], b: [f32; W], of: impl Fn(f32, f32) -> f32) -> [f32; W] {
    let mut out = a;
    for (x, y) in out.iter_mut().zip(b) {
        *x = of(*x, y);
    }
    out
}

/// The sums of squares of every sixteenth number.
#[inline(always)]
fn square_sums(row: &[f32], squares: &mut [f32; MIXED]) {
    let (chunks, tail) = row.as_chunks::<MIXED>();
    for chunk in chunks {
        for (square, number) in squares.iter_mut().zip(chunk) {
            *square += number * number;
        }
    }
    for (square, number) in squares.iter_mut().zip(tail) {
        *square += number * number;
    }
}

/// Divides by the root of the sum of squares: lane `j` takes `j + 8`, `j + 4`, `j + 2`, `j + 1`.
#[inline(always)]
fn scale(out: &mut [f32], mut squares: [f32; MIXED]) {
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
