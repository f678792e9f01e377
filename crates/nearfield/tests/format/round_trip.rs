//! What is written opens again, answers the same and is written as the same bytes.

use crate::fixture::{Map, answers, file, load, map, sample, samples};
use nearfield::boundary::Index;
use nearfield::exec::Exec;
use std::sync::Arc;

#[test]
fn every_sort_of_index_comes_back() {
    for (name, built) in samples() {
        let bytes = file(&built);
        for (how, opened) in [("loaded", load(&bytes)), ("mapped", map(&bytes))] {
            let opened = opened.unwrap_or_else(|why| panic!("{name} {how}: {why}"));
            assert_eq!(answers(&opened), answers(&built), "{name} {how}");
            assert_eq!(opened.keys(), built.keys(), "{name} {how}");
            assert_eq!(file(&opened), bytes, "{name} {how}");
            assert_eq!(opened.info(), built.info(), "{name} {how}");
            opened
                .check()
                .unwrap_or_else(|why| panic!("{name} {how}: {why}"));
        }
        built.check().unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn a_file_is_read_in_pieces_of_any_size() {
    let index = sample("hnsw", "l2", "text", 40);
    let whole = file(&index);
    for piece in [1, 7, 64, 100, 1000, whole.len()] {
        let mut gathered = Vec::new();
        while gathered.len() < whole.len() {
            let mut out = vec![0xaa; piece.min(whole.len() - gathered.len())];
            index
                .read_file(gathered.len() as u64, &mut out)
                .expect("in range");
            gathered.extend(out);
        }
        assert_eq!(gathered, whole, "pieces of {piece}");
    }
    let end = index.file_bytes();
    for (offset, bytes) in [(end, 1), (end - 1, 2), (u64::MAX, 1), (u64::MAX - 3, 8)] {
        let refusal = index
            .read_file(offset, &mut vec![0; bytes])
            .expect_err("outside");
        let wanted = format!("IO: {bytes} bytes at {offset} are not in a file of {end}");
        assert_eq!(refusal.to_string(), wanted);
    }
    index
        .read_file(end, &mut [])
        .expect("nothing at the end is in range");
}

#[test]
fn a_map_that_is_not_aligned_is_refused_or_right() {
    let index = sample("hnsw", "l2", "numbers", 40);
    let bytes = file(&index);
    for shift in 0..16 {
        let map = Arc::new(Map::new(&bytes, shift));
        match Index::open_mapped(map, "{}", Exec::Serial) {
            Ok(opened) => assert_eq!(answers(&opened), answers(&index), "shift {shift}"),
            Err(why) => assert!(
                shift % 4 != 0 && why.message().contains("not aligned"),
                "{why}"
            ),
        }
    }
}
