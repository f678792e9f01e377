//! Random bytes and random rows, one table per instruction set, the same bits on every one.
//!
//! Eight generators of xoshiro256++ (Blackman, Vigna: "Scrambled Linear Pseudorandom Number
//! Generators", 2021) run side by side, one a lane of 64 bits; word `l` of a line is lane `l`'s next.
//! Rows of floats are made of the same lines by `floats`: only `+ − × ÷ √` and integers, each rounded
//! once and never fused, so no instruction set can tell.
//!
//! # Layout
//! ```text
//! Lanes    s0 s0 s0 s0 s0 s0 s0 s0      line   lane 0 … lane 7     8 × 8 bytes, little-endian
//!          s1 s1 …                      next line …
//! scalar   the definition: the one body on plain u64
//! x86_64 aarch64 wasm32                 the body on registers of two, four or eight words
//! floats   lines to rows: uniform or gaussian, around a centre, of unit length
//! ```

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod floats;
#[cfg(test)]
mod tests;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm32;
#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
mod x86_64_rows;

pub use floats::{Desk, GROUP, Law, Shape};

use super::Isa;

/// Bytes of a line: a word of every lane, and a cache line.
pub const LINE_BYTES: usize = 64;

/// The states of eight generators: word `w` of lane `l` is `0[w][l]`. Not all four of a lane are zero.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Lanes(pub [[u64; 8]; 4]);

/// How lines reach memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Through the caches, from which they can soon be read again.
    Cached,
    /// Past them, where the instruction set can and memory begins at a multiple of eight bytes: a line
    /// that is overwritten whole is then not read first. Elsewhere as [`Cached`](Self::Cached).
    Streamed,
}

/// Writes the next lines; the slice is whole lines (asserted), wherever it begins.
pub type LinesKernel = fn(&mut Lanes, &mut [u8], Store);
/// Writes the next row, of which two lines are drawn for every [`GROUP`] numbers begun.
pub type RowKernel = fn(&mut Lanes, &mut Desk, Shape<'_>, &mut [f32]);

/// How numbers are copied past the caches.
#[derive(Debug)]
pub struct Past {
    /// Copies one slice to another as long (asserted), both wherever they begin. Other threads may find what was
    /// there before until `fence` was called.
    pub copy: fn(&[f32], &mut [f32]),
    /// Orders copies before what follows; waits for them to reach memory.
    pub fence: fn(),
}

/// The kernels of one instruction set.
#[derive(Debug)]
pub struct Draws {
    /// The set these run on.
    pub isa: Isa,
    /// Random bytes.
    pub lines: LinesKernel,
    /// A random row.
    pub row: RowKernel,
    /// Where rows reach memory faster by being copied past the caches than by being made in it.
    pub past: Option<&'static Past>,
}

static SCALAR: Draws = Draws {
    isa: Isa::Scalar,
    // SAFETY: plain words need no instructions.
    lines: |lanes, out, store| unsafe { lines::<u64, 8>(lanes, out, store) },
    row: |lanes, desk, shape, out| floats::row(SCALAR.lines, lanes, desk, shape, out),
    past: None,
};

#[cfg(target_arch = "aarch64")]
use aarch64::tables;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use wasm32::tables;
#[cfg(target_arch = "x86_64")]
use x86_64::tables;

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128"),
)))]
fn tables() -> std::iter::Empty<&'static Draws> {
    std::iter::empty()
}

/// The best table this machine can run, or the best not above `limit`.
pub fn draws(limit: Option<Isa>) -> &'static Draws {
    let within = |table: &&Draws| limit.is_none_or(|limit| table.isa <= limit);
    tables().find(within).unwrap_or(&SCALAR)
}

/// Every table this machine can run, the best first and scalar last.
pub fn available() -> Vec<&'static Draws> {
    tables().chain([&SCALAR]).collect()
}

/// Some words of a line in one register.
///
/// # Safety
/// Calling any method needs the set's instructions.
trait Words: Copy {
    /// # Safety
    /// A register's words can be read from `at`, which needs no alignment.
    unsafe fn load(at: *const u64) -> Self;
    /// # Safety
    /// A register's words can be written to `at`, which needs no alignment.
    unsafe fn store(self, at: *mut u64);
    /// As [`store`](Self::store), past the caches where the set can.
    ///
    /// # Safety
    /// As [`store`](Self::store), and `at` is a multiple of a register's bytes.
    unsafe fn stream(self, at: *mut u64);
    /// Word by word, modulo 2⁶⁴.
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    /// Of three. Who has no instruction for it has half of it in common with others.
    unsafe fn xor3(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller has the instructions.
        unsafe { self.xor(b).xor(c) }
    }
    unsafe fn shl<const BITS: i32>(self) -> Self;
    /// `REST` is 64 − `BITS`.
    unsafe fn rotl<const BITS: i32, const REST: i32>(self) -> Self;
    /// Orders streamed stores before what follows.
    unsafe fn fence();
    /// For which stores lanes are staggered in memory that does not begin where a cache line does. Who has a
    /// register a line has what follows.
    const STAGGERS: &'static [Store] = &[];
    /// The words of `self` from number `by` on, then those before it.
    unsafe fn rotated(self, _by: usize) -> Self {
        unreachable!("a line is several registers")
    }
    /// The first `count` words of `other`, then those of `self`.
    unsafe fn after_first(self, _other: Self, _count: usize) -> Self {
        unreachable!("a line is several registers")
    }
    /// Writes the first `count` words, one to eight, to `at`, which needs no alignment.
    ///
    /// # Safety
    /// So many can be written there.
    unsafe fn store_first(self, _at: *mut u64, _count: usize) {
        unreachable!("a line is several registers")
    }
}

/// The state in registers: `N` of them a word.
type State<V, const N: usize> = [[V; N]; 4];

/// # Safety
/// The machine has the instructions of `V`, and `N` registers of it hold eight words.
#[inline(always)]
unsafe fn load<V: Words, const N: usize>(lanes: &Lanes) -> State<V, N> {
    // SAFETY: the caller has the instructions; register `j` of `N` lies within eight words.
    lanes
        .0
        .each_ref()
        .map(|words| std::array::from_fn(|j| unsafe { V::load(words.as_ptr().add(j * (8 / N))) }))
}

/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn keep<V: Words, const N: usize>(state: State<V, N>, lanes: &mut Lanes) {
    for (words, row) in lanes.0.iter_mut().zip(state) {
        for (j, register) in row.into_iter().enumerate() {
            // SAFETY: as in `load`.
            unsafe { register.store(words.as_mut_ptr().add(j * (8 / N))) };
        }
    }
}

/// The next line. The one place that says what xoshiro256++ is.
///
/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn next<V: Words, const N: usize>(state: &mut State<V, N>) -> [V; N] {
    let mut line = state[0];
    for (j, word) in line.iter_mut().enumerate() {
        let [a, b, c, d] = [state[0][j], state[1][j], state[2][j], state[3][j]];
        // SAFETY: the caller has the instructions.
        unsafe {
            *word = a.plus(d).rotl::<23, 41>().plus(a);
            let d = d.xor(b);
            state[0][j] = a.xor(d);
            state[1][j] = c.xor3(a, b);
            state[2][j] = c.xor3(a, b.shl::<17>());
            state[3][j] = d.rotl::<45, 19>();
        }
    }
    line
}

/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn lines<V: Words, const N: usize>(lanes: &mut Lanes, out: &mut [u8], store: Store) {
    assert!(
        out.len().is_multiple_of(LINE_BYTES),
        "{} bytes are no whole lines",
        out.len()
    );
    let begun = out.as_ptr().addr() % LINE_BYTES;
    let streamed = store == Store::Streamed;
    // SAFETY: the caller has the instructions. Past the caches go only lines that begin at a multiple of 64.
    unsafe {
        let mut state = load::<V, N>(lanes);
        if begun == 0 {
            whole_lines(&mut state, out, streamed);
        } else if V::STAGGERS.contains(&store) && begun.is_multiple_of(8) && !out.is_empty() {
            staggered(&mut state, out, streamed);
        } else {
            whole_lines(&mut state, out, false);
        }
        keep(state, lanes);
    }
}

/// Lines into memory that begins `8 − head` words after a cache line does, as what allocators give: the first `head`
/// lanes go a step ahead, so that the others' words and their next ones are a cache line and no store touches two.
///
/// ```text
/// words    5 6 7 | 0 1 2 3 4 5 6 7 | 0 …      head 3: lanes 3 … 7 draw line n, lanes 0 … 2 line n + 1
///          line 0  line 1            line 2
/// ```
///
/// # Safety
/// As [`load`], where `V` staggers. `out` is whole lines, at least one, and begins at a multiple of eight bytes which
/// is none of 64.
#[inline(always)]
unsafe fn staggered<V: Words, const N: usize>(
    state: &mut State<V, N>,
    out: &mut [u8],
    streamed: bool,
) {
    let head = (LINE_BYTES - out.as_ptr().addr() % LINE_BYTES) / 8;
    let (first, rest) = out.split_at_mut(head * 8);
    let (whole, last) = rest.split_at_mut(rest.len() - rest.len() % LINE_BYTES);
    // SAFETY: the caller has the instructions; the middle begins where a cache line does.
    unsafe {
        first_words(state, first, head);
        whole_lines(state, whole, streamed);
        first_words(state, last, 8 - head);
    }
}

/// The next words of the first `count` lanes, which go behind the others; `out` has room for them.
///
/// # Safety
/// As [`staggered`].
#[inline(always)]
unsafe fn first_words<V: Words, const N: usize>(
    state: &mut State<V, N>,
    out: &mut [u8],
    count: usize,
) {
    debug_assert_eq!(out.len(), count * 8);
    // SAFETY: the caller has the instructions, and as many words as are stored can be.
    unsafe {
        let mut ahead = *state;
        let line = next(&mut ahead);
        if N == 1 {
            line[0].store_first(out.as_mut_ptr().cast(), count);
            for (words, ahead) in state.iter_mut().zip(ahead) {
                words[0] = words[0].after_first(ahead[0], count).rotated(count);
            }
        } else {
            *state = by_words(*state, ahead, line, out);
        }
    }
}

/// As [`first_words`] where a line is several registers: lanes move about in memory, twice a run of lines.
///
/// # Safety
/// As [`staggered`].
#[inline(always)]
unsafe fn by_words<V: Words, const N: usize>(
    state: State<V, N>,
    ahead: State<V, N>,
    line: [V; N],
    out: &mut [u8],
) -> State<V, N> {
    let [mut moved, mut stepped] = [const { Lanes([[0; 8]; 4]) }; 2];
    let mut drawn = [0u64; 8];
    // SAFETY: the caller has the instructions; register `j` of a line lies within its eight words.
    unsafe {
        keep(state, &mut moved);
        keep(ahead, &mut stepped);
        for (j, word) in line.into_iter().enumerate() {
            word.store(drawn.as_mut_ptr().add(j * (8 / N)));
        }
    }
    let count = out.len() / 8;
    out.copy_from_slice(&bytemuck::bytes_of(&drawn)[..out.len()]);
    for (words, stepped) in moved.0.iter_mut().zip(&stepped.0) {
        words[..count].copy_from_slice(&stepped[..count]);
        words.rotate_left(count);
    }
    // SAFETY: as above.
    unsafe { load(&moved) }
}

/// The next word of every lane, line by line.
///
/// # Safety
/// As [`load`]; where they are `streamed`, `out` begins at a multiple of 64 bytes.
#[inline(always)]
unsafe fn whole_lines<V: Words, const N: usize>(
    state: &mut State<V, N>,
    out: &mut [u8],
    streamed: bool,
) {
    // SAFETY: the caller has the instructions. Register `j` of a line lies within its 64 bytes, and begins at a
    // multiple of its own where the line does.
    unsafe {
        if streamed {
            for line in out.chunks_exact_mut(LINE_BYTES) {
                let at: *mut u64 = line.as_mut_ptr().cast();
                for (j, word) in next(state).into_iter().enumerate() {
                    word.stream(at.add(j * (8 / N)));
                }
            }
            V::fence();
        } else {
            for line in out.chunks_exact_mut(LINE_BYTES) {
                let at: *mut u64 = line.as_mut_ptr().cast();
                for (j, word) in next(state).into_iter().enumerate() {
                    word.store(at.add(j * (8 / N)));
                }
            }
        }
    }
}

/// The definition.
impl Words for u64 {
    #[inline(always)]
    unsafe fn load(at: *const u64) -> Self {
        // SAFETY: see the trait.
        unsafe { at.read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut u64) {
        // SAFETY: see the trait.
        unsafe { at.write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn stream(self, at: *mut u64) {
        // SAFETY: see the trait.
        unsafe { self.store(at) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    unsafe fn shl<const BITS: i32>(self) -> Self {
        self << BITS
    }

    #[inline(always)]
    unsafe fn rotl<const BITS: i32, const REST: i32>(self) -> Self {
        self.rotate_left(BITS.unsigned_abs())
    }

    #[inline(always)]
    unsafe fn fence() {}
}

/// A set's table and its entries, which give the shared bodies, or a row's of their own, their instructions.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! draw_table {
    ($table:ident, $isa:expr, $words:ty, $count:literal, $features:literal) => {
        draw_table!(
            $table,
            $isa,
            $words,
            $count,
            $features,
            |lanes, desk, shape, out| floats::row($table.lines, lanes, desk, shape, out),
            None
        );
    };
    ($table:ident, $isa:expr, $words:ty, $count:literal, $features:literal, $row:expr, $past:expr) => {
        static $table: Draws = {
            #[target_feature(enable = $features)]
            fn lines_of(lanes: &mut Lanes, out: &mut [u8], store: Store) {
                // SAFETY: this function's features are those of the words.
                unsafe { lines::<$words, $count>(lanes, out, store) }
            }

            #[target_feature(enable = $features)]
            fn row_of(lanes: &mut Lanes, desk: &mut Desk, shape: Shape<'_>, out: &mut [f32]) {
                $row(lanes, desk, shape, out);
            }

            Draws {
                isa: $isa,
                // SAFETY: a table is handed out only after its instructions were detected.
                lines: |lanes, out, store| unsafe { lines_of(lanes, out, store) },
                // SAFETY: as above.
                row: |lanes, desk, shape, out| unsafe { row_of(lanes, desk, shape, out) },
                past: $past,
            }
        };
    };
}
#[cfg(not(target_arch = "wasm32"))]
use draw_table;
