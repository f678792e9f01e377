//! One file, byte for byte as FORMAT.md has it, written down by hand.

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
