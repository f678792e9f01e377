//! Attacks: files whose sums are right and whose contents are not. Sums find accidents, validation
//! stops these: whatever opens can be searched, whatever does not is an error with a place.

use crate::fixture::{answers, file, load, map, sample, seal, u64_at};
use nearfield::boundary::Index;
use nearfield::error::{Code, Result};
use testkit::random::Random;

fn bases() -> Vec<Vec<u8>> {
    let mut bases = Vec::new();
    for (kind, metric, keys) in [
        ("flat", "l2", "text"),
        ("hnsw", "l2", "numbers"),
        ("hnsw", "cosine", "text"),
        ("hnsw", "ip", "rows"),
        ("hnsw sq8", "l2", "numbers"),
        ("hnsw sq4", "cosine", "rows"),
        ("hnsw sq8 alone", "cosine", "rows"),
        ("hnsw sq4 alone", "ip", "numbers"),
        ("flat sq8", "l2", "rows"),
        ("flat bits1", "ip", "numbers"),
        ("zones bits1", "l2", "rows"),
        ("zones bits1 alone", "cosine", "rows"),
        ("zones bits2 alone", "ip", "text"),
        ("zones pq4", "l2", "rows"),
        ("flat pq4 alone", "cosine", "numbers"),
    ] {
        bases.push(file(&sample(kind, metric, keys, 40)));
    }
    bases.push(file(&sample("hnsw", "l2", "text", 0)));
    bases
}

/// Opens both ways; either both refuse in the same words or both answer the same.
fn survive(what: &str, file: &[u8]) -> Result<Index> {
    let (loaded, mapped) = (load(file), map(file));
    match (&loaded, &mapped) {
        (Ok(loaded), Ok(mapped)) => {
            assert_eq!(answers(loaded), answers(mapped), "{what}");
            let _ = loaded.check(); // may find a fault, may not panic
            assert_eq!(loaded.keys().is_some(), mapped.keys().is_some());
            let _ = loaded.info();
        }
        (Err(why), Err(other)) => {
            assert_eq!(why, other, "{what}");
            assert!(
                matches!(why.code(), Code::Format | Code::Corrupt),
                "{what}: {why}"
            );
        }
        _ => panic!("{what}: loaded {loaded:?}, mapped {mapped:?}"),
    }
    loaded
}

/// Where sections start and how long they are, as the table says.
fn sections(file: &[u8]) -> Vec<(usize, usize)> {
    let count = usize::from(file[12]);
    let field = |entry, at| usize::try_from(u64_at(file, 128 + 32 * entry + at).expect("inside"));
    (0..count)
        .map(|entry| {
            (
                field(entry, 8).expect("small"),
                field(entry, 16).expect("small"),
            )
        })
        .collect()
}

const HOSTILE: [u64; 18] = [
    0,
    1,
    2,
    39,
    40,
    41,
    63,
    64,
    65_537,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64 - 1,
    u32::MAX as u64,
    1 << 32,
    (1 << 53) + 1,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX,
];

#[test]
fn every_word_of_header_and_table_may_lie() {
    for sound in bases() {
        let front = 128 + 32 * usize::from(sound[12]);
        for at in (8..front).step_by(4) {
            for value in HOSTILE {
                for width in [4, 8] {
                    let mut file = sound.clone();
                    file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                    seal(&mut file);
                    let _ = survive(&format!("{value} in {width} bytes at {at}"), &file);
                }
            }
        }
    }
}

#[test]
fn every_word_of_a_graph_and_its_keys_may_lie() {
    for sound in bases() {
        for (section, (offset, bytes)) in sections(&sound).into_iter().enumerate() {
            if sound[128 + 32 * section] == 1 {
                continue; // vectors have a test of their own
            }
            for at in (offset..offset + bytes).step_by(4) {
                for value in HOSTILE {
                    let mut file = sound.clone();
                    let width = 4.min(offset + bytes - at);
                    file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
                    seal(&mut file);
                    let _ = survive(&format!("{value} at {at}, section {section}"), &file);
                }
            }
        }
    }
}

#[test]
fn thousands_of_forgeries_are_survived() {
    let mut random = Random::new(5);
    let bases = bases();
    let mut opened = 0;
    for round in 0..12_000 {
        let sound = &bases[round % bases.len()];
        let mut file = sound.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut file, &mut random);
        }
        seal(&mut file);
        opened += usize::from(survive(&format!("round {round}"), &file).is_ok());
    }
    // Some must get through, or the validation behind the sums was never reached.
    assert!((100..11_000).contains(&opened), "{opened} of 12,000 opened");
}

fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(file.len());
    let word = at / 4 * 4;
    let end = (at + 1 + random.below(96)).min(file.len());
    match random.below(8) {
        0 => file[at] ^= 1 << random.below(8),
        1 => file[at..end].fill(0),
        2 => file[at..end].fill(0xff),
        3 => file[at..end]
            .iter_mut()
            .for_each(|byte| *byte = random.bits().to_le_bytes()[0]),
        4 => {
            let value = HOSTILE[random.below(HOSTILE.len())].to_le_bytes();
            file[word..word + 4].copy_from_slice(&value[..4]);
        }
        5 => {
            let slot = u32::try_from(random.below(48)).expect("small");
            file[word..word + 4].copy_from_slice(&slot.to_le_bytes());
        }
        6 => {
            let other = random.below(file.len()) / 4 * 4;
            for byte in 0..4 {
                file.swap(word + byte, other + byte);
            }
        }
        _ => {
            // Another length, and a header that agrees with it.
            let bytes = (at / 64 + 1) * 64;
            file.resize(bytes.max(128), 0);
            let bytes = (file.len() as u64).to_le_bytes();
            file[16..24].copy_from_slice(&bytes);
        }
    }
}

#[test]
fn vectors_that_are_not_numbers_are_refused_with_row_and_column() {
    let sound = file(&sample("flat", "l2", "rows", 3));
    let (offset, _) = sections(&sound)[0];
    for (bits, column, what) in [
        (f32::NAN.to_bits(), 2, "is not finite"),
        (f32::INFINITY.to_bits(), 0, "is not finite"),
        (f32::NEG_INFINITY.to_bits(), 4, "is not finite"),
        (1, 5, "is padding and not zero"),
        (1 << 31, 15, "is padding and not zero"),
    ] {
        let mut file = sound.clone();
        let at = offset + 64 + 4 * column;
        file[at..at + 4].copy_from_slice(&bits.to_le_bytes());
        seal(&mut file);
        let refusal = survive("not a number", &file)
            .expect_err("refused")
            .to_string();
        assert_eq!(
            refusal,
            format!("CORRUPT: vectors at offset {at}: row 1, column {column} {what}")
        );
    }
}

#[test]
fn twins_that_are_not_equal_are_refused() {
    let mut file = file(&sample("hnsw", "l2", "rows", 40));
    let places = sections(&file); // row 33 repeats row 3
    let at = places[0].0 + 33 * 64;
    file[at..at + 4].copy_from_slice(&7.5_f32.to_le_bytes());
    seal(&mut file);
    let refusal = survive("no twin", &file).expect_err("refused").to_string();
    let at = places[4].0 + 3 * 4;
    let wanted = format!("twins at offset {at}: rows 3 and 33 are twins and not equal");
    assert_eq!(refusal, format!("CORRUPT: {wanted}"));
}

#[test]
fn what_a_forged_file_is_refused_for() {
    let graph = file(&sample("hnsw", "l2", "numbers", 40));
    let places = sections(&graph); // vectors, links0, levels, links, twins, keys
    let refusal = |at: usize, value: &[u8]| {
        let mut file = graph.clone();
        file[at..at + value.len()].copy_from_slice(value);
        seal(&mut file);
        survive("forged", &file).expect_err("refused").to_string()
    };
    let links0 = places[1].0;
    assert!(
        refusal(links0, &40_u32.to_le_bytes())
            .starts_with(&format!("CORRUPT: links0 at offset {links0}: "))
    );
    assert!(refusal(links0, &0_u32.to_le_bytes()).contains("the slot itself"));
    let levels = places[2].0;
    assert!(
        refusal(levels, &1_u32.to_le_bytes())
            .starts_with(&format!("CORRUPT: levels at offset {levels}: "))
    );
    let twins = places[4].0;
    assert!(
        refusal(twins, &0_u32.to_le_bytes())
            .starts_with(&format!("CORRUPT: twins at offset {twins}: "))
    );
    let keys = places[5].0;
    let first = graph[keys..keys + 8].to_vec();
    let twice = refusal(keys + 16, &first);
    assert!(
        twice.starts_with(&format!("CORRUPT: keys at offset {}: key ", keys + 16)),
        "{twice}"
    );
    assert!(
        twice.ends_with("is given twice, for rows 0 and 2"),
        "{twice}"
    );
    let unsafe_key = refusal(keys, &(1_i64 << 53).to_le_bytes());
    assert!(
        unsafe_key.contains("key 9007199254740992 of row 0 is not a safe integer"),
        "{unsafe_key}"
    );
    assert_eq!(
        refusal(24, &(1_u64 << 63).to_le_bytes()),
        "CORRUPT: header at offset 24: 9223372036854775808 rows, expected at most 4294967294"
    );
    let many = refusal(24, &((1_u64 << 32) - 2).to_le_bytes());
    assert!(
        many.contains("vectors at offset") && many.contains("expected 274877906816"),
        "{many}"
    );
    assert_eq!(
        refusal(40, &[4]),
        "CORRUPT: header at offset 40: kind 4, expected 1 to 3"
    );
    assert_eq!(
        refusal(42, &[4]),
        "CORRUPT: header at offset 42: codec 4, expected one of [1, 2, 3] for this kind"
    );
    assert_eq!(
        refusal(42, &[2]),
        "CORRUPT: table at offset 128: section codes is missing"
    );
    assert_eq!(
        refusal(8, &[9]),
        "FORMAT: header at offset 8: file version 9 cannot be read; this build reads version 1"
    );
}

#[test]
fn what_forged_zones_are_refused_for() {
    let zoned = file(&sample("zones bits2", "l2", "rows", 40));
    // vectors, zone-centre, centroids, zone-starts, zone-slots, strips
    let places = sections(&zoned);
    let refusal = |at: usize, value: &[u8]| {
        let mut file = zoned.clone();
        file[at..at + value.len()].copy_from_slice(value);
        seal(&mut file);
        survive("forged", &file).expect_err("refused").to_string()
    };
    let nan = f32::NAN.to_le_bytes();
    for (section, name) in [(1, "zone-centre"), (2, "centroids")] {
        let at = places[section].0 + 4;
        let wanted = format!("CORRUPT: {name} at offset {at}: number 1 is not finite");
        assert_eq!(refusal(at, &nan), wanted);
    }
    let (starts, slots) = (places[3].0, places[4].0);
    let wanted = format!("CORRUPT: zone-starts at offset {starts}: zone 0 ends where it starts");
    assert!(refusal(starts + 4, &0_u32.to_le_bytes()).starts_with(&wanted));
    let wanted = format!("CORRUPT: zone-slots at offset {slots}: zone 0 has slot 40, of 40 rows");
    assert_eq!(refusal(slots, &40_u32.to_le_bytes()), wanted);
    let refused = [
        (45, 2, "apart 2, expected 0 to 1 for this codec"),
        (46, 2, "refine 2, expected 0 to 1 for this codec"),
        (84, 2, "soar 2, expected 0 to 1 for this codec"),
        (76, 41, "41 zones of 40 rows, expected at most 40"),
        (76, 0, "0 zones of 40 rows, expected at most 40"),
        (42, 3, "codec 3, expected one of [4, 5, 6, 7] for this kind"),
        (47, 1, "1 numbers a code, expected 0 to 0 for this codec"),
        (
            60,
            2,
            "graph fields of an index without a graph are not empty",
        ),
    ];
    for (at, value, what) in refused {
        let at_of_graph = if at == 60 { 56 } else { at };
        let wanted = format!("CORRUPT: header at offset {at_of_graph}: {what}");
        assert_eq!(refusal(at, &[value]), wanted);
    }
}

#[test]
fn what_forged_graphs_of_zones_are_refused_for() {
    let walked = file(&sample("zones bits1 inner", "l2", "rows", 30));
    let word = |at: usize| u32::from_le_bytes(walked[at..at + 4].try_into().expect("four"));
    let refusal = |at: usize, value: u32| {
        let mut file = walked.clone();
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        seal(&mut file);
        survive("forged", &file).expect_err("refused").to_string()
    };
    let [links0, roots, linked] = [2, 19, 20].map(|id| place(&walked, id));
    let slots = place(&walked, 14);
    let starts = place(&walked, 13);
    let first = |zone: usize| word(slots + 128 * word(starts + 4 * zone) as usize);
    // Zone 1 has a row more than its graph.
    let more = word(linked + 4) + 2;
    let wanted = format!(
        "CORRUPT: linked at offset {}: {more} rows of zone 1 are linked",
        linked + 4
    );
    assert!(refusal(linked + 4, more).starts_with(&wanted));
    // Rows that are linked and in no graph.
    let none = refusal(linked, 0);
    let placed = none.starts_with("CORRUPT: levels") || none.starts_with("CORRUPT: links0");
    assert!(placed && none.contains("part"), "{none}");
    for root in [u32::MAX, 40, first(1)] {
        let wanted = format!(
            "CORRUPT: roots at offset {roots}: root {root}, expected a first slot of its part"
        );
        assert!(refusal(roots, root).starts_with(&wanted));
    }
    // From the first row of zone 0 to that of zone 1.
    let at = links0 + 16 * first(0) as usize;
    let wanted = format!(
        "CORRUPT: links0 at offset {at}: link {} to {} leads out of its part",
        first(0),
        first(1)
    );
    assert_eq!(refusal(at, first(1)), wanted);
    let header = [
        (
            56,
            0,
            "graph fields of an index without a graph are not empty",
        ),
        (60, 0, "efConstruction 0, expected at least 1"),
        (64, first(0), "expected none of zones"),
        (68, 32, "level 32, expected at most 31"),
        (72, 3, "links0 3, expected 4"),
    ];
    for (at, value, what) in header {
        let refused = refusal(at, value);
        let wanted = format!("CORRUPT: header at offset {at}: ");
        assert!(
            refused.starts_with(&wanted) && refused.contains(what),
            "{refused}"
        );
    }
    for (at, value, what) in [(46, 0, "refine 0"), (84, 1, "soar 1")] {
        let mut file = walked.clone();
        file[at] = value;
        seal(&mut file);
        let refused = survive("forged", &file).expect_err("refused").to_string();
        assert!(
            refused.starts_with(&format!("CORRUPT: header at offset {at}: {what}")),
            "{refused}"
        );
    }
    // A row that its graph does not lead to is for `check` to find.
    let mut lost = walked.clone();
    let at = place(&walked, 2);
    lost[at..at + 30 * 16].fill(0xff);
    seal(&mut lost);
    let index = survive("lost", &lost).expect("no link is wrong");
    let refused = index.check().expect_err("found").to_string();
    assert!(
        refused.contains("is not reachable from the root of its part"),
        "{refused}"
    );
}

#[test]
fn what_forged_points_are_refused_for() {
    let trained = file(&sample("zones pq4", "l2", "rows", 40));
    let points = place(&trained, 17);
    let refusal = |at: usize, value: &[u8]| {
        let mut file = trained.clone();
        file[at..at + value.len()].copy_from_slice(value);
        seal(&mut file);
        survive("forged", &file).expect_err("refused").to_string()
    };
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let wanted = format!(
            "CORRUPT: points at offset {}: number 3 is not finite",
            points + 12
        );
        assert_eq!(refusal(points + 12, &number.to_le_bytes()), wanted);
    }
    for numbers in [0, 17, 255] {
        let wanted = format!(
            "CORRUPT: header at offset 47: {numbers} numbers a code, expected 1 to 16 for this codec"
        );
        assert_eq!(refusal(47, &[numbers]), wanted);
    }
    // Six numbers in three pairs, sixteen points each.
    let other = refusal(47, &[4]);
    let wanted = format!("CORRUPT: points at offset {points}: 384 bytes, expected 512");
    assert_eq!(other, wanted);
    // Of codes of eight bits there would be more points, of fixed ones none.
    assert!(refusal(42, &[7]).ends_with("384 bytes, expected 6144"));
    let mut fixed = trained.clone();
    (fixed[42], fixed[47]) = (5, 0);
    seal(&mut fixed);
    let refused = survive("fixed", &fixed).expect_err("refused").to_string();
    assert!(
        refused.ends_with("a section that the header does not ask for"),
        "{refused}"
    );
    // Points may be any: codes are then not those of the vectors.
    let mut moved = trained.clone();
    for at in (points..points + 384).step_by(4) {
        moved[at..at + 4].copy_from_slice(&1e38_f32.to_le_bytes());
    }
    seal(&mut moved);
    let index = survive("moved", &moved).expect("finite");
    index.check().expect_err("found");
}

#[test]
fn codes_that_are_none_are_refused_and_wrong_ones_found_by_check() {
    let coded = file(&sample("hnsw sq8", "l2", "rows", 40));
    let places = sections(&coded); // vectors, links0, levels, links, twins, codes, centre
    let (codes, centre) = (places[5].0, places[6].0);
    let forged = |at: usize, value: &[u8]| {
        let mut file = coded.clone();
        file[at..at + value.len()].copy_from_slice(value);
        seal(&mut file);
        survive("forged", &file)
    };
    let refusal = |at, value: &[u8]| forged(at, value).expect_err("refused").to_string();
    let (row, nan) = (codes + 2 * 64, f32::NAN.to_le_bytes());
    let wanted = "row 2: terms are no numbers or its padding is not zero";
    for (at, value) in [
        (row + 52, &nan),
        (row + 52, &(-1.0_f32).to_le_bytes()),
        (row + 56, &nan),
        (row + 5, &[1, 0, 0, 0]),
        (row + 48, &[0, 0, 0, 9]),
    ] {
        assert_eq!(
            refusal(at, value),
            format!("CORRUPT: codes at offset {row}: {wanted}")
        );
    }
    assert_eq!(
        refusal(centre + 8, &nan),
        format!(
            "CORRUPT: centre at offset {}: column 2 is not finite",
            centre + 8
        )
    );
    for (at, value) in [(row, [3; 4]), (row + 60, [9, 0, 0, 0])] {
        let index = forged(at, &value).expect("codes may be any");
        assert_eq!(
            index.check().expect_err("found").to_string(),
            format!("CORRUPT: codes at offset {row}: row 2: code is not that of its vector")
        );
    }
}

#[test]
fn codes_of_four_bits_that_are_none_are_refused_and_wrong_ones_found_by_check() {
    let coded = file(&sample("hnsw sq4", "l2", "rows", 40));
    let codes = sections(&coded)[5].0;
    let forged = |at: usize, value: &[u8]| {
        let mut file = coded.clone();
        file[at..at + value.len()].copy_from_slice(value);
        seal(&mut file);
        survive("forged", &file)
    };
    // Five numbers: three low halves, two high ones, and the high half of the third byte is padding.
    let row = codes + 2 * 64;
    let nan = f32::NAN.to_le_bytes();
    for (at, value) in [
        (row + 52, &nan[..]),
        (row + 56, &nan),
        (row + 2, &[coded[row + 2] | 0x10]),
        (row + 3, &[1]),
        (row + 51, &[9]),
    ] {
        assert_eq!(
            forged(at, value).expect_err("refused").to_string(),
            format!(
                "CORRUPT: codes at offset {row}: row 2: terms are no numbers or its padding is not zero"
            )
        );
    }
    for (at, value) in [
        (row, [coded[row] ^ 1]),
        (row + 1, [coded[row + 1] ^ 16]),
        (row + 60, [coded[row + 60] ^ 1]),
    ] {
        let index = forged(at, &value).expect("codes may be any");
        assert_eq!(
            index.check().expect_err("found").to_string(),
            format!("CORRUPT: codes at offset {row}: row 2: code is not that of its vector")
        );
    }
    // The rows of either codec are as long at five numbers: only the header tells them apart.
    let mut swapped = coded.clone();
    swapped[42] = 2;
    seal(&mut swapped);
    let index = survive("swapped", &swapped).expect("its codes are bytes with zeros after them");
    let _ = index
        .check()
        .expect_err("they are not those of its vectors");
}

/// The place of a section's payload.
fn place(file: &[u8], id: u8) -> usize {
    let ids = (0..usize::from(file[12])).map(|entry| file[128 + 32 * entry]);
    let entry = ids.into_iter().position(|found| found == id);
    sections(file)[entry.expect("the file has it")].0
}

#[test]
fn vectors_that_are_left_out_are_left_out_as_the_header_says() {
    let refusal = |mut file: Vec<u8>| {
        seal(&mut file);
        survive("forged", &file).expect_err("forged").to_string()
    };
    let said = |kind, value| {
        let mut file = file(&sample(kind, "l2", "rows", 40));
        file[44] = value;
        refusal(file)
    };
    // There would be nothing to answer by.
    let only = "CORRUPT: header at offset 44: vectors 1, expected 0 to 0 for this codec";
    assert_eq!(said("flat", 1), only);
    assert_eq!(said("hnsw", 1), only);
    for value in [2, 255] {
        let wanted = format!(
            "CORRUPT: header at offset 44: vectors {value}, expected 0 to 1 for this codec"
        );
        assert_eq!(said("hnsw sq4 alone", value), wanted);
    }
    // They are there and should not be, or the other way round.
    let extra = said("hnsw sq8", 1);
    let ends = "a section that the header does not ask for";
    assert!(extra.starts_with("CORRUPT: vectors at offset") && extra.ends_with(ends));
    let missing = "CORRUPT: table at offset 128: section vectors is missing";
    assert_eq!(said("hnsw sq8 alone", 0), missing);
}

#[test]
fn twins_without_vectors_have_equal_codes() {
    let mut file = file(&sample("hnsw sq8 alone", "l2", "rows", 40));
    let codes = place(&file, 9);
    file[codes + 30 * 64] ^= 1; // row 30 is row 0 again
    seal(&mut file);
    let refusal = survive("forged", &file).expect_err("forged").to_string();
    let twins = place(&file, 5);
    let wanted = format!("CORRUPT: twins at offset {twins}: rows 0 and 30 are twins and not equal");
    assert_eq!(refusal, wanted);
}
