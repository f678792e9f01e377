//! The one SIMD body over codes. An instruction set says how a step of codes is multiplied and added
//! to its sums; the loop and the checks are here, once. Sums are integers, so their order is free.
//!
//! `N` rows share each load of the query, as in [`lanes`](super::lanes).

use super::{Ahead, CODE_BLOCK};

/// 32-bit sums in the registers of one instruction set.
///
/// # Safety
/// Calling any method needs the set's instructions.
pub(super) trait Products: Copy {
    /// Codes a step takes; divides [`CODE_BLOCK`].
    const STEP: usize;
    /// A step of the query, in the form the set multiplies fastest.
    type Query: Copy;

    /// Zeros.
    unsafe fn zero() -> Self;
    /// A step of the query.
    ///
    /// # Safety
    /// `STEP` codes can be read from `at`.
    unsafe fn query(at: *const u8) -> Self::Query;
    /// These sums and the products of a step.
    ///
    /// # Safety
    /// `STEP` codes can be read from `row`.
    unsafe fn plus(self, query: Self::Query, row: *const i8) -> Self;
    /// All sums in one, for every row.
    unsafe fn fold<const N: usize>(rows: [Self; N]) -> [i32; N];
}

/// The sums of `N` rows against one query; a line of each row ahead is asked for as one is read.
///
/// # Panics
/// Where the lengths differ or are no multiple of [`CODE_BLOCK`].
///
/// # Safety
/// The machine has the instructions of `P`.
#[inline(always)]
pub(super) unsafe fn dots<P: Products, const N: usize>(
    query: &[u8],
    rows: &[&[i8]; N],
    ahead: &Ahead,
) -> [i32; N] {
    let len = query.len();
    assert!(
        len.is_multiple_of(CODE_BLOCK),
        "{len} codes are no whole number of blocks"
    );
    for row in rows {
        assert_eq!(len, row.len(), "query and row differ in length");
    }
    // SAFETY: the caller has the instructions. Lengths are multiples of CODE_BLOCK and so of STEP:
    // every load reads STEP codes from `at ≤ len − STEP` of a slice of `len`.
    unsafe {
        let mut sums = [P::zero(); N];
        let mut at = 0;
        while at < len {
            ahead.line(at);
            let end = at + CODE_BLOCK;
            while at < end {
                let step = P::query(query.as_ptr().add(at));
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum = sum.plus(step, row.as_ptr().add(at));
                }
                at += P::STEP;
            }
        }
        P::fold(sums)
    }
}

/// The entries of one instruction set over codes; reached through its table alone.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! code_entries {
    ($products:ty, $columns:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn dot_codes(query: &[u8], row: &[i8]) -> i32 {
            // SAFETY: this function's features are those of the products.
            unsafe { products::dots::<$products, 1>(query, &[row], &Ahead::NONE)[0] }
        }

        #[target_feature(enable = $features)]
        fn dot_codes_x4(query: &[u8], rows: &[&[i8]; 4], ahead: &Ahead) -> [i32; 4] {
            // SAFETY: as above.
            unsafe { products::dots::<$products, 4>(query, rows, ahead) }
        }

        tiles::tile_entry!($columns, $features);
    };
}
#[cfg(not(target_arch = "wasm32"))]
pub(super) use code_entries;

/// The table of a set that has faster products than `$floats`, another set's table, and is like it in
/// all else but what is `$named`. Entries as in [`table`](super::lanes::table).
#[cfg(not(target_arch = "wasm32"))]
macro_rules! table_of_codes {
    ($isa:expr, $products:ty, $columns:ty, $features:literal, $floats:expr $(, $named:ident: $entry:expr)*) => {
        /// The table of this set; reached through [`available`](super::super::available) alone.
        pub(in crate::kernels) static KERNELS: Kernels = Kernels {
            isa: $isa,
            // SAFETY: a table is handed out only after its instructions were detected.
            dot_u7i8: |query, row| unsafe { dot_codes(query, row) },
            // SAFETY: as above.
            dot_u7i8_x4: |query, rows, ahead| unsafe { dot_codes_x4(query, rows, ahead) },
            // SAFETY: as above.
            tile_u7i8: |rows, panel, out| unsafe { tile_codes(rows, panel, out) },
            $($named: $entry,)*
            ..$floats
        };

        products::code_entries!($products, $columns, $features);
    };
}
#[cfg(not(target_arch = "wasm32"))]
pub(super) use table_of_codes;
