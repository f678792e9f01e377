//! Bytes of a file and of memory: aligned, checked, and ignorant of any algorithm.
//!
//! ```text
//! layout    the numbers of FORMAT.md
//! region    memory with an owner: borrowed sections of a loaded file, a map or a built array
//! little    little-endian integers at checked positions
//! huge      large pages for large blocks
//! header    128 bytes ⇄ Header
//! table     what sections there are ⇄ where they are; the sums over them
//! ```
//!
//! A file is hostile until proven otherwise: every size is `u64` and checked before it is used, the
//! length of the file bounds every count, and a fault is an error that says where it is.

pub mod header;
mod huge;
pub mod layout;
pub mod little;
pub mod region;
pub mod table;

use crate::error::{Code, Error, Result};
pub(crate) use huge::{Zeroed, advise as advise_huge, written};

/// A fault in the bytes, with the place where it was seen.
pub fn corrupt(section: &str, offset: u64, what: impl std::fmt::Display) -> Error {
    Error::new(
        Code::Corrupt,
        format!("{section} at offset {offset}: {what}"),
    )
}

/// A size as this machine's pointers count it; on a 32-bit one a file may be too large.
pub fn addressable(bytes: u64) -> Result<usize> {
    // Allocations stop at isize::MAX, so a larger size can never be had.
    isize::try_from(bytes)
        .map(isize::unsigned_abs)
        .map_err(|_| {
            Error::new(
                Code::Memory,
                format!(
                    "{bytes} bytes are more than this machine can address ({})",
                    isize::MAX
                ),
            )
        })
}
