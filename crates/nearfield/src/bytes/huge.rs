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
#[cfg(target_os = "linux")]
pub(crate) fn advise<T>(memory: &mut [T]) {
    let bytes = size_of_val(memory);
    if bytes < ADVISED_BYTES_MIN {
        return;
    }
    let start: *mut u8 = memory.as_mut_ptr().cast();
    let before = start.align_offset(PAGE_BYTES);
    let whole = bytes.saturating_sub(before) / PAGE_BYTES * PAGE_BYTES;
    if whole == 0 {
        return;
    }
    // SAFETY: `before + whole ≤ bytes`, so the range lies in memory that is ours to write, from a page on.
    // The advice changes no content; where it is refused there is nothing to undo.
    unsafe {
        libc::madvise(start.add(before).cast(), whole, libc::MADV_HUGEPAGE);
    }
}

/// Does nothing here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn advise<T>(_memory: &mut [T]) {}
