//! The first 128 bytes of a file, as FORMAT.md lays them out.
//!
//! Decoding refuses what is not a nearfield file of this version (`FORMAT`) and reserved bytes that
//! are not zero (`CORRUPT`). What the numbers mean, and whether they are sane, is for the caller.

use super::corrupt;
use super::layout::{HEADER_BYTES, MAGIC, ROOT_AT, VERSION};
use super::little::{put, u32_at, u64_at};
use crate::error::{Code, Error, Result};

/// The header's fields; see FORMAT.md for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // FORMAT.md is their documentation; a copy here would drift from it
pub struct Header {
    pub sections: u32,
    pub bytes: u64,
    pub rows: u64,
    pub dim: u32,
    pub stride: u32,
    pub kind: u8,
    pub metric: u8,
    pub codec: u8,
    pub keys: u8,
    pub vectors: u8,
    pub apart: u8,
    pub refine: u8,
    pub numbers: u8,
    pub seed: u64,
    pub m: u32,
    pub ef_construction: u32,
    pub entry: u32,
    pub level: u32,
    pub links0: u32,
    pub zones: u32,
    pub parted: u32,
    pub soar: u8,
}

impl Header {
    /// The header's bytes; the root is still zero.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        put(&mut out, 0, MAGIC);
        put(&mut out, 8, VERSION.to_le_bytes());
        put(&mut out, 12, self.sections.to_le_bytes());
        put(&mut out, 16, self.bytes.to_le_bytes());
        put(&mut out, 24, self.rows.to_le_bytes());
        put(&mut out, 32, self.dim.to_le_bytes());
        put(&mut out, 36, self.stride.to_le_bytes());
        put(
            &mut out,
            40,
            [
                self.kind,
                self.metric,
                self.codec,
                self.keys,
                self.vectors,
                self.apart,
                self.refine,
                self.numbers,
            ],
        );
        put(&mut out, 48, self.seed.to_le_bytes());
        put(&mut out, 56, self.m.to_le_bytes());
        put(&mut out, 60, self.ef_construction.to_le_bytes());
        put(&mut out, 64, self.entry.to_le_bytes());
        put(&mut out, 68, self.level.to_le_bytes());
        put(&mut out, 72, self.links0.to_le_bytes());
        put(&mut out, 76, self.zones.to_le_bytes());
        put(&mut out, 80, self.parted.to_le_bytes());
        put(&mut out, 84, [self.soar]);
        out
    }

    /// Reads the start of a file, however short it is.
    pub fn decode(file: &[u8]) -> Result<Self> {
        let start = &file[..file.len().min(MAGIC.len())];
        if start.is_empty() || *start != MAGIC[..start.len()] {
            let message =
                format!("not a nearfield file: it starts with {start:02x?}, expected {MAGIC:02x?}");
            return Err(Error::new(Code::Format, message));
        }
        let short = || {
            let found = file.len();
            corrupt(
                "header",
                found as u64,
                format!("the file ends here, in its {HEADER_BYTES} byte header"),
            )
        };
        let version = u32_at(file, 8).ok_or_else(short)?;
        if version != VERSION {
            let message = format!(
                "header at offset 8: file version {version} cannot be read; this build reads version {VERSION}"
            );
            return Err(Error::new(Code::Format, message));
        }
        Self::fields(file).ok_or_else(short).and_then(|header| {
            let mut reserved = 85..ROOT_AT;
            match reserved.find(|at| file[*at] != 0) {
                Some(at) => Err(corrupt(
                    "header",
                    at as u64,
                    format!("reserved byte is {}, expected 0", file[at]),
                )),
                None => Ok(header),
            }
        })
    }

    fn fields(file: &[u8]) -> Option<Self> {
        let file = file.get(..HEADER_BYTES)?;
        Some(Self {
            sections: u32_at(file, 12)?,
            bytes: u64_at(file, 16)?,
            rows: u64_at(file, 24)?,
            dim: u32_at(file, 32)?,
            stride: u32_at(file, 36)?,
            kind: file[40],
            metric: file[41],
            codec: file[42],
            keys: file[43],
            vectors: file[44],
            apart: file[45],
            refine: file[46],
            numbers: file[47],
            seed: u64_at(file, 48)?,
            m: u32_at(file, 56)?,
            ef_construction: u32_at(file, 60)?,
            entry: u32_at(file, 64)?,
            level: u32_at(file, 68)?,
            links0: u32_at(file, 72)?,
            zones: u32_at(file, 76)?,
            parted: u32_at(file, 80)?,
            soar: file[84],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        sections: 0x0102_0304,
        bytes: 0x1112_1314_1516_1718,
        rows: 0x2122_2324_2526_2728,
        dim: 0x3132_3334,
        stride: 0x4142_4344,
        kind: 0x51,
        metric: 0x52,
        codec: 0x53,
        keys: 0x54,
        vectors: 0x55,
        apart: 0x56,
        refine: 0x57,
        numbers: 0x58,
        seed: 0x6162_6364_6566_6768,
        m: 0x7172_7374,
        ef_construction: 0x8182_8384,
        entry: 0x9192_9394,
        level: 0xa1a2_a3a4,
        links0: 0xb1b2_b3b4,
        zones: 0xc1c2_c3c4,
        parted: 0xd1d2_d3d4,
        soar: 0xe1,
    };

    #[test]
    fn every_field_comes_back() {
        assert_eq!(Header::decode(&HEADER.encode()), Ok(HEADER));
    }

    #[test]
    fn what_is_not_ours_is_format_and_what_is_short_is_corrupt() {
        let bytes = HEADER.encode();
        let code = |file: &[u8]| Header::decode(file).map_err(|error| error.code()).err();
        assert_eq!(code(b""), Some(Code::Format));
        assert_eq!(code(b"PK\x03\x04"), Some(Code::Format));
        assert_eq!(code(&[0; 4096]), Some(Code::Format));
        for length in 1..bytes.len() {
            assert_eq!(code(&bytes[..length]), Some(Code::Corrupt), "{length}");
        }
        let mut newer = bytes;
        newer[8] = 2;
        let refusal = Header::decode(&newer).expect_err("newer").to_string();
        assert_eq!(
            refusal,
            "FORMAT: header at offset 8: file version 2 cannot be read; this build reads version 1"
        );
    }

    #[test]
    fn reserved_bytes_must_be_zero() {
        for at in 85..120 {
            let mut bytes = HEADER.encode();
            bytes[at] = 1;
            let refusal = Header::decode(&bytes).expect_err("reserved").to_string();
            assert!(
                refusal.starts_with(&format!("CORRUPT: header at offset {at}:")),
                "{refusal}"
            );
        }
    }
}
