//! A hint for memory that will be read soon. No result depends on it.

/// What a hint is about: a cache line.
const LINE_BYTES: usize = 64;

/// Whether memory can be asked for at all: where it cannot, it is no use to look ahead.
pub const PREFETCHES: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Asks for every cache line of `row`, which starts on one. A walk that knows its next rows calls
/// this a few rows ahead, so that the lines arrive while it scores the others. Does nothing where
/// there is no such instruction (WebAssembly).
#[inline]
pub fn prefetch_row<T>(row: &[T]) {
    prefetch_bytes(row.as_ptr().addr(), size_of_val(row));
}

/// As [`prefetch_row`], of so many bytes from an address on, whatever is there.
#[inline]
pub fn prefetch_bytes(address: usize, bytes: usize) {
    if PREFETCHES {
        // Not by `step_by`, which divides first: most rows are one line or two.
        let mut at = 0;
        while at < bytes {
            prefetch_address(address.wrapping_add(at));
            at += LINE_BYTES;
        }
    }
}

/// Bytes from which on a row is worth asking for line by line.
const SPREAD_BYTES_MIN: usize = 256;

/// Whether rows of so many bytes are best asked for at once, all that are known. Never where none can be asked for.
#[inline]
pub const fn is_short(bytes: usize) -> bool {
    PREFETCHES && bytes < SPREAD_BYTES_MIN
}

/// Four rows that are scored after the next ones. Who scores those asks for a line of each of these
/// whenever it has read one: asked for all at once, they are more than a processor can wait for, and
/// it stands still before it has scored anything.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    /// Where lines are asked for, if they are.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    rows: Option<[usize; 4]>,
}

impl Ahead {
    /// Nothing is known of what comes.
    pub const NONE: Self = Self {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        rows: None,
    };

    /// Of four rows of so many `bytes`, of which kernels read the first `read`, by where they lie. What kernels do
    /// not read, and short rows, is asked for at once.
    #[inline]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub fn of(read: usize, bytes: usize, addresses: impl FnOnce() -> [usize; 4]) -> Self {
        let rows = addresses();
        let spread = !is_short(bytes);
        let from = if spread { read } else { 0 };
        for row in rows {
            prefetch_bytes(row.wrapping_add(from), bytes - from);
        }
        Self {
            rows: spread.then_some(rows),
        }
    }

    /// Nothing can be asked for, so nobody looks where the rows are.
    #[inline]
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub fn of(_read: usize, _bytes: usize, _addresses: impl FnOnce() -> [usize; 4]) -> Self {
        Self::NONE
    }

    /// Asks for the line of each row that starts at this byte.
    #[inline(always)]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(super) fn line(&self, at: usize) {
        for row in self.rows.iter().flatten() {
            prefetch_address(row.wrapping_add(at));
        }
    }

    #[inline(always)]
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn line(&self, _at: usize) {}
}

/// Asks for the cache line of an address, which may be any: of memory that others hold locked, say.
#[inline]
pub fn prefetch_address(address: usize) {
    prefetch_line(std::ptr::without_provenance::<u8>(address));
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_line<T>(at: *const T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: SSE is part of x86-64, and a prefetch faults on no address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn prefetch_line<T>(at: *const T) {
    // SAFETY: prfm is a hint: it faults on no address and changes neither registers nor memory.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{at}]",
            at = in(reg) at,
            options(nostack, preserves_flags, readonly),
        );
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
fn prefetch_line<T>(_at: *const T) {}
