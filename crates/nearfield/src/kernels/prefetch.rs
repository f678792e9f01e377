//! A hint for memory that will be read soon. No result depends on it.

/// Asks for every cache line of `row`, which starts on one. A walk that knows its next rows calls
/// this a few rows ahead, so that the lines arrive while it scores the others. Does nothing where
/// there is no such instruction (WebAssembly).
#[inline]
pub fn prefetch_row<T>(row: &[T]) {
    for line in row.chunks(64 / size_of::<T>()) {
        prefetch_line(line.as_ptr());
    }
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
