//! Two files, byte for byte as FORMAT.md has them, written down by hand.

use crate::fixture::{build, file};
use nearfield::ids::KeyColumn;
use xxhash_rust::xxh3::xxh3_64;

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Two rows of three numbers, flat, `l2`, keys 5 and −1.
fn by_hand() -> Vec<u8> {
    let mut file = vec![0; 448];
    put(&mut file, 0, b"\x89NFLD\r\n\x1a");
    for (at, value) in [(8, 1_u32), (12, 2), (32, 3), (36, 16), (64, u32::MAX)] {
        put(&mut file, at, &value.to_le_bytes());
    }
    put(&mut file, 16, &448_u64.to_le_bytes());
    put(&mut file, 24, &2_u64.to_le_bytes());
    put(&mut file, 40, &[1, 1, 1, 1]);
    put(&mut file, 48, &258_u64.to_le_bytes());
    // The table is at 128, the sums are at 192, `vectors` is at 256 and `keys` at 384.
    for (at, id, element, offset, bytes) in
        [(128, 1_u32, 4_u32, 256_u64, 128_u64), (160, 6, 8, 384, 16)]
    {
        put(&mut file, at, &id.to_le_bytes());
        put(&mut file, at + 4, &element.to_le_bytes());
        put(&mut file, at + 8, &offset.to_le_bytes());
        put(&mut file, at + 16, &bytes.to_le_bytes());
        put(&mut file, at + 24, &1_u64.to_le_bytes());
    }
    for (column, x) in [1.0_f32, 2.0, 0.5].into_iter().enumerate() {
        put(&mut file, 256 + 4 * column, &x.to_le_bytes());
        put(&mut file, 320 + 4 * column, &(-x).to_le_bytes());
    }
    put(&mut file, 384, &5_i64.to_le_bytes());
    put(&mut file, 392, &(-1_i64).to_le_bytes());
    let sums = [xxh3_64(&file[256..384]), xxh3_64(&file[384..400])];
    put(&mut file, 192, &sums[0].to_le_bytes());
    put(&mut file, 200, &sums[1].to_le_bytes());
    let root = xxh3_64(&[&file[..120], &file[128..256]].concat());
    put(&mut file, 120, &root.to_le_bytes());
    file
}

#[test]
fn a_file_is_what_the_document_says() {
    let vectors = [1.0, 2.0, 0.5, -1.0, -2.0, -0.5];
    let keys = Some(KeyColumn::Numbers(vec![5.0, -1.0]));
    let index = build(&vectors, r#"{"dim":3,"kind":"flat","seed":258}"#, keys);
    assert_eq!(file(&index), by_hand());
}

/// Two rows of three numbers as codes of a byte and nothing else: one graph of two nodes.
fn codes_by_hand() -> Vec<u8> {
    let mut file = vec![0; 704];
    put(&mut file, 0, b"\x89NFLD\r\n\x1a");
    for (at, value) in [
        (8, 1_u32),
        (12, 5),
        (32, 3),
        (36, 16),
        (56, 2),
        (60, 9),
        (72, 4),
    ] {
        put(&mut file, at, &value.to_le_bytes());
    }
    put(&mut file, 16, &704_u64.to_le_bytes());
    put(&mut file, 24, &2_u64.to_le_bytes());
    put(&mut file, 40, &[2, 1, 2, 0, 1]); // hnsw, l2, sq8, row numbers, no vectors
    put(&mut file, 48, &8_u64.to_le_bytes());
    // The table is at 128, the sums are at 320 and the sections from 384 on.
    let sections = [
        (2_u32, 4_u32, 384_u64, 32_u64), // links0
        (3, 4, 448, 12),                 // levels
        (4, 4, 512, 0),                  // links
        (9, 1, 512, 128),                // codes
        (10, 4, 640, 12),                // centre
    ];
    for (entry, (id, element, offset, bytes)) in sections.into_iter().enumerate() {
        let at = 128 + 32 * entry;
        put(&mut file, at, &id.to_le_bytes());
        put(&mut file, at + 4, &element.to_le_bytes());
        put(&mut file, at + 8, &offset.to_le_bytes());
        put(&mut file, at + 16, &bytes.to_le_bytes());
        put(&mut file, at + 24, &bytes.div_ceil(65_536).to_le_bytes());
    }
    put(&mut file, 384, &[0xff; 32]);
    put(&mut file, 384, &1_u32.to_le_bytes());
    put(&mut file, 400, &0_u32.to_le_bytes());
    // (1, 2, ½) and its opposite around 0: the largest number is 2, so c is x · 63.5, halves away from zero.
    let scale = 2.0_f32 / 127.0;
    let bias = scale * scale * 21_249.0; // 64² + 127² + 32²
    for (at, sign) in [(512, 1_i8), (576, -1)] {
        let codes = [64, 127, 32].map(|code| (sign * code).cast_unsigned());
        put(&mut file, at, &codes);
        put(&mut file, at + 52, &scale.to_le_bytes());
        put(&mut file, at + 56, &bias.to_le_bytes());
        put(&mut file, at + 60, &(223 * i32::from(sign)).to_le_bytes());
    }
    let mut at = 320;
    for (_, _, offset, bytes) in sections {
        let (offset, bytes) = (usize::try_from(offset), usize::try_from(bytes));
        let (offset, bytes) = (offset.expect("small"), bytes.expect("small"));
        if bytes > 0 {
            let sum = xxh3_64(&file[offset..offset + bytes]);
            put(&mut file, at, &sum.to_le_bytes());
            at += 8;
        }
    }
    let root = xxh3_64(&[&file[..120], &file[128..384]].concat());
    put(&mut file, 120, &root.to_le_bytes());
    file
}

#[test]
fn a_file_of_codes_is_what_the_document_says() {
    let vectors = [1.0, 2.0, 0.5, -1.0, -2.0, -0.5];
    let options = r#"{"dim":3,"kind":"hnsw","M":2,"efConstruction":9,"codec":"sq8","keepVectors":false,"seed":8}"#;
    assert_eq!(file(&build(&vectors, options, None)), codes_by_hand());
}
