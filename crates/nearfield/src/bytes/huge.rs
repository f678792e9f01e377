//! Large blocks in large pages: new ones are there sooner, as the system makes five hundred small pages at once. A walk reads rows all over the vectors: in pages of 4 KiB nearly
//! every one costs a look-up in the page tables, in pages of 2 MiB few do.
//!
//! Only a hint: nothing depends on it, and systems other than Linux are not asked.

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
