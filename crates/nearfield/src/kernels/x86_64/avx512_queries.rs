//! Rotations and tables with AVX-512: sixteen numbers, or all of a position's products, in one register.

use crate::kernels::queries::{self, ROUNDING};
use crate::kernels::{TABLE_BYTES, TABLE_MAX, TableMaker, Turn, Turns};
use std::arch::x86_64::{
    __m128, __m512, __mmask16, _mm_cvtss_f32, _mm_max_ps, _mm_max_ss, _mm_min_ps, _mm_min_ss,
    _mm_movehdup_ps, _mm_movehl_ps, _mm_storeu_si128, _mm256_castpd_ps, _mm256_castps256_ps128,
    _mm256_extractf128_ps, _mm256_max_ps, _mm256_min_ps, _mm512_add_ps, _mm512_and_si512,
    _mm512_castps_pd, _mm512_castps_si512, _mm512_castps512_ps256, _mm512_cvtepi32_epi8,
    _mm512_extractf64x4_pd, _mm512_loadu_ps, _mm512_mask_sub_ps, _mm512_mul_ps, _mm512_permute_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps,
    _mm512_sub_ps,
};

// SAFETY: the table that has these is handed out only after its instructions were detected.
pub(super) const TURN: Turn = |vector, turns| unsafe { turn(vector, turns) };
pub(super) const TABLES: TableMaker = |query, values, products, bytes| {
    // SAFETY: as above.
    unsafe { tables(query, values, products, bytes) }
};

/// Numbers of a register.
const LANES: usize = 16;
const _: () = assert!(LANES == TABLE_BYTES);

#[target_feature(enable = "avx512f,avx2")]
fn turn(vector: &mut [f32], turns: Turns<'_>) {
    queries::turn(vector, turns, |numbers, shrink| {
        if numbers.len() < LANES {
            queries::hadamard(numbers, shrink);
        } else {
            // SAFETY: this function's features are the transform's.
            unsafe { hadamard(numbers, shrink) }
        }
    });
}

/// The transform of a power of two numbers, of one register at least.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn hadamard(numbers: &mut [f32], shrink: f32) {
    let blocks = numbers.as_chunks_mut::<LANES>().0;
    // SAFETY: the caller has the instructions; loads and stores are of whole blocks.
    unsafe {
        let shrink = _mm512_set1_ps(shrink);
        for block in &mut *blocks {
            let x = _mm512_mul_ps(_mm512_loadu_ps(block.as_ptr()), shrink);
            _mm512_storeu_ps(block.as_mut_ptr(), within(x));
        }
        let mut half = 1;
        while half < blocks.len() {
            for pair in blocks.chunks_exact_mut(2 * half) {
                let (low, high) = pair.split_at_mut(half);
                for (low, high) in low.iter_mut().zip(high) {
                    let a = _mm512_loadu_ps(low.as_ptr());
                    let b = _mm512_loadu_ps(high.as_ptr());
                    _mm512_storeu_ps(low.as_mut_ptr(), _mm512_add_ps(a, b));
                    _mm512_storeu_ps(high.as_mut_ptr(), _mm512_sub_ps(a, b));
                }
            }
            half *= 2;
        }
    }
}

/// The transform of a register: each number beside the one it goes with, sums and, in the marked lanes,
/// differences.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn within(x: __m512) -> __m512 {
    // SAFETY: the caller has the instructions.
    unsafe {
        let both = |marked: __mmask16, other: __m512, x: __m512| {
            _mm512_mask_sub_ps(_mm512_add_ps(other, x), marked, other, x)
        };
        let x = both(0xaaaa, _mm512_permute_ps::<0b10_11_00_01>(x), x);
        let x = both(0xcccc, _mm512_permute_ps::<0b01_00_11_10>(x), x);
        let x = both(0xf0f0, _mm512_shuffle_f32x4::<0b10_11_00_01>(x, x), x);
        both(0xff00, _mm512_shuffle_f32x4::<0b01_00_11_10>(x, x), x)
    }
}

#[target_feature(enable = "avx512f,avx2")]
fn tables(
    query: &[f32],
    values: (usize, &[[f32; TABLE_BYTES]]),
    products: &mut [[f32; TABLE_BYTES]],
    tables: &mut [u8],
) -> (f32, f32) {
    queries::tables_by(
        query,
        values,
        products,
        tables,
        // SAFETY: this function's features are those it needs.
        |numbers, values, out| unsafe { multiply(numbers, values, out) },
        // SAFETY: as above.
        |products, inverse, table| unsafe { round(products, inverse, table) },
    )
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn multiply(
    numbers: &[f32],
    values: &[[f32; TABLE_BYTES]],
    out: &mut [f32; TABLE_BYTES],
) -> (f32, f32) {
    // SAFETY: the caller has the instructions; loads and stores are of sixteen numbers of arrays of as many.
    unsafe {
        let mut sums = _mm512_setzero_ps();
        for (&x, values) in numbers.iter().zip(values) {
            let product = _mm512_mul_ps(_mm512_set1_ps(x), _mm512_loadu_ps(values.as_ptr()));
            sums = _mm512_add_ps(sums, product);
        }
        let (least, most) = ends(sums);
        _mm512_storeu_ps(out.as_mut_ptr(), _mm512_sub_ps(sums, _mm512_set1_ps(least)));
        (least, most)
    }
}

/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn round(products: &[f32; TABLE_BYTES], inverse: f32, table: &mut [u8; TABLE_BYTES]) {
    // SAFETY: as above; sixteen bytes are written to an array of as many.
    unsafe {
        let products = _mm512_loadu_ps(products.as_ptr());
        let scaled = _mm512_mul_ps(products, _mm512_set1_ps(inverse));
        let rounded = _mm512_castps_si512(_mm512_add_ps(scaled, _mm512_set1_ps(ROUNDING)));
        let six = _mm512_and_si512(rounded, _mm512_set1_epi32(i32::from(TABLE_MAX)));
        _mm_storeu_si128(table.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(six));
    }
}

/// The least and the most, by halves as in the definition.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn ends(all: __m512) -> (f32, f32) {
    // SAFETY: the caller has the instructions (and with them AVX2 and SSE3).
    unsafe {
        let low = _mm512_castps512_ps256(all);
        let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(all)));
        let (least, most) = (_mm256_min_ps(low, high), _mm256_max_ps(low, high));
        let halves = |eight| {
            (
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            )
        };
        let ((a, b), (c, d)) = (halves(least), halves(most));
        let two = |four: __m128| (four, _mm_movehl_ps(four, four));
        let ((a, b), (c, d)) = (two(_mm_min_ps(a, b)), two(_mm_max_ps(c, d)));
        let (least, most) = (_mm_min_ps(a, b), _mm_max_ps(c, d));
        (
            _mm_cvtss_f32(_mm_min_ss(least, _mm_movehdup_ps(least))),
            _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most))),
        )
    }
}
