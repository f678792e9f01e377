//! Accidents: every changed byte, every missing or added one is found, and named by its place.

use crate::fixture::{file, load, map, sample};
use nearfield::error::Code;
use testkit::random::Random;

fn bases() -> [(&'static str, Vec<u8>); 7] {
    [
        ("flat", file(&sample("flat", "cosine", "rows", 3))),
        (
            "flat with numbers",
            file(&sample("flat", "l2", "numbers", 3)),
        ),
        (
            "graph with text and twins",
            file(&sample("hnsw", "ip", "text", 33)),
        ),
        (
            "graph with codes",
            file(&sample("hnsw sq8", "l2", "rows", 9)),
        ),
        (
            "graph with codes of four bits",
            file(&sample("hnsw sq4", "ip", "rows", 9)),
        ),
        (
            "zones with graphs",
            file(&sample("zones bits1 inner", "l2", "rows", 9)),
        ),
        ("empty graph", file(&sample("hnsw", "l2", "numbers", 0))),
    ]
}

fn expect_damage(what: &str, file: &[u8]) {
    for (how, opened) in [("loaded", load(file)), ("mapped", map(file))] {
        match opened {
            Ok(_) => panic!("{what}, {how}: opened"),
            Err(why) => {
                assert!(
                    matches!(why.code(), Code::Format | Code::Corrupt),
                    "{what}, {how}: {why}"
                );
                let placed = why.message().contains("at offset ");
                let foreign = why.message().starts_with("not a nearfield file");
                assert!(placed || foreign, "{what}, {how}: no place in {why}");
            }
        }
    }
}

#[test]
fn every_changed_byte_is_found() {
    for (name, sound) in bases() {
        let mut file = sound.clone();
        for at in 0..file.len() {
            for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                file[at] ^= flip;
                expect_damage(&format!("{name}: byte {at} ^ {flip:#x}"), &file);
                file[at] ^= flip;
            }
        }
        assert_eq!(file, sound);
    }
}

#[test]
fn every_other_length_is_found() {
    for (name, sound) in bases() {
        for length in 0..sound.len() {
            expect_damage(&format!("{name}: cut to {length}"), &sound[..length]);
        }
        for tail in [1, 63, 64, 65, 4096] {
            for byte in [0, 0xff] {
                let longer = [sound.as_slice(), &vec![byte; tail]].concat();
                expect_damage(&format!("{name}: {tail} × {byte} added"), &longer);
            }
        }
    }
}

#[test]
fn thousands_of_accidents_are_found() {
    let mut random = Random::new(11);
    for round in 0..6_000 {
        let (name, sound) = &bases()[round % 6];
        let mut file = sound.clone();
        let (at, length) = (random.below(file.len()), 1 + random.below(512));
        let end = (at + length).min(file.len());
        let what = match random.below(6) {
            0 => {
                file.truncate(at);
                "truncated"
            }
            1 => {
                file[at..end].fill(0);
                "zeroed"
            }
            2 => {
                file[at..end]
                    .iter_mut()
                    .for_each(|byte| *byte = random.bits().to_le_bytes()[0]);
                "random"
            }
            3 => {
                file.drain(at..end);
                "cut out"
            }
            4 => {
                let copy = file[at..end].to_vec();
                file.splice(at..at, copy);
                "doubled"
            }
            _ => {
                file.extend((0..length).map(|_| random.bits().to_le_bytes()[0]));
                "garbage added"
            }
        };
        if file != *sound {
            expect_damage(&format!("{name}: {what} {at}..{end}"), &file);
        }
    }
}

#[test]
fn foreign_files_are_named() {
    let zip = b"PK\x03\x04 something else entirely".repeat(20);
    let text = "{\"hello\": \"world\"}".repeat(50).into_bytes();
    for foreign in [vec![], vec![0], vec![0; 4096], zip, text] {
        let why = load(&foreign).expect_err("foreign");
        assert_eq!(why.code(), Code::Format);
        assert!(
            why.message()
                .starts_with("not a nearfield file: it starts with"),
            "{why}"
        );
    }
}
