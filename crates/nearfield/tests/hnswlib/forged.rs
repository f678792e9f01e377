//! Files that lie, by accident or on purpose: every one is refused with a place, or answers.

use crate::fixture::{Golden, NAMES, import, import_mapped, nearest};
use nearfield::boundary::Index;
use nearfield::error::{Code, Result};
use nearfield::exec::Exec;
use testkit::random::Random;

/// Opens both ways; either both refuse in the same words or both answer the same.
fn survive(what: &str, golden: &Golden, file: &[u8]) -> Result<Index> {
    let opened = import(file, &golden.options(), None, Exec::Serial);
    let mapped = import_mapped(file, &golden.options());
    match (&opened, &mapped) {
        (Ok(index), Ok(mapped)) => {
            index.check().unwrap_or_else(|why| panic!("{what}: {why}"));
            let query = vec![0.5; golden.dim];
            assert_eq!(
                nearest(index, &query, 5, 20),
                nearest(mapped, &query, 5, 20),
                "{what}"
            );
        }
        (Err(why), Err(other)) => {
            assert_eq!(why, other, "{what}");
            let sort = matches!(why.code(), Code::Format | Code::Corrupt | Code::Key);
            assert!(sort, "{what}: {why}");
        }
        _ => panic!("{what}: {opened:?} and {mapped:?}"),
    }
    opened
}

fn refuse(what: &str, golden: &Golden, file: &[u8]) -> String {
    survive(what, golden, file).expect_err(what).to_string()
}

const HOSTILE: [u64; 14] = [
    0,
    1,
    6,
    65_537,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64 - 1,
    u32::MAX as u64,
    1 << 32,
    1 << 53,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

#[test]
fn every_word_of_the_header_may_lie() {
    for name in ["labels", "one", "empty"] {
        let golden = Golden::read(name);
        for at in (0..96).step_by(4) {
            for value in HOSTILE {
                for width in [4, 8] {
                    let mut file = golden.bytes.clone();
                    if at + width > 96 {
                        continue;
                    }
                    file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                    let _ = survive(
                        &format!("{name}: {value} in {width} bytes at {at}"),
                        &golden,
                        &file,
                    );
                }
            }
        }
    }
}

#[test]
fn every_changed_bit_of_a_header_is_refused_or_of_no_consequence() {
    let golden = Golden::read("labels");
    for at in 0..96 {
        for bit in 0..8 {
            let mut file = golden.bytes.clone();
            file[at] ^= 1 << bit;
            let opened = survive(&format!("bit {bit} of byte {at}"), &golden, &file);
            // Room of the index that was saved, the last bits of mult, and ef_construction.
            let idle = (8..16).contains(&at) || (80..84).contains(&at) || (88..96).contains(&at);
            assert!(opened.is_err() || idle, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_other_length_is_refused() {
    for name in ["labels", "one", "empty"] {
        let golden = Golden::read(name);
        let step = (golden.bytes.len() / 997).max(1);
        for length in (0..golden.bytes.len()).step_by(step) {
            refuse(
                &format!("{name} cut to {length}"),
                &golden,
                &golden.bytes[..length],
            );
        }
        for tail in [1, 4, 8, 4096] {
            let longer = [golden.bytes.as_slice(), &vec![0; tail]].concat();
            let said = refuse("longer", &golden, &longer);
            assert!(
                said.contains(&format!("found {tail} bytes more")) || name == "empty",
                "{said}"
            );
        }
    }
}

/// A way to spoil a file, and what is said of it.
type Forgery = (&'static str, fn(&mut Vec<u8>), &'static str);

/// `labels`: 200 elements of dim 12 and M 2; 76 bytes each: list of 20, vector of 48, label of 8.
const FORGERIES: &[Forgery] = &[
    (
        "offsetLevel0",
        |f| f[0] = 4,
        "FORMAT: not an hnswlib index file of this metric and dim: header at offset 0: expected offsetLevel0 0, found 4",
    ),
    (
        "count of 2^63",
        |f| put(f, 16, 1 << 63),
        "header at offset 16: expected at most 4294967294 elements, found 9223372036854775808",
    ),
    (
        "count of 2^32",
        |f| put(f, 16, 1 << 32),
        "header at offset 16: expected at most",
    ),
    (
        "count of 2^31",
        |f| {
            put(f, 8, 1 << 40);
            put(f, 16, 1 << 31);
        },
        "CORRUPT: elements at offset 96: 2147483648 elements of 76 bytes",
    ),
    (
        "more elements than room",
        |f| put(f, 8, 100),
        "header at offset 8: expected room for 200 elements, found 100",
    ),
    ("one element more", |f| put(f, 16, 201), "uppers at offset"),
    (
        "bytes an element",
        |f| put(f, 24, 80),
        "header at offset 24: expected bytes an element of 76, found 80",
    ),
    (
        "maxM",
        |f| put(f, 56, 3),
        "header at offset 56: expected maxM 2, found 3",
    ),
    (
        "maxM0",
        |f| put(f, 64, 5),
        "header at offset 64: expected maxM0 4, found 5",
    ),
    (
        "M of 0",
        |f| put(f, 72, 0),
        "header at offset 72: expected M 1 to 32767, found 0",
    ),
    (
        "M of 2^32",
        |f| put(f, 72, 1 << 32),
        "header at offset 72: expected M 1 to 32767, found 4294967296",
    ),
    (
        "mult",
        |f| put(f, 80, 0.5_f64.to_bits()),
        "header at offset 80: expected mult 1.44",
    ),
    (
        "mult not a number",
        |f| put(f, 80, f64::NAN.to_bits()),
        "header at offset 80: expected mult 1.44",
    ),
    (
        "no ef_construction",
        |f| put(f, 88, 0),
        "header at offset 88: expected ef_construction of at least 1",
    ),
    (
        "a level of 2^31 - 1",
        |f| word(f, 48, i32::MAX.cast_unsigned()),
        "header at offset 48: expected level 0 to 31, found 2147483647",
    ),
    (
        "a level below zero",
        |f| word(f, 48, u32::MAX),
        "header at offset 48: expected level 0 to 31, found -1",
    ),
    (
        "a level above all",
        |f| f[48] += 1,
        "CORRUPT: header at offset 52: expected entry",
    ),
    (
        "a level below some",
        |f| f[48] -= 1,
        "CORRUPT: uppers at offset",
    ),
    (
        "entry out of range",
        |f| word(f, 52, 200),
        "header at offset 52: expected an entry below 200, found 200",
    ),
    (
        "too many links",
        |f| f[96] = 5,
        "CORRUPT: elements at offset 96: element 0, level 0: expected at most 4 links, found 5",
    ),
    (
        "65,535 links",
        |f| {
            f[96] = 255;
            f[97] = 255;
        },
        "expected at most 4 links, found 65535",
    ),
    (
        "an unknown mark",
        |f| f[98] = 2,
        "CORRUPT: elements at offset 98: element 0: expected mark 0 or 1, found 2",
    ),
    (
        "something after the mark",
        |f| f[99] = 1,
        "CORRUPT: elements at offset 99: element 0, level 0: expected 0 after the mark",
    ),
    (
        "a link out of range",
        |f| word(f, 100, 200),
        "CORRUPT: elements at offset 100: element 0, level 0: link to 200, expected an element below 200",
    ),
    (
        "a link to no element",
        |f| word(f, 100, u32::MAX),
        "link to 4294967295, expected an element below 200",
    ),
    (
        "a link to itself",
        |f| word(f, 100, 0),
        "CORRUPT: elements at offset 100: element 0, level 0: link to 0, expected another element",
    ),
    (
        "a vector that is no number",
        |f| word(f, 116 + 8, f32::NAN.to_bits()),
        "CORRUPT: elements at offset 124: vector of element 0 (label 9007199254740991): expected a finite number in column 2, found NaN",
    ),
    (
        "an infinite vector",
        |f| word(f, 116, f32::INFINITY.to_bits()),
        "column 0, found inf",
    ),
    (
        "an unsafe label",
        |f| put(f, 164, 1 << 53),
        "KEY: label 9007199254740992 of element 0 is not a safe integer",
    ),
    (
        "a label twice",
        |f| {
            let label = f[164..172].to_vec();
            f[240..248].copy_from_slice(&label);
        },
        "KEY: key 9007199254740991 is given twice, for rows 0 and 1",
    ),
    (
        "half an upper list",
        |f| word(f, 15296, 7),
        "CORRUPT: uppers at offset 15296: element 0: expected at most",
    ),
    (
        "an upper part of 2^32 bytes",
        |f| word(f, 15296, u32::MAX),
        "CORRUPT: uppers at offset 15296: element 0: expected at most",
    ),
];

fn put(file: &mut [u8], at: usize, value: u64) {
    file[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn word(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn forged_files_are_refused_by_name_and_place() {
    let golden = Golden::read("labels");
    for (name, forge, wanted) in FORGERIES {
        let mut file = golden.bytes.clone();
        forge(&mut file);
        assert_ne!(file, golden.bytes, "{name} changes something");
        let said = refuse(name, &golden, &file);
        assert!(said.contains(wanted), "{name}: {said}");
    }
}

#[test]
fn lists_above_level_0_may_lie() {
    let golden = Golden::read("labels");
    let uppers = 96 + 200 * 76;
    let (mut opened, mut refused) = (0, 0);
    for at in (uppers..golden.bytes.len()).step_by(4) {
        for value in [1, 199, 200, u64::from(u32::MAX)] {
            let mut file = golden.bytes.clone();
            file[at..at + 4].copy_from_slice(&value.to_le_bytes()[..4]);
            match survive(&format!("{value} at {at}"), &golden, &file) {
                Ok(_) => opened += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(
        opened > 100 && refused > 500,
        "{opened} opened, {refused} refused"
    );
}

#[test]
fn thousands_of_accidents_are_survived() {
    let mut random = Random::new(3);
    let goldens: Vec<Golden> = NAMES.iter().map(|(name, _)| Golden::read(name)).collect();
    let mut opened = 0;
    for round in 0..1_500 {
        let golden = &goldens[round % goldens.len()];
        let mut file = golden.bytes.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut file, &mut random);
        }
        opened += usize::from(survive(&format!("round {round}"), golden, &file).is_ok());
    }
    // Some must get through, or what is behind the checks was never reached.
    assert!((100..1_400).contains(&opened), "{opened} of 1,500 opened");
}

fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    if file.is_empty() {
        return;
    }
    let at = random.below(file.len());
    let end = (at + 1 + random.below(64)).min(file.len());
    match random.below(7) {
        0 => file.truncate(at),
        1 => file[at..end].fill(0),
        2 => file[at..end]
            .iter_mut()
            .for_each(|byte| *byte = random.bits().to_le_bytes()[0]),
        3 => file[at] ^= 1 << random.below(8),
        4 => {
            let at = at / 4 * 4;
            let value = HOSTILE[random.below(HOSTILE.len())].to_le_bytes();
            let width = 4.min(file.len() - at);
            file[at..at + width].copy_from_slice(&value[..width]);
        }
        5 => file.extend((0..end - at).map(|_| random.bits().to_le_bytes()[0])),
        _ => {
            let places = file.len().min(96);
            file[random.below(places)] = random.bits().to_le_bytes()[0];
        }
    }
}

#[test]
fn a_graph_without_links_is_made_whole() {
    let golden = Golden::read("l2");
    let mut file = golden.bytes.clone();
    for element in 0..400 {
        file[96 + element * 100..][..2].fill(0); // M 5: 44 + 48 + 8 bytes
    }
    let index = survive("no links", &golden, &file).expect("sound");
    let kept = golden.kept();
    let found = kept
        .iter()
        .filter(|(label, row)| nearest(&index, row, 1, 32) == [*label]);
    assert!(found.count() > 390, "most rows find themselves even so");
}
