//! The one SIMD body. An instruction set says how sixteen lanes are loaded, added to and folded;
//! the loop, the tail and the checks are here, once.
//!
//! Everything is `#[inline(always)]` and takes its instructions from the `#[target_feature]` entry
//! it is inlined into. `N` rows share each load of the query: with one row a set of 8-wide registers
//! has two sums in flight and waits for its adder, with four it has eight and waits for memory.

use super::Ahead;

/// Sixteen `f32` in the registers of one instruction set.
///
/// # Safety
/// Calling any method needs the set's instructions.
pub(super) trait Lanes: Copy {
    /// Sixteen times +0.
    unsafe fn zero() -> Self;
    /// The sixteen floats from `at`, which needs no alignment.
    ///
    /// # Safety
    /// Sixteen floats can be read from `at`.
    unsafe fn load(at: *const f32) -> Self;
    /// `self − other`, lane by lane.
    unsafe fn minus(self, other: Self) -> Self;
    /// `self + a · b`, lane by lane; one rounding in a fused set, two in an unfused one.
    unsafe fn plus_product(self, a: Self, b: Self) -> Self;
    /// Lane `j` takes `j + 8`, then `j + 4`, `j + 2`, `j + 1`.
    unsafe fn fold(self) -> f32;
}

/// What is summed over the elements.
pub(super) trait Term {
    /// `sum` with the terms of sixteen elements added.
    ///
    /// # Safety
    /// As [`Lanes`].
    unsafe fn add<L: Lanes>(sum: L, query: L, row: L) -> L;
}

/// `(query − row)²`
pub(super) struct L2sq;
/// `query · row`
pub(super) struct Dot;

impl Term for L2sq {
    #[inline(always)]
    unsafe fn add<L: Lanes>(sum: L, query: L, row: L) -> L {
        // SAFETY: the caller has the instructions.
        unsafe {
            let difference = query.minus(row);
            sum.plus_product(difference, difference)
        }
    }
}

impl Term for Dot {
    #[inline(always)]
    unsafe fn add<L: Lanes>(sum: L, query: L, row: L) -> L {
        // SAFETY: the caller has the instructions.
        unsafe { sum.plus_product(query, row) }
    }
}

/// The sums of `N` rows against one query; a line of each row ahead is asked for as one is read.
///
/// # Panics
/// Where the lengths differ.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn sums<L: Lanes, T: Term, const N: usize>(
    query: &[f32],
    rows: &[&[f32]; N],
    ahead: &Ahead,
) -> [f32; N] {
    let len = query.len();
    for row in rows {
        assert_eq!(len, row.len(), "query and row differ in length");
    }
    let whole = len - len % 16;
    // SAFETY: the caller has the instructions. Every load reads sixteen floats from `at ≤ len − 16`
    // of a slice of `len`, or from a local array of sixteen.
    unsafe {
        let mut lanes = [L::zero(); N];
        let mut at = 0;
        while at < whole {
            ahead.line(at * size_of::<f32>());
            let q = L::load(query.as_ptr().add(at));
            for (sum, row) in lanes.iter_mut().zip(rows) {
                *sum = T::add(*sum, q, L::load(row.as_ptr().add(at)));
            }
            at += 16;
        }
        if whole < len {
            // Copied, not masked: zeros add +0 to lanes that are never −0, so the bits are those
            // of a loop that stops, and no set needs a masked load.
            let q = padded(&query[whole..]);
            let q = L::load(q.as_ptr());
            for (sum, row) in lanes.iter_mut().zip(rows) {
                let row = padded(&row[whole..]);
                *sum = T::add(*sum, q, L::load(row.as_ptr()));
            }
        }
        let mut folded = [0.0; N];
        for (folded, lanes) in folded.iter_mut().zip(lanes) {
            *folded = lanes.fold();
        }
        folded
    }
}

/// Fewer than sixteen floats with zeros after them.
#[inline(always)]
fn padded(tail: &[f32]) -> [f32; 16] {
    let mut lanes = [0.0; 16];
    lanes[..tail.len()].copy_from_slice(tail);
    lanes
}

/// The entries and the table of one instruction set; those over codes of four bits come from
/// [`nibble_entries`](super::nibbles::nibble_entries), those over strips, `TOGETHER` among them, from `lookup_entries` or a file
/// of the set's own, as do on x86-64 `TELLER`, `SIFT`, `PANEL` from [`panels`](super::panels), and `TURN` and `TABLES` from
/// [`queries`](super::queries), or a file of the set's own. `#[target_feature]` code cannot be pointed to by a safe `fn`, so
/// each entry has a thin safe door, sound because only detection leads to it. simd128 needs none of this: its module
/// either has the instructions throughout or does not load.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! table {
    ($isa:expr, $lanes:ty, $products:ty, $columns:ty, $features:literal) => {
        /// The table of this set; reached through [`available`](super::super::available) alone.
        pub(in crate::kernels) static KERNELS: Kernels = Kernels {
            isa: $isa,
            // SAFETY: a table is handed out only after its instructions were detected.
            l2sq_f32: |query, row| unsafe { l2sq(query, row) },
            // SAFETY: as above.
            dot_f32: |query, row| unsafe { dot(query, row) },
            // SAFETY: as above.
            l2sq_f32_x4: |query, rows, ahead| unsafe { l2sq_x4(query, rows, ahead) },
            // SAFETY: as above.
            dot_f32_x4: |query, rows, ahead| unsafe { dot_x4(query, rows, ahead) },
            // SAFETY: as above.
            dot_u7i8: |query, row| unsafe { dot_codes(query, row) },
            // SAFETY: as above.
            dot_u7i8_x4: |query, rows, ahead| unsafe { dot_codes_x4(query, rows, ahead) },
            // SAFETY: as above.
            tile_u7i8: |rows, panel, out| unsafe { tile_codes(rows, panel, out) },
            panel_i8: PANEL,
            // SAFETY: as above.
            tile_nearest: |dots, terms, at, by_row, by_column| unsafe {
                tile_nearest(dots, terms, at, by_row, by_column);
            },
            // SAFETY: as above.
            scores_nearest: |scores, rows, at, by_row, by_column| unsafe {
                scores_nearest(scores, rows, at, by_row, by_column);
            },
            // SAFETY: as above.
            dot_u7u4: |query, row| unsafe { dot_nibbles(query, row) },
            // SAFETY: as above.
            dot_u7u4_x4: |query, rows, ahead| unsafe { dot_nibbles_x4(query, rows, ahead) },
            // SAFETY: as above.
            tile_f32: |rows, panel, out| unsafe { tile_floats(rows, panel, out) },
            // SAFETY: as above.
            scan_u6u4: |tables, strip, terms, scores| unsafe {
                scan_strip(tables, strip, terms, scores)
            },
            scan_u6u4_x4: TOGETHER,
            #[cfg(target_arch = "x86_64")]
            tell_u6u4: TELLER,
            sift_u64: SIFT,
            // SAFETY: as above.
            score_u7i8: |query, rows, asked, out| unsafe { score_bytes(query, rows, asked, out) },
            // SAFETY: as above.
            score_u7u4: |query, rows, asked, out| unsafe { score_halves(query, rows, asked, out) },
            #[cfg(target_arch = "x86_64")]
            insert_u64: INSERT,
            scan_u8u8: crate::kernels::wide_lookups::scan,
            turn_f32: TURN,
            tables_u6: TABLES,
        };

        #[target_feature(enable = $features)]
        fn l2sq(query: &[f32], row: &[f32]) -> f32 {
            // SAFETY: this function's features are those of the lanes.
            unsafe { lanes::sums::<$lanes, lanes::L2sq, 1>(query, &[row], &Ahead::NONE)[0] }
        }

        #[target_feature(enable = $features)]
        fn dot(query: &[f32], row: &[f32]) -> f32 {
            // SAFETY: as above.
            unsafe { lanes::sums::<$lanes, lanes::Dot, 1>(query, &[row], &Ahead::NONE)[0] }
        }

        #[target_feature(enable = $features)]
        fn l2sq_x4(query: &[f32], rows: &[&[f32]; 4], ahead: &Ahead) -> [f32; 4] {
            // SAFETY: as above.
            unsafe { lanes::sums::<$lanes, lanes::L2sq, 4>(query, rows, ahead) }
        }

        #[target_feature(enable = $features)]
        fn dot_x4(query: &[f32], rows: &[&[f32]; 4], ahead: &Ahead) -> [f32; 4] {
            // SAFETY: as above.
            unsafe { lanes::sums::<$lanes, lanes::Dot, 4>(query, rows, ahead) }
        }

        #[target_feature(enable = $features)]
        fn tile_nearest(
            dots: &[i32; crate::kernels::TILE_ROWS * crate::kernels::TILE_COLUMNS],
            terms: (&[(f32, f32)], &crate::kernels::PanelTerms),
            at: crate::kernels::TileAt,
            by_row: &mut [crate::kernels::Keys],
            by_column: &mut [crate::kernels::Keys],
        ) {
            crate::kernels::nearest::keep(dots, terms, at, by_row, by_column);
        }

        #[target_feature(enable = $features)]
        fn scores_nearest(
            scores: &[f32; crate::kernels::TILE_ROWS * crate::kernels::TILE_COLUMNS],
            rows: usize,
            at: crate::kernels::TileAt,
            by_row: &mut [crate::kernels::Keys],
            by_column: &mut [crate::kernels::Keys],
        ) {
            crate::kernels::nearest::keep_scores(scores, rows, at, by_row, by_column);
        }

        #[target_feature(enable = $features)]
        fn tile_floats(
            rows: &[f32],
            panel: &[f32],
            out: &mut [f32; crate::kernels::TILE_ROWS * crate::kernels::TILE_COLUMNS],
        ) {
            const ROWS: usize = <$lanes as crate::kernels::floats::FloatColumns>::ROWS;
            // SAFETY: this function's features are those of the lanes.
            unsafe { crate::kernels::floats::tile_by::<$lanes, ROWS>(rows, panel, out) }
        }

        products::code_entries!($products, $columns, $features);
    };
}
#[cfg(not(target_arch = "wasm32"))]
pub(super) use table;
