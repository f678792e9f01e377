//! The numbers of FORMAT.md: where things are in a file and how large they may be.

/// The first eight bytes of a file. The high bit and both line ends show a transfer as text.
pub const MAGIC: [u8; 8] = *b"\x89NFLD\r\n\x1a";
/// The version written, and the only one read.
pub const VERSION: u32 = 1;
/// Bytes of the header.
pub const HEADER_BYTES: u64 = 128;
/// Bytes of one entry of the section table.
pub const ENTRY_BYTES: u64 = 32;
/// Where the root checksum stands: the end of the header's other fields.
pub const ROOT_AT: usize = 120;
/// Payload bytes one block sum covers.
pub const BLOCK_BYTES: u64 = 65_536;
/// Sections, the table and the sums start at multiples of this: a cache line, and AVX-512's width.
pub const ALIGN: u64 = 64;
/// Entries the section table may have.
pub const SECTIONS_MAX: u32 = 16;
