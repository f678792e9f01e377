//! Large blocks in large pages: new ones are there sooner, as the system makes five hundred small pages at once. A walk reads rows all over the vectors: in pages of 4 KiB nearly
//! every one costs a look-up in the page tables, in pages of 2 MiB few do.
//!
//! [`advise`] is only a hint: nothing depends on it, and systems other than Linux are not asked. [`written`] makes a
//! vector that all threads write for the first time. [`Zeroed`] is a block
//! that is had from the system and goes back to it, where the heap would keep it.

use crate::exec::Exec;
use bytemuck::Zeroable;
use std::collections::TryReserveError;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Blocks below this are left alone.
#[cfg(target_os = "linux")]
const ADVISED_BYTES_MIN: usize = 4 << 20;
#[cfg(target_os = "linux")]
const PAGE_BYTES: usize = 2 << 20;

/// Asks for large pages in memory that is about to be written for the first time; that it was before does no harm.
/// Pages that it begins or ends in are asked for too: what is filled piece by piece meets each of them first in a piece
/// that has but a part of it, and from then on they are small pages.
#[cfg(target_os = "linux")]
pub(crate) fn advise<T>(memory: &mut [T]) {
    let bytes = size_of_val(memory);
    if bytes < ADVISED_BYTES_MIN {
        return;
    }
    let start: *mut u8 = memory.as_mut_ptr().cast();
    let within = start.addr() % PAGE_BYTES;
    let whole = (within + bytes).next_multiple_of(PAGE_BYTES);
    // SAFETY: the advice reads and writes nothing and changes no content, whoever's memory shares these pages; a part
    // that nobody has is passed over. Where it is refused there is nothing to undo.
    unsafe {
        libc::madvise(
            start.wrapping_sub(within).cast(),
            whole,
            libc::MADV_HUGEPAGE,
        );
    }
}

/// Does nothing here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn advise<T>(_memory: &mut [T]) {}

/// Bytes of new memory that a thread takes at a time: whole large pages.
const TAKEN_BYTES: usize = 4 << 20;

/// A vector of `units` times `unit` zeros, some units at a time changed by `body`, which is told the first one's number.
/// All threads write it: whoever writes new memory first waits until the system has found it and has wiped it, which
/// takes longer than what is then written, and many times as long where the system is a guest of another.
pub(crate) fn written<T: Zeroable + Copy + Send>(
    (units, unit): (usize, usize),
    exec: Exec<'_>,
    body: impl Fn(usize, &mut [T]) + Sync,
) -> Result<Vec<T>, TryReserveError> {
    let len = units * unit;
    let mut out = Vec::new();
    out.try_reserve_exact(len)?;
    let room = &mut out.spare_capacity_mut()[..len];
    advise(room);
    let taken = (TAKEN_BYTES / (unit * size_of::<T>()).max(1)).max(1);
    // For so little no thread is worth waiting for.
    let exec = if units <= taken { Exec::Serial } else { exec };
    exec.parts(room, taken * unit.max(1), |part, room| {
        room.fill(MaybeUninit::new(T::zeroed()));
        // SAFETY: all of it was written just now.
        body(part * taken, unsafe { room.assume_init_mut() });
    });
    // SAFETY: so much was reserved, and the parts are all of it.
    unsafe { out.set_len(len) };
    Ok(out)
}

/// A block of zeros from a cache line on, which nobody has written yet. On Linux it is asked of the system and not of
/// the heap: that keeps what is freed within it, and learns to keep ever larger blocks.
pub(crate) struct Zeroed {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the block belongs to this alone, as a box's would, and bytes may be used by any thread.
unsafe impl Send for Zeroed {}

impl Zeroed {
    /// Where it begins; what is read and written through this is up to who holds the block.
    pub(crate) const fn start(&self) -> NonNull<u8> {
        self.start
    }
}

#[cfg(target_os = "linux")]
impl Zeroed {
    /// So many bytes.
    ///
    /// # Panics
    /// Where there is no memory left, as an allocation would abort.
    pub(crate) fn new(bytes: usize) -> Self {
        if bytes == 0 {
            let start = NonNull::<u64>::dangling().cast();
            return Self { start, bytes };
        }
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: new memory wherever the system likes; nobody's is touched.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
        assert!(start != libc::MAP_FAILED, "{bytes} bytes could not be had");
        let start = NonNull::new(start.cast::<u8>()).expect("memory is not at 0");
        // SAFETY: these bytes were mapped above, are zeros, and nobody else knows of them.
        advise(unsafe { NonNull::slice_from_raw_parts(start, bytes).as_mut() });
        Self { start, bytes }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Zeroed {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: mapped with this length by `new`, and nobody has a part of it: they borrow who holds `self`.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

#[cfg(not(target_os = "linux"))]
impl Zeroed {
    /// So many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let lines = vec![Line([0; 64]); bytes.div_ceil(size_of::<Line>())];
        let start = NonNull::from(Box::leak(lines.into_boxed_slice())).cast();
        Self { start, bytes }
    }
}

#[cfg(not(target_os = "linux"))]
impl Drop for Zeroed {
    fn drop(&mut self) {
        let lines = self.bytes.div_ceil(size_of::<Line>());
        let lines = NonNull::slice_from_raw_parts(self.start.cast::<Line>(), lines);
        // SAFETY: a box of as many lines was leaked by `new`, and nobody has a part of it.
        drop(unsafe { Box::from_raw(lines.as_ptr()) });
    }
}
