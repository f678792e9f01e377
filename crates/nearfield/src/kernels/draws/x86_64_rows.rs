//! Rows by AVX-512: what `floats` says, in registers of sixteen numbers, each operation as it stands there.
//!
//! Written out because compilers make gathers and scatters of loops over sixteen neighbours here, which are
//! slower than AVX2. Lines become numbers without going through memory, and no loop's chain of operations is
//! longer than a processor looks ahead: logarithms are one loop, their roots and the circles the next.
//!
//! ```text
//! uniform   line ─► numbers ─► row, and the sums of their squares
//! gaussian  first half's lines ─► −2 ln u ─► desk       second half's lines ─► θ, desk ─► √ ─► row
//! around    two turns of the row, of two levels of sums and differences each
//! narrow    gaussian and around of 128 numbers, which never leave the registers
//! copy      rows made in cache ─► memory, past it
//! ```

use super::floats::{COSINE, Desk, GROUP, LOG, Law, MIXED, PIECE, ROOT_HALF, SCALE, SINE, Shape};
use super::x86_64::Avx512;
use super::{LINE_BYTES, Lanes, State, floats, keep, load, next};
use std::arch::x86_64::{
    __m512, __m512i, __mmask16, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps,
    _mm_movehl_ps, _mm256_add_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm512_add_epi32,
    _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castps512_ps256,
    _mm512_castsi512_ps, _mm512_cvtepi32_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
    _mm512_mask_sub_ps, _mm512_maskz_loadu_ps, _mm512_maskz_mov_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_slli_epi32,
    _mm512_sqrt_ps, _mm512_srai_epi32, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_stream_ps,
    _mm512_sub_epi32, _mm512_sub_ps, _mm512_xor_si512,
};

/// A row.
#[target_feature(enable = "avx512f,avx2")]
pub(super) fn row(lanes: &mut Lanes, desk: &mut Desk, shape: Shape<'_>, out: &mut [f32]) {
    if let Some((fellows, out)) = narrow(shape, out) {
        narrow_row(lanes, fellows, shape.unit, out);
        return;
    }
    // SAFETY: this function's features are those of the words, here and below.
    let mut state = unsafe { load::<Avx512, 1>(lanes) };
    let mut squares = None;
    match shape.law {
        Law::Uniform => squares = Some(uniform(&mut state, out)),
        Law::Gaussian => {
            for part in out.chunks_mut(PIECE) {
                gaussian(&mut state, desk, part);
            }
        }
    }
    // SAFETY: as above.
    unsafe { keep(state, lanes) };
    if let Some((centre, deviations)) = shape.around {
        assert!(centre.len() == out.len() && deviations.len() == out.len());
        squares = place(out, centre, deviations);
    }
    if shape.unit {
        let squares = squares.unwrap_or_else(|| square_sums(_mm512_setzero_ps(), out));
        scale(out, sum(squares));
    }
}

/// The next line.
#[target_feature(enable = "avx512f,avx2")]
fn drawn(state: &mut State<Avx512, 1>) -> __m512i {
    // SAFETY: this function's features are those of the words.
    let [Avx512(line)] = unsafe { next(state) };
    line
}

/// Evenly over −1 ≤ x < 1; the sums of the squares of every sixteenth.
#[target_feature(enable = "avx512f,avx2")]
fn uniform(state: &mut State<Avx512, 1>, out: &mut [f32]) -> __m512 {
    let mut squares = _mm512_setzero_ps();
    let (groups, rest) = out.as_chunks_mut::<GROUP>();
    for group in groups {
        for at in [0, MIXED] {
            let x = signed(drawn(state));
            write(&mut group[at..], x);
            squares = _mm512_add_ps(squares, _mm512_mul_ps(x, x));
        }
    }
    if !rest.is_empty() {
        for at in [0, MIXED] {
            let x = signed(drawn(state));
            let part = after(rest, at);
            // Zeros of an empty part would do, at twice the time for the shortest rows.
            if !part.is_empty() {
                let x = _mm512_maskz_mov_ps(mask(part.len()), x);
                write(part, x);
                squares = _mm512_add_ps(squares, _mm512_mul_ps(x, x));
            }
        }
    }
    squares
}

/// A piece of gaussians.
#[target_feature(enable = "avx512f,avx2")]
fn gaussian(state: &mut State<Avx512, 1>, desk: &mut Desk, out: &mut [f32]) {
    let half = out.len().next_multiple_of(GROUP) / 2;
    let (radii, _) = desk.numbers[..half].as_chunks_mut::<MIXED>();
    for radii in &mut *radii {
        write(radii, square(drawn(state)));
    }
    let (cosines, sines) = out.split_at_mut(half.min(out.len()));
    // There are no fewer cosines than sines.
    let whole = sines.len() / MIXED;
    let (radii, last) = radii.split_at(whole);
    let (whole_cosines, _) = cosines.as_chunks_mut::<MIXED>();
    let (whole_sines, _) = sines.as_chunks_mut::<MIXED>();
    for ((radii, x), y) in radii.iter().zip(whole_cosines).zip(whole_sines) {
        let [cosine, sine] = polar(read(radii), drawn(state));
        write(x, cosine);
        write(y, sine);
    }
    for (at, radii) in (whole * MIXED..).step_by(MIXED).zip(last) {
        let [cosine, sine] = polar(read(radii), drawn(state));
        write(after(cosines, at), cosine);
        write(after(sines, at), sine);
    }
}

/// Two gaussians, of squared radii and angles all round.
#[target_feature(enable = "avx512f,avx2")]
fn polar(squares: __m512, angles: __m512i) -> [__m512; 2] {
    let radius = _mm512_sqrt_ps(squares);
    let (cosine, sine) = circle(angles);
    [_mm512_mul_ps(radius, cosine), _mm512_mul_ps(radius, sine)]
}

/// Numbers of a row of gaussians around a centre that stays in registers from the draw to the end.
const NARROW: usize = 8 * MIXED;

/// Centre and deviations.
type Fellows<'a> = [&'a [f32; NARROW]; 2];

/// What [`narrow_row`] takes, where the row is one.
fn narrow<'a, 'r>(
    shape: Shape<'a>,
    out: &'r mut [f32],
) -> Option<(Fellows<'a>, &'r mut [f32; NARROW])> {
    let (centre, deviations) = shape.around.filter(|_| shape.law == Law::Gaussian)?;
    let fellows = [centre.try_into().ok()?, deviations.try_into().ok()?];
    Some((fellows, out.try_into().ok()?))
}

/// [`gaussian`], [`place`] and [`scale`] in one. Apart, as other rows would pay for its many registers.
#[inline(never)]
#[target_feature(enable = "avx512f,avx2")]
fn narrow_row(
    lanes: &mut Lanes,
    [centre, deviations]: Fellows<'_>,
    unit: bool,
    out: &mut [f32; NARROW],
) {
    // SAFETY: this function's features are those of the words.
    let mut state = unsafe { load::<Avx512, 1>(lanes) };
    let mut row = [_mm512_setzero_ps(); NARROW / MIXED];
    let mut radii = [_mm512_setzero_ps(); NARROW / MIXED / 2];
    for radius in &mut radii {
        *radius = square(drawn(&mut state));
    }
    for (at, squares) in radii.into_iter().enumerate() {
        [row[at], row[radii.len() + at]] = polar(squares, drawn(&mut state));
    }
    // SAFETY: as above.
    unsafe { keep(state, lanes) };
    for (at, number) in row.iter_mut().enumerate() {
        *number = deviated(*number, read_at(deviations, at * MIXED));
    }
    // A quarter is two registers, and a quarter of it half a one.
    for at in [0, 1] {
        let columns = [at, at + 2, at + 4, at + 6];
        let turned = sums_and_differences(columns.map(|column| row[column]));
        for (column, numbers) in columns.into_iter().zip(turned) {
            row[column] = numbers;
        }
    }
    for at in [0, 2, 4, 6] {
        let (pq, rs) = (
            _mm512_add_ps(row[at], row[at + 1]),
            _mm512_sub_ps(row[at], row[at + 1]),
        );
        row[at] = _mm512_add_ps(sum_and_difference(pq), read_at(centre, at * MIXED));
        row[at + 1] = _mm512_add_ps(sum_and_difference(rs), read_at(centre, (at + 1) * MIXED));
    }
    for (out, &numbers) in out.as_chunks_mut::<MIXED>().0.iter_mut().zip(&row) {
        write(out, numbers);
    }
    if unit {
        let squares = row.into_iter().fold(_mm512_setzero_ps(), |squares, x| {
            _mm512_add_ps(squares, _mm512_mul_ps(x, x))
        });
        scale(out, sum(squares));
    }
}

#[target_feature(enable = "avx512f,avx2")]
fn signed(words: __m512i) -> __m512 {
    let whole = _mm512_cvtepi32_ps(_mm512_srai_epi32::<8>(words));
    _mm512_mul_ps(whole, _mm512_set1_ps(1.0 / 8_388_608.0))
}

/// `−2 ln u` of the upper 24 bits.
#[target_feature(enable = "avx512f,avx2")]
fn square(words: __m512i) -> __m512 {
    let bits = _mm512_add_epi32(_mm512_srli_epi32::<8>(words), _mm512_set1_epi32(1));
    let above = _mm512_castps_si512(_mm512_cvtepi32_ps(bits));
    let above = _mm512_sub_epi32(above, whole(SCALE + ROOT_HALF));
    let exponent = _mm512_cvtepi32_ps(_mm512_srai_epi32::<23>(above));
    let x = _mm512_and_si512(above, whole(0x007f_ffff));
    let x = _mm512_castsi512_ps(_mm512_add_epi32(x, whole(ROOT_HALF)));
    let x = _mm512_sub_ps(x, _mm512_set1_ps(1.0));
    let q = _mm512_mul_ps(x, x);
    let [low, middle, high] = LOG.map(|[by, more]| line(x, by, more));
    let rest = _mm512_add_ps(middle, _mm512_mul_ps(q, high));
    let rest = _mm512_mul_ps(x, _mm512_add_ps(low, _mm512_mul_ps(q, rest)));
    let turns = _mm512_set1_ps(-2.0 * std::f32::consts::LN_2);
    _mm512_add_ps(_mm512_mul_ps(exponent, turns), rest)
}

/// Cosine and sine of an angle all round.
#[target_feature(enable = "avx512f,avx2")]
fn circle(angles: __m512i) -> (__m512, __m512) {
    let s = signed(angles);
    let q = _mm512_mul_ps(s, s);
    let p = _mm512_mul_ps(q, q);
    let [sine, cosine] = [SINE, COSINE].map(|[low, high]| {
        let [low, high] = [low, high].map(|[by, more]| line(q, by, more));
        _mm512_add_ps(low, _mm512_mul_ps(p, high))
    });
    let sign = _mm512_slli_epi32::<24>(_mm512_and_si512(angles, whole(0x80)));
    let cosine = _mm512_xor_si512(_mm512_castps_si512(cosine), sign);
    (_mm512_castsi512_ps(cosine), _mm512_mul_ps(sine, s))
}

/// `by · x + more`, rounded twice.
#[target_feature(enable = "avx512f,avx2")]
fn line(x: __m512, by: f32, more: f32) -> __m512 {
    _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(by), x), _mm512_set1_ps(more))
}

#[target_feature(enable = "avx512f,avx2")]
fn whole(bits: u32) -> __m512i {
    _mm512_set1_epi32(bits.cast_signed())
}

/// Around its centre; perhaps the sums of squares, made while registers wait for memory.
#[target_feature(enable = "avx512f,avx2")]
fn place(row: &mut [f32], centre: &[f32], deviations: &[f32]) -> Option<__m512> {
    let mixed = row.len() / MIXED * MIXED;
    if mixed / MIXED < MIXED {
        place_narrow(row, centre, deviations);
        return None;
    }
    turn::<true>(&mut row[..mixed], &deviations[..mixed]);
    let (quarter, mut squares) = (mixed / 4, _mm512_setzero_ps());
    let mut summed = 0;
    for end in [quarter, 2 * quarter, 3 * quarter, mixed] {
        let part = end - quarter..end;
        turn::<false>(&mut row[part.clone()], &centre[part]);
        let whole = end / MIXED * MIXED;
        squares = square_sums(squares, &row[summed..whole]);
        summed = whole;
    }
    let rest = row[mixed..].iter_mut().zip(&centre[mixed..]);
    for ((number, centre), deviation) in rest.zip(&deviations[mixed..]) {
        *number = *number * deviation + centre;
    }
    Some(square_sums(squares, &row[mixed..]))
}

/// Parts of a row that registers of sixteen do not fit: stores of fewer lanes stall the loads that follow them.
#[inline(never)]
#[target_feature(enable = "avx2")]
fn place_narrow(row: &mut [f32], centre: &[f32], deviations: &[f32]) {
    floats::place(row, centre, deviations);
}

/// Two levels of the mixture, over quarters of sixteen numbers or more: first with a quarter of the deviations, last
/// with the centre.
#[target_feature(enable = "avx512f,avx2")]
fn turn<const FIRST: bool>(row: &mut [f32], fellows: &[f32]) {
    let quarter = row.len() / 4;
    // Registers go to a quarter's end, whatever its length: the last overlaps the one before, and so is read first.
    let last = quarter - MIXED;
    let tail = turned::<FIRST>(row, fellows, quarter, last);
    for at in (0..last).step_by(MIXED) {
        let columns = turned::<FIRST>(row, fellows, quarter, at);
        put(row, quarter, at, columns);
    }
    put(row, quarter, last, tail);
}

#[target_feature(enable = "avx512f,avx2")]
fn put(row: &mut [f32], quarter: usize, at: usize, columns: [__m512; 4]) {
    for (part, numbers) in columns.into_iter().enumerate() {
        let (place, _) = row[part * quarter + at..]
            .split_first_chunk_mut::<MIXED>()
            .expect("sixteen numbers");
        write(place, numbers);
    }
}

/// Sixteen columns of [`turn`].
#[target_feature(enable = "avx512f,avx2")]
fn turned<const FIRST: bool>(
    row: &[f32],
    fellows: &[f32],
    quarter: usize,
    at: usize,
) -> [__m512; 4] {
    let place = |part: usize| part * quarter + at;
    let fellow: [__m512; 4] = std::array::from_fn(|part| read_at(fellows, place(part)));
    let columns = std::array::from_fn(|part| {
        let number = read_at(row, place(part));
        if FIRST {
            deviated(number, fellow[part])
        } else {
            number
        }
    });
    let columns = sums_and_differences(columns);
    if FIRST {
        return columns;
    }
    std::array::from_fn(|part| _mm512_add_ps(columns[part], fellow[part]))
}

/// Times its deviation and a quarter, the mixture's.
#[target_feature(enable = "avx512f,avx2")]
fn deviated(number: __m512, deviation: __m512) -> __m512 {
    let number = _mm512_mul_ps(number, deviation);
    _mm512_mul_ps(number, _mm512_set1_ps(0.25))
}

/// Two levels, of four columns.
#[allow(clippy::many_single_char_names)] // quarters, their sums and differences, as in `floats`
#[target_feature(enable = "avx512f,avx2")]
fn sums_and_differences([x, y, z, w]: [__m512; 4]) -> [__m512; 4] {
    let (p, r) = (_mm512_add_ps(x, z), _mm512_sub_ps(x, z));
    let (q, s) = (_mm512_add_ps(y, w), _mm512_sub_ps(y, w));
    let [a, b] = [_mm512_add_ps(p, q), _mm512_sub_ps(p, q)];
    let [c, d] = [_mm512_add_ps(r, s), _mm512_sub_ps(r, s)];
    [a, b, c, d]
}

/// Of halves `p` and `q`: `p + q` and `p − q`.
#[target_feature(enable = "avx512f,avx2")]
fn sum_and_difference(pq: __m512) -> __m512 {
    let qp = _mm512_shuffle_f32x4::<0b01_00_11_10>(pq, pq);
    _mm512_mask_sub_ps(_mm512_add_ps(pq, qp), 0xff00, qp, pq)
}

/// Adds the squares of every sixteenth number.
#[target_feature(enable = "avx512f,avx2")]
fn square_sums(squares: __m512, row: &[f32]) -> __m512 {
    let (whole, rest) = row.as_chunks::<MIXED>();
    let add = |squares, part: &[f32]| {
        let x = read(part);
        _mm512_add_ps(squares, _mm512_mul_ps(x, x))
    };
    let squares = whole
        .iter()
        .fold(squares, |squares, part| add(squares, part));
    if rest.is_empty() {
        return squares;
    }
    add(squares, rest)
}

/// Divides by the root of the sum of squares.
#[target_feature(enable = "avx512f,avx2")]
fn scale(out: &mut [f32], sum: f32) {
    if sum > 0.0 {
        let by = _mm512_set1_ps(1.0 / sum.sqrt());
        let (whole, rest) = out.as_chunks_mut::<MIXED>();
        for part in whole {
            let scaled = _mm512_mul_ps(read(part), by);
            write(part, scaled);
        }
        // A store of no lanes holds up the loads after it, as others by a mask do.
        if !rest.is_empty() {
            let scaled = _mm512_mul_ps(read(rest), by);
            write(rest, scaled);
        }
    } else if let Some(first) = out.first_mut() {
        *first = 1.0;
    }
}

/// Lane `j` takes `j + 8`, `j + 4`, `j + 2`, `j + 1`.
#[target_feature(enable = "avx512f,avx2")]
fn sum(squares: __m512) -> f32 {
    let upper = _mm512_castps512_ps256(_mm512_shuffle_f32x4::<0b11_10_11_10>(squares, squares));
    let eight = _mm256_add_ps(_mm512_castps512_ps256(squares), upper);
    let four = _mm_add_ps(
        _mm256_castps256_ps128(eight),
        _mm256_extractf128_ps::<1>(eight),
    );
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// Copies, the lines that lie whole in `out` past the caches.
#[target_feature(enable = "avx512f,avx2")]
pub(super) fn copy(from: &[f32], out: &mut [f32]) {
    assert!(
        from.len() == out.len(),
        "{} numbers for {}",
        from.len(),
        out.len()
    );
    let head = out.as_ptr().align_offset(LINE_BYTES).min(out.len());
    let (begun, out) = out.split_at_mut(head);
    let (first, from) = from.split_at(head);
    begun.copy_from_slice(first);
    let (lines, end) = out.as_chunks_mut::<MIXED>();
    let (numbers, last) = from.as_chunks::<MIXED>();
    for (line, numbers) in lines.iter_mut().zip(numbers) {
        // SAFETY: there is room for sixteen numbers, and lines begin at a multiple of 64 bytes.
        unsafe { _mm512_stream_ps(line.as_mut_ptr(), read(numbers)) };
    }
    end.copy_from_slice(last);
}

/// Sixteen numbers that are there, which need no look at how many there are.
#[target_feature(enable = "avx512f,avx2")]
fn read_at(from: &[f32], at: usize) -> __m512 {
    let numbers: &[f32; MIXED] = from[at..].first_chunk().expect("sixteen numbers");
    read(numbers)
}

/// What lies after the first `at`, nothing where there are fewer.
fn after(out: &mut [f32], at: usize) -> &mut [f32] {
    out.get_mut(at..).unwrap_or_default()
}

/// The lanes of the first `count` numbers.
fn mask(count: usize) -> __mmask16 {
    u16::MAX
        .checked_shr(16 - u32::try_from(count.min(MIXED)).unwrap_or(16))
        .unwrap_or(0)
}

/// The first sixteen numbers; zeros after the last.
#[target_feature(enable = "avx512f,avx2")]
fn read(from: &[f32]) -> __m512 {
    if from.len() >= MIXED {
        // SAFETY: sixteen numbers are there.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    } else {
        // SAFETY: the mask leaves out what is not there.
        unsafe { _mm512_maskz_loadu_ps(mask(from.len()), from.as_ptr()) }
    }
}

/// Over the first sixteen numbers, or as many as there are.
#[target_feature(enable = "avx512f,avx2")]
fn write(out: &mut [f32], numbers: __m512) {
    if out.len() >= MIXED {
        // SAFETY: there is room for sixteen.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), numbers) }
    } else {
        // SAFETY: the mask leaves out what has no room.
        unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask(out.len()), numbers) }
    }
}
