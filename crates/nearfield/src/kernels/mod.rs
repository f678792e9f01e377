//! Sums over two slices, of `f32` or of codes of eight or four bits, one table per instruction set.
//!
//! # The sum is part of the definition
//! Element `i` is accumulated into lane `i % 16`; at the end lane `j` takes lane `j + 8`, then
//! `j + 4`, `j + 2`, `j + 1`. The fused sets (AVX2+FMA, AVX-512, NEON) agree with each other bit for
//! bit, and so do the unfused ones (scalar, WebAssembly simd128); the two groups differ by rounding. Sums over codes are integers: every set gives the same.
//!
//! # Layout
//! ```text
//! scalar            the definition, in plain Rust
//! lanes             the one SIMD body over floats, on a trait of sixteen lanes
//! products          the one SIMD body over codes, on a trait of products added in pairs
//! nibbles           the one over codes of four bits, two a byte
//! rows              the one body over rows of codes scored by one call, on the sums of these two
//! strips            what scans of strips share: 32 entries whose codes are looked up in tables
//! lookups           the one SIMD body over them, of NEON and WebAssembly
//! x86_64/…_strips   bodies of x86-64's own, for several queries or strips at once too
//! wide_lookups      the same of codes of eight bits: plain Rust, and a body of AVX-512 VBMI's own
//! floats            tiles of products of floats: one body on those lanes, and plain Rust
//! queries           rotations, and tables of a query: plain Rust, and bodies of AVX-512's and WebAssembly's own
//! x86_64/avx2 …     one file a set: its lanes and products, its #[target_feature] entries, its table
//! tiles             the one body over tiles of codes, on a trait of a few of its columns
//! panels            rows of codes side by side, as tiles take them: plain Rust, and a body of AVX-512's own
//! nearest           sorted lists of a tile's scores: plain Rust, compiled for each set
//! sift              the smallest of a list of integers: one body on a trait of whole registers
//! x86_64/sorted     an integer among ascending ones; others search for its place
//! widest            other plain Rust, compiled for each set
//! prefetch          a hint for rows that will be scored soon
//! draws             random bytes and random rows, in tables of their own
//! tests             every table of this machine against the definition
//! ```
//! A table of instructions the machine lacks cannot be reached: [`kernels`] and [`available`] are the
//! only ways to one, and both ask the processor first. Every `SAFETY:` argument about instructions rests on that.

#![allow(
    clippy::inline_always,
    reason = "a lane method that is not inlined into its #[target_feature] entry passes vectors through memory"
)]

#[cfg(target_arch = "aarch64")]
mod aarch64;
pub mod draws;
mod floats;
// Without a SIMD set (32-bit x86, plain wasm) nothing instantiates the shared body.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128"),
))]
mod lanes;
#[cfg(any(
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128"),
))]
mod lookups;
mod nearest;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128"),
))]
mod nibbles;
mod panels;
mod prefetch;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128"),
))]
mod products;
mod queries;
mod rows;
mod scalar;
mod sift;
mod strips;
#[cfg(test)]
mod tests;
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128"),
))]
mod tiles;
#[cfg(target_arch = "wasm32")]
mod wasm32;
mod wide_lookups;
mod widest;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64::tables;
pub use nearest::{pair_score, place_and_score};
pub use prefetch::{Ahead, PREFETCHES, is_short, prefetch_address, prefetch_bytes, prefetch_row};
#[cfg(target_arch = "wasm32")]
use wasm32::tables;
#[cfg(test)]
pub use widest::on_every_set;
pub use widest::{Work, widest};
#[cfg(target_arch = "x86_64")]
use x86_64::tables;

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "wasm32"
)))]
fn tables() -> std::iter::Empty<&'static Kernels> {
    std::iter::empty()
}

/// A kernel over one pair. Both slices have the same length (asserted).
pub type Pair = fn(&[f32], &[f32]) -> f32;
/// A kernel over one query and four rows, all of the same length (asserted); same bits as [`Pair`]. It asks for
/// the lines of rows ahead as it goes.
pub type Quad = fn(&[f32], &[&[f32]; 4], &Ahead) -> [f32; 4];
/// A kernel over a query of 7-bit codes (0 … 127) and a row of signed ones; both slices have the
/// same length, a multiple of [`CODE_BLOCK`] (asserted). Two products then always fit the 16 bits
/// that the fastest instructions of most sets add them in.
pub type CodePair = fn(&[u8], &[i8]) -> i32;
/// A kernel over one query and four rows of codes; the same sums as [`CodePair`].
pub type CodeQuad = fn(&[u8], &[&[i8]; 4], &Ahead) -> [i32; 4];

/// A kernel over [`TILE_ROWS`] rows of 7-bit codes, one after the other, and a panel of
/// [`TILE_COLUMNS`] rows of signed ones, side by side by [`TILE_STEP`]: the product of the two, row
/// after row. Rows are whole steps and as long as the panel's (asserted).
pub type CodeTile = fn(&[u8], &[i8], &mut [i32; TILE_ROWS * TILE_COLUMNS]);

/// A kernel that lays [`TILE_COLUMNS`] rows of codes side by side by [`TILE_STEP`], as [`CodeTile`] takes them. Rows are
/// at most as long as the panel's (asserted); zeros follow the codes of shorter ones.
pub type PanelMaker = fn([&[i8]; TILE_COLUMNS], &mut [i8]);

/// A kernel that takes the sums of a tile with what its rows (bias and scale, as many as count) and its
/// columns have beside, and puts the scores into sorted lists, those of the rows and those of the columns:
/// as many for every row (asserted). Keys are never alike, so a list is what it is whatever order tiles come in.
pub type TileNearest = fn(
    &[i32; TILE_ROWS * TILE_COLUMNS],
    (&[(f32, f32)], &PanelTerms),
    TileAt,
    by_row: &mut [Keys],
    by_column: &mut [Keys],
);

/// As [`TileNearest`], of a tile's scores themselves, of which so many rows count (at most
/// [`TILE_ROWS`], asserted).
pub type ScoresNearest = fn(
    &[f32; TILE_ROWS * TILE_COLUMNS],
    rows: usize,
    TileAt,
    by_row: &mut [Keys],
    by_column: &mut [Keys],
);

/// What the rows of a panel have beside their codes, side by side too.
#[derive(Clone, Copy, Debug)]
pub struct PanelTerms {
    /// What each adds to every score.
    pub bias: [f32; TILE_COLUMNS],
    /// The step between two integers its codes stand for.
    pub scale: [f32; TILE_COLUMNS],
    /// The sum of its codes.
    pub sum: [i32; TILE_COLUMNS],
}

/// One place of sixteen lists: a score with the place of what has it, as [`TileAt::mask`] divides them;
/// all ones where there is nothing.
pub type Keys = [u32; TILE_COLUMNS];

/// Where a tile is, and what of it counts.
#[derive(Clone, Copy, Debug)]
pub struct TileAt {
    /// The first row's place.
    pub row: u32,
    /// The first column's place.
    pub column: u32,
    /// The first column that counts for the first row; one more for each row below.
    pub from: i32,
    /// The low bits of a key that hold a place.
    pub mask: u32,
}

/// Rows of a tile.
pub const TILE_ROWS: usize = 8;
/// Columns of a tile: a panel's rows.
pub const TILE_COLUMNS: usize = 16;
/// Codes of one row that lie together in a panel, which most sets multiply and add as one.
pub const TILE_STEP: usize = 4;

/// A kernel over a query of 7-bit codes (0 … 127) and a row of four-bit ones, two a byte: the low four
/// bits of byte `j` are multiplied with `query[j]`, the high four with `query[row.len() + j]`. The row's
/// length is a multiple of [`CODE_BLOCK`], the query's twice that (asserted).
pub type NibblePair = fn(&[u8], &[u8]) -> i32;
/// A kernel over one query and four rows of four-bit codes; the same sums as [`NibblePair`].
pub type NibbleQuad = fn(&[u8], &[&[u8]; 4], &Ahead) -> [i32; 4];

/// A kernel over [`TILE_ROWS`] rows of floats, one after the other, and a panel of [`TILE_COLUMNS`] rows,
/// side by side, all of one length (asserted): the product of the two, row after row. Products and sums
/// are rounded one by one in the order of the numbers, on every set.
pub type FloatTile = fn(&[f32], &[f32], &mut [f32; TILE_ROWS * TILE_COLUMNS]);

/// Entries of a strip, whose codes lie side by side.
pub const STRIP_ENTRIES: usize = 32;
/// Bytes of the table of one position, and of the codes that a strip has there.
pub const TABLE_BYTES: usize = 16;
/// Bytes of the table of one position of codes of eight bits.
pub const WIDE_TABLE_BYTES: usize = 256;
/// The largest number in a table: six bits.
pub const TABLE_MAX: u8 = 63;
/// Bytes of what a strip's entries add and are multiplied by, which follow its codes.
pub const STRIP_TERMS_BYTES: usize = STRIP_ENTRIES * 8;

/// What a scan knows beside tables and strips.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScanTerms {
    /// What every score has: that of the zone's centre.
    pub base: f32,
    /// What the tables left out.
    pub low: f32,
    /// What one in a table stands for.
    pub step: f32,
    /// Scores below this are told.
    pub bound: f32,
}

/// A kernel over the tables of a query ([`TABLE_BYTES`] a position, an even number of positions, each
/// number at most [`TABLE_MAX`]) and a strip of as many codes and its terms (asserted). It writes the score
/// `(base + add) + scale · (low + step · Σ)` of every entry and returns a bit for each below the bound.
pub type StripScan = fn(&[u8], &[u8], ScanTerms, &mut [f32; STRIP_ENTRIES]) -> u32;

/// Queries that a strip is scanned for at once, where a set gains from it.
pub const SCAN_QUERIES: usize = 4;

/// As [`StripScan`], for several queries, whose codes are taken apart once: the same scores.
pub type StripScans = fn(
    [&[u8]; SCAN_QUERIES],
    &[u8],
    &[ScanTerms; SCAN_QUERIES],
    &mut [[f32; STRIP_ENTRIES]; SCAN_QUERIES],
) -> [u32; SCAN_QUERIES];

/// Strips that are told of by one call at most.
pub const TELL_STRIPS: usize = 8;
/// Entries of these.
pub const TOLD_MAX: usize = TELL_STRIPS * STRIP_ENTRIES;

/// As [`StripScan`], over strips one after the other, at most [`TELL_STRIPS`], and the slots of their entries (asserted):
/// of each entry below the bound that has a slot, in their order, the score above the slot, as an integer that orders
/// as (score, slot) do.
pub type StripsTeller =
    for<'a> fn(&[u8], &[u8], &[[u32; STRIP_ENTRIES]], ScanTerms, &'a mut ToldRoom) -> &'a [u64];

/// Room for all that one call tells: nothing is written there for zeros.
pub type ToldRoom = [std::mem::MaybeUninit<u64>; TOLD_MAX];

/// Such room.
pub const fn told_room() -> ToldRoom {
    [const { std::mem::MaybeUninit::uninit() }; TOLD_MAX]
}

/// A kernel over a list of integers: leaves the `k` smallest first, in their order, and tells what they do not exceed and
/// all others do. `None`, and nothing moved, where it does not find such a number, as where integers are equal, or where
/// there are not more than `k`.
pub type Sift = fn(&mut [u64], usize) -> Option<u64>;

/// As [`StripScan`], of codes of eight bits: a position has [`WIDE_TABLE_BYTES`] of tables, of any bytes, and
/// [`STRIP_ENTRIES`] of codes, entry `i` in byte `i`.
pub type WideScan = StripScan;

/// Rotates a vector as long as each of the rows of signs, where it lies. Products and sums are rounded one by
/// one in one order, on every set.
pub type Turn = fn(&mut [f32], Turns<'_>);

/// What a rotation goes by.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'a> {
    /// Transform after transform, a sign for each number.
    pub signs: &'a [f32],
    /// Numbers a transform takes, from one end and then from the other: a power of two.
    pub span: usize,
    /// What keeps lengths after a transform.
    pub shrink: f32,
    /// Whether a rotation is taken back.
    pub back: bool,
}

/// A kernel that makes the tables [`StripScan`] takes of a query and of the values of codes: how many
/// numbers a code has, and the values of each of these, the same for all positions or of one position after the
/// other. The last two arguments are a place for the products of each position and the tables
/// of all. Returns what the tables leave out and what one in a table stands for, the same bits on every set.
pub type TableMaker =
    fn(&[f32], (usize, &[[f32; TABLE_BYTES]]), &mut [[f32; TABLE_BYTES]], &mut [u8]) -> (f32, f32);

/// Rows that a [`RowScorer`] scores at most.
pub const ROW_SCORES: usize = 32;
/// Their scores.
pub type RowScores = [f32; ROW_SCORES];

/// Rows of codes with what each has beside them, and what scores of a query take of it (`codec::codes`).
#[derive(Clone, Copy, Debug)]
pub struct CodeRows<'a> {
    /// One row after the other.
    pub bytes: &'a [u8],
    /// Bytes of a row: codes, zeros, and at the end scale, bias and sum.
    pub stride: usize,
    /// Bytes of a row that kernels read beside the last ones.
    pub read: usize,
    /// What a sum is multiplied by, beside the row's scale.
    pub factor: f32,
    /// What every sum is too large by.
    pub less: i32,
}

impl<'a> CodeRows<'a> {
    /// A row: codes, zeros, terms.
    ///
    /// # Panics
    /// Where there is no such slot.
    #[inline]
    pub fn row(&self, slot: u32) -> &'a [u8] {
        // Where addresses have 32 bits, the product of a wild slot would wrap.
        let start = (slot as usize).checked_mul(self.stride);
        &self.bytes[start.expect("a slot of these rows")..][..self.stride]
    }

    /// Where a row lies, or would: for hints alone.
    #[inline]
    pub fn address(&self, slot: u32) -> usize {
        let start = (slot as usize).wrapping_mul(self.stride);
        self.bytes.as_ptr().addr().wrapping_add(start)
    }
}

/// Rows that are asked for ahead of the one that is scored.
pub const ROWS_AHEAD: usize = 8;

/// Which of them.
#[derive(Clone, Copy, Debug)]
pub struct RowsAsked<'a> {
    /// At most [`ROW_SCORES`] (asserted) that are scored.
    pub slots: &'a [u32],
    /// Those that probably come next, at most [`ROWS_AHEAD`]: long ones are asked for, line by line.
    pub ahead: &'a [u32],
    /// What a score must not be above to be near.
    pub limit: f32,
}

/// A kernel over the codes of a query and rows. It writes the scores of some and returns a bit for each that is near.
pub type RowScorer = fn(&[u8], &CodeRows<'_>, RowsAsked<'_>, &mut RowScores) -> u32;

/// Integers that an [`Inserter`] takes together.
pub const SORTED_BLOCK: usize = 8;

/// A kernel that puts an integer among ascending ones, whole blocks of [`SORTED_BLOCK`] (asserted), before those
/// that are not below it. The last is lost. Returns its place, or how many there are if it has none.
pub type Inserter = fn(&mut [u64], u64) -> usize;

/// Bytes a row of codes has a multiple of: one cache line, the widest register of any set.
pub const CODE_BLOCK: usize = 64;

/// An instruction set with a table. Ordered: a later set is the better one where both run. Two of one
/// family differ in their sums over codes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust: the definition of every kernel.
    Scalar,
    /// WebAssembly fixed-width SIMD.
    Simd128,
    /// The same with the dot product of relaxed SIMD.
    RelaxedSimd,
    /// ARM Advanced SIMD.
    Neon,
    /// The same with `FEAT_DotProd`.
    NeonDotprod,
    /// x86-64 AVX2 with FMA.
    Avx2,
    /// The same with AVX-VNNI.
    AvxVnni,
    /// x86-64 AVX-512 F and BW.
    Avx512,
    /// The same with VNNI.
    Avx512Vnni,
}

impl Isa {
    /// Every set there is a table for, on some machine.
    pub const ALL: [Self; 9] = [
        Self::Scalar,
        Self::Simd128,
        Self::RelaxedSimd,
        Self::Neon,
        Self::NeonDotprod,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512,
        Self::Avx512Vnni,
    ];

    /// The name options and `stats()` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Simd128 => "simd128",
            Self::RelaxedSimd => "relaxed-simd",
            Self::Neon => "neon",
            Self::NeonDotprod => "neon-dotprod",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512-vnni",
        }
    }

    /// The set of this [`name`](Self::name).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Whether products are added without rounding in between; sets of one kind agree in every bit.
    pub const fn fused(self) -> bool {
        matches!(
            self,
            Self::Neon
                | Self::NeonDotprod
                | Self::Avx2
                | Self::AvxVnni
                | Self::Avx512
                | Self::Avx512Vnni
        )
    }
}

/// The kernels of one instruction set.
#[derive(Debug)]
pub struct Kernels {
    /// The set these run on.
    pub isa: Isa,
    /// Squared Euclidean distance.
    pub l2sq_f32: Pair,
    /// Inner product.
    pub dot_f32: Pair,
    /// Four squared Euclidean distances.
    pub l2sq_f32_x4: Quad,
    /// Four inner products.
    pub dot_f32_x4: Quad,
    /// Inner product of codes.
    pub dot_u7i8: CodePair,
    /// Four inner products of codes.
    pub dot_u7i8_x4: CodeQuad,
    /// A tile of inner products of codes.
    pub tile_u7i8: CodeTile,
    /// A panel of codes.
    pub panel_i8: PanelMaker,
    /// The nearest of a tile's rows and columns.
    pub tile_nearest: TileNearest,
    /// The nearest of a tile of scores.
    pub scores_nearest: ScoresNearest,
    /// Inner product of codes of four bits.
    pub dot_u7u4: NibblePair,
    /// Four inner products of codes of four bits.
    pub dot_u7u4_x4: NibbleQuad,
    /// A tile of inner products of floats.
    pub tile_f32: FloatTile,
    /// The scores of a strip: six bits of a table looked up by four bits of a code.
    pub scan_u6u4: StripScan,
    /// The same for several queries; `None` where one after the other is as fast.
    pub scan_u6u4_x4: Option<StripScans>,
    /// What a scan of some strips tells; `None` where one entry after the other is as fast.
    #[cfg(target_arch = "x86_64")]
    pub tell_u6u4: Option<StripsTeller>,
    /// The smallest of a list.
    pub sift_u64: Sift,
    /// Scores of rows of codes.
    pub score_u7i8: RowScorer,
    /// The same of codes of four bits.
    pub score_u7u4: RowScorer,
    /// An integer among ascending ones; `None` where searching for its place is as fast.
    #[cfg(target_arch = "x86_64")]
    pub insert_u64: Option<Inserter>,
    /// The scores of a strip: eight bits of a table looked up by eight bits of a code.
    pub scan_u8u8: WideScan,
    /// A vector rotated.
    pub turn_f32: Turn,
    /// The tables of a query, of six bits.
    pub tables_u6: TableMaker,
}

impl Kernels {
    /// Strips of four bits told of together, where that is faster than one entry after the other.
    pub const fn teller(&self) -> Option<StripsTeller> {
        #[cfg(target_arch = "x86_64")]
        let tell = self.tell_u6u4;
        // Elsewhere nothing is compiled for it.
        #[cfg(not(target_arch = "x86_64"))]
        let tell = None;
        tell
    }

    /// What puts an integer among ascending ones, where that is faster than to search for its place.
    pub const fn inserter(&self) -> Option<Inserter> {
        #[cfg(target_arch = "x86_64")]
        let insert = self.insert_u64;
        // Elsewhere nothing is compiled for it.
        #[cfg(not(target_arch = "x86_64"))]
        let insert = None;
        insert
    }
}

/// The best table this machine can run, or the best not above `limit`. A limit of another
/// architecture is a limit all the same: `neon` on x86-64 gives what stands below it there, scalar.
pub fn kernels(limit: Option<Isa>) -> &'static Kernels {
    let within = |table: &&Kernels| limit.is_none_or(|limit| table.isa <= limit);
    tables().find(within).unwrap_or(&scalar::KERNELS)
}

/// Codes of each row of a tile.
fn tile_depth(rows: &[u8], panel: &[i8]) -> usize {
    let depth = rows.len() / TILE_ROWS;
    assert_eq!(rows.len(), depth * TILE_ROWS, "a tile has {TILE_ROWS} rows");
    assert_eq!(
        panel.len(),
        depth * TILE_COLUMNS,
        "rows and panel differ in length"
    );
    assert!(
        depth.is_multiple_of(TILE_STEP),
        "{depth} codes are no whole steps"
    );
    depth
}

/// Every table this machine can run, the best first and scalar last.
pub fn available() -> Vec<&'static Kernels> {
    tables().chain([&scalar::KERNELS]).collect()
}
