//! Strips against sums in 64 bits, written out entry by entry: equal in every bit on every set, at every
//! length and alignment, and where sums of bytes and of 16 bits are fullest.

use super::values::Random;
use super::{replay, same};
use crate::ids::{DIM_MAX, NO_SLOT};
use crate::kernels::{
    Kernels, SCAN_QUERIES, STRIP_ENTRIES, STRIP_TERMS_BYTES, ScanTerms, TABLE_BYTES, TABLE_MAX,
    TELL_STRIPS, TOLD_MAX, WIDE_TABLE_BYTES, told_room,
};

const TERMS: ScanTerms = ScanTerms {
    base: 0.75,
    low: -3.5,
    step: 0.015_625_1,
    bound: 0.5,
};

fn bytes(random: &mut Random, len: usize, end: u32) -> Vec<u8> {
    let bits = random.any_bits(len).into_iter().map(f32::to_bits);
    bits.map(|bits| u8::try_from((bits >> 3) % end).expect("at most 256"))
        .collect()
}

fn tables(random: &mut Random, positions: usize) -> Vec<u8> {
    bytes(random, positions * TABLE_BYTES, u32::from(TABLE_MAX) + 1)
}

/// A strip of these codes and these adds and scales.
fn strip(codes: &[u8], factors: &[f32]) -> Vec<u8> {
    assert_eq!(factors.len(), 2 * STRIP_ENTRIES);
    let factors = factors.iter().flat_map(|x| x.to_le_bytes());
    codes.iter().copied().chain(factors).collect()
}

/// The definition, written a second time.
fn expected(tables: &[u8], strip: &[u8], terms: ScanTerms) -> ([f32; STRIP_ENTRIES], u32) {
    let (mut scores, mut below) = ([0.0; STRIP_ENTRIES], 0);
    for (entry, score) in scores.iter_mut().enumerate() {
        let sum: u64 = (0..tables.len() / TABLE_BYTES)
            .map(|position| {
                let byte = strip[position * TABLE_BYTES + entry % 16];
                let code = if entry < 16 { byte % 16 } else { byte / 16 };
                u64::from(tables[position * TABLE_BYTES + usize::from(code)])
            })
            .sum();
        let factor = |at: usize| {
            let at = tables.len() + 4 * at;
            f32::from_le_bytes(strip[at..at + 4].try_into().expect("four bytes"))
        };
        let product = terms.low + terms.step * sum as f32;
        *score = (terms.base + factor(entry)) + factor(STRIP_ENTRIES + entry) * product;
        below |= u32::from(*score < terms.bound) << entry;
    }
    (scores, below)
}

fn assert_expected(table: &Kernels, tables: &[u8], strip: &[u8], terms: ScanTerms, what: &str) {
    let mut scores = [f32::NAN; STRIP_ENTRIES];
    let below = (table.scan_u6u4)(tables, strip, terms, &mut scores);
    let (wanted, wanted_below) = expected(tables, strip, terms);
    for (entry, (score, wanted)) in scores.into_iter().zip(wanted).enumerate() {
        assert!(
            same(score, wanted),
            "{:?} {what}: entry {entry} is {score:e}, expected {wanted:e}",
            table.isa
        );
    }
    assert_eq!(below, wanted_below, "{:?} {what}", table.isa);
    assert_together(table, tables, strip, terms, what);
}

/// Several queries at once, of these tables turned around so that each has others, and terms of its own.
fn assert_together(table: &Kernels, tables: &[u8], strip: &[u8], terms: ScanTerms, what: &str) {
    let Some(scan) = table.scan_u6u4_x4 else {
        return;
    };
    let all: [_; SCAN_QUERIES] = std::array::from_fn(|query| {
        let mut tables = tables.to_vec();
        let turned = (query * 37).min(tables.len());
        tables.rotate_left(turned);
        let base = terms.base + query as f32;
        (tables, ScanTerms { base, ..terms })
    });
    let mut scores = [[f32::NAN; STRIP_ENTRIES]; SCAN_QUERIES];
    let (tables, terms) = (
        all.each_ref().map(|(tables, _)| &tables[..]),
        all.each_ref().map(|(_, terms)| *terms),
    );
    let below = scan(tables, strip, &terms, &mut scores);
    for query in 0..SCAN_QUERIES {
        let (wanted, wanted_below) = expected(tables[query], strip, terms[query]);
        let mut places = scores[query].into_iter().zip(wanted);
        assert!(
            places.all(|(score, wanted)| same(score, wanted)),
            "{:?} {what}: query {query}",
            table.isa
        );
        assert_eq!(
            below[query], wanted_below,
            "{:?} {what}: query {query}",
            table.isa
        );
    }
}

#[test]
fn scores_are_the_definitions_at_every_length_and_alignment() {
    replay(|table| {
        let mut random = Random(21);
        for positions in (0..=66).step_by(2).chain([510, 512, 514, 1024, 1030]) {
            let tables = tables(&mut random, positions);
            let codes = bytes(&mut random, tables.len(), 256);
            let strip = strip(&codes, &random.ordinary(2 * STRIP_ENTRIES));
            for offset in (0..64).step_by(if positions < 20 { 1 } else { 21 }) {
                // What lies around the slices is large: one position too many shows in the sum.
                let place = |bytes: &[u8], at: usize| {
                    let mut around = vec![255_u8; bytes.len() + 128];
                    around[at..at + bytes.len()].copy_from_slice(bytes);
                    around
                };
                let other = (offset * 3 + 1) % 64;
                let (around, beside) = (place(&tables, offset), place(&strip, other));
                assert_expected(
                    table,
                    &around[offset..][..tables.len()],
                    &beside[other..][..strip.len()],
                    TERMS,
                    &format!("{positions} at {offset}"),
                );
            }
        }
    });
}

/// With additions and factors of one, a score is its sum.
const WHOLE: ScanTerms = ScanTerms {
    base: 0.0,
    low: -1.0,
    step: 1.0,
    bound: f32::INFINITY,
};

#[test]
fn the_largest_sums_neither_saturate_nor_wrap() {
    replay(|table| {
        for positions in [2, 4, 8, 512, 1022, 1024, 1026, 4096, DIM_MAX as usize / 2] {
            let tables = vec![TABLE_MAX; positions * TABLE_BYTES];
            for byte in [0, 0x0f, 0xf0, 0xff] {
                let strip = strip(&vec![byte; tables.len()], &[1.0; 2 * STRIP_ENTRIES]);
                let mut scores = [0.0; STRIP_ENTRIES];
                (table.scan_u6u4)(&tables, &strip, WHOLE, &mut scores);
                let sum = (positions * usize::from(TABLE_MAX)) as f32;
                assert_eq!(scores, [sum; STRIP_ENTRIES], "{:?} {positions}", table.isa);
                if let Some(scan) = table.scan_u6u4_x4 {
                    let mut scores = [[0.0; STRIP_ENTRIES]; SCAN_QUERIES];
                    scan(
                        [&tables; SCAN_QUERIES],
                        &strip,
                        &[WHOLE; SCAN_QUERIES],
                        &mut scores,
                    );
                    assert_eq!(
                        scores, [[sum; STRIP_ENTRIES]; SCAN_QUERIES],
                        "{:?} {positions}",
                        table.isa
                    );
                }
            }
        }
    });
}

#[test]
fn each_entry_reads_its_own_code_and_factors() {
    replay(|table| {
        // One position whose table counts, one entry whose code differs.
        let mut tables = vec![0; 6 * TABLE_BYTES];
        tables[4 * TABLE_BYTES..5 * TABLE_BYTES]
            .copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        for entry in 0..STRIP_ENTRIES {
            let mut codes = vec![0; tables.len()];
            codes[4 * TABLE_BYTES + entry % 16] = if entry < 16 { 9 } else { 9 << 4 };
            let mut factors = [0.0; 2 * STRIP_ENTRIES];
            factors[entry] = 100.0;
            factors[STRIP_ENTRIES + entry] = 2.0;
            let terms = ScanTerms {
                base: 1000.0,
                low: 0.5,
                step: 1.0,
                bound: 1000.5,
            };
            let mut scores = [0.0; STRIP_ENTRIES];
            let below = (table.scan_u6u4)(&tables, &strip(&codes, &factors), terms, &mut scores);
            let mut wanted = [1000.0; STRIP_ENTRIES];
            wanted[entry] = 1119.0;
            assert_eq!(scores, wanted, "{:?}", table.isa);
            assert_eq!(below, !(1 << entry), "{:?}", table.isa);
        }
    });
}

#[test]
fn what_is_no_number_is_never_below() {
    replay(|table| {
        let mut random = Random(22);
        for round in 0..500 {
            let tables = tables(&mut random, 2 * (round % 9));
            let codes = bytes(&mut random, tables.len(), 256);
            let strip = strip(&codes, &random.any_bits(2 * STRIP_ENTRIES));
            assert_expected(table, &tables, &strip, TERMS, &format!("round {round}"));
            for bound in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let terms = ScanTerms { bound, ..TERMS };
                assert_expected(table, &tables, &strip, terms, &format!("{bound}"));
            }
        }
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |table: &Kernels, tables: usize, strip: usize| {
        let call = || {
            let mut scores = [0.0; STRIP_ENTRIES];
            (table.scan_u6u4)(&vec![0; tables], &vec![0; strip], TERMS, &mut scores)
        };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err()
    };
    replay(|table| {
        for (tables, strip) in [
            (16, 16 + STRIP_TERMS_BYTES),
            (33, 33 + STRIP_TERMS_BYTES),
            (32, 31 + STRIP_TERMS_BYTES),
            (32, 33 + STRIP_TERMS_BYTES),
            (64, 32 + STRIP_TERMS_BYTES),
            (0, STRIP_TERMS_BYTES - 1),
        ] {
            assert!(refused(table, tables, strip), "{:?} {tables}", table.isa);
        }
        assert!(!refused(table, 32, 32 + STRIP_TERMS_BYTES));
        let Some(scan) = table.scan_u6u4_x4 else {
            return;
        };
        // Each query's tables are looked at.
        for other in 0..SCAN_QUERIES {
            for (len, fits) in [(64, true), (32, false), (96, false), (0, false)] {
                let call = || {
                    let mut all = [const { Vec::<u8>::new() }; SCAN_QUERIES].map(|_| vec![0; 64]);
                    all[other] = vec![0; len];
                    let (tables, strip) = (
                        all.each_ref().map(Vec::as_slice),
                        vec![0; 64 + STRIP_TERMS_BYTES],
                    );
                    let mut scores = [[0.0; STRIP_ENTRIES]; SCAN_QUERIES];
                    scan(tables, &strip, &[TERMS; SCAN_QUERIES], &mut scores)
                };
                let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
                assert_eq!(called.is_ok(), fits, "{:?} query {other}, {len}", table.isa);
            }
        }
    });
}

/// An integer whose order is that of (score, slot).
fn packed(score: f32, slot: u32) -> u64 {
    let bits = score.to_bits();
    let ordered = if score.is_sign_negative() {
        !bits
    } else {
        bits + (1 << 31)
    };
    u64::from(ordered) << 32 | u64::from(slot)
}

/// What a scan of several strips tells: every entry below the bound that has a slot, in order, and no other.
#[test]
fn tellers_tell_what_is_below_the_bound_and_has_a_slot() {
    replay(|table| {
        let Some(tell) = table.teller() else {
            return;
        };
        let mut random = Random(23);
        for count in 0..=TELL_STRIPS {
            for positions in [0, 2, 6, 16, 34, 64] {
                let tables = tables(&mut random, positions);
                let strips: Vec<_> = (0..count)
                    .map(|_| {
                        let codes = bytes(&mut random, tables.len(), 256);
                        strip(&codes, &random.ordinary(2 * STRIP_ENTRIES))
                    })
                    .collect();
                let slots: Vec<[u32; STRIP_ENTRIES]> = (0..count)
                    .map(|_| {
                        std::array::from_fn(|_| match random.any_bits(1)[0].to_bits() {
                            slot if slot % 5 == 0 => NO_SLOT,
                            slot => slot,
                        })
                    })
                    .collect();
                let all = strips.concat();
                for bound in [f32::NEG_INFINITY, -0.5, 0.0, 0.5, f32::INFINITY] {
                    let terms = ScanTerms { bound, ..TERMS };
                    let mut room = told_room();
                    let told = tell(&tables, &all, &slots, terms, &mut room);
                    let mut wanted = Vec::new();
                    for (strip, slots) in strips.iter().zip(&slots) {
                        let (scores, below) = expected(&tables, strip, terms);
                        for (entry, &slot) in slots.iter().enumerate() {
                            if below >> entry & 1 == 1 && slot != NO_SLOT {
                                wanted.push(packed(scores[entry], slot));
                            }
                        }
                    }
                    assert_eq!(told, wanted, "{count} of {positions} below {bound}");
                }
            }
        }
    });
}

/// Every entry told fills the room there is, and nothing beyond; a strip more, or slots of fewer, are refused.
#[test]
fn tellers_fill_their_room_and_refuse_what_does_not_fit() {
    replay(|table| {
        let Some(tell) = table.teller() else {
            return;
        };
        let terms = ScanTerms {
            bound: f32::INFINITY,
            ..TERMS
        };
        let (tables, stride) = (vec![1; 64], 64 + STRIP_TERMS_BYTES);
        let call = |strips: usize, bytes: usize, groups: usize| {
            let slots: Vec<[u32; STRIP_ENTRIES]> = vec![[7; STRIP_ENTRIES]; groups];
            let strips = vec![0; strips * stride + bytes];
            let call = || tell(&tables, &strips, &slots, terms, &mut told_room()).len();
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).ok()
        };
        assert_eq!(call(TELL_STRIPS, 0, TELL_STRIPS), Some(TOLD_MAX));
        for (strips, bytes, groups) in [
            (TELL_STRIPS + 1, 0, TELL_STRIPS + 1),
            (2, 0, 1),
            (1, 0, 2),
            (1, 1, 1),
            (0, 32, 0),
        ] {
            let told = call(strips, bytes, groups);
            assert_eq!(told, None, "{strips} and {bytes} of {groups}");
        }
    });
}

/// Codes of eight bits: the definition, written a second time.
fn expected_wide(tables: &[u8], strip: &[u8], terms: ScanTerms) -> ([f32; STRIP_ENTRIES], u32) {
    let positions = tables.len() / WIDE_TABLE_BYTES;
    let (mut scores, mut below) = ([0.0; STRIP_ENTRIES], 0);
    for (entry, score) in scores.iter_mut().enumerate() {
        let sum: u64 = (0..positions)
            .map(|position| {
                let code = usize::from(strip[position * STRIP_ENTRIES + entry]);
                u64::from(tables[position * WIDE_TABLE_BYTES + code])
            })
            .sum();
        let factor = |at: usize| {
            let at = positions * STRIP_ENTRIES + 4 * at;
            f32::from_le_bytes(strip[at..at + 4].try_into().expect("four bytes"))
        };
        let product = terms.low + terms.step * sum as f32;
        *score = (terms.base + factor(entry)) + factor(STRIP_ENTRIES + entry) * product;
        below |= u32::from(*score < terms.bound) << entry;
    }
    (scores, below)
}

#[test]
fn wide_scores_are_the_definitions_at_every_length_and_alignment() {
    replay(|table| {
        let mut random = Random(23);
        for positions in (0..=20).chain([255, 256, 257, 511, 513]) {
            let tables = bytes(&mut random, positions * WIDE_TABLE_BYTES, 256);
            let codes = bytes(&mut random, positions * STRIP_ENTRIES, 256);
            for (offset, factors) in [
                (0, random.ordinary(2 * STRIP_ENTRIES)),
                (1, random.any_bits(2 * STRIP_ENTRIES)),
                (37, random.ordinary(2 * STRIP_ENTRIES)),
            ] {
                let place = |bytes: &[u8]| [&vec![255; offset], bytes, &[255; 64]].concat();
                let strip = strip(&codes, &factors);
                let (around, beside) = (place(&tables), place(&strip));
                let mut scores = [f32::NAN; STRIP_ENTRIES];
                let below = (table.scan_u8u8)(
                    &around[offset..][..tables.len()],
                    &beside[offset..][..strip.len()],
                    TERMS,
                    &mut scores,
                );
                let (wanted, wanted_below) = expected_wide(&tables, &strip, TERMS);
                let what = format!("{:?} {positions} at {offset}", table.isa);
                for (score, wanted) in scores.into_iter().zip(wanted) {
                    assert!(
                        same(score, wanted),
                        "{what}: {score:e}, expected {wanted:e}"
                    );
                }
                assert_eq!(below, wanted_below, "{what}");
            }
        }
    });
}

#[test]
fn the_largest_wide_sums_neither_saturate_nor_wrap() {
    replay(|table| {
        for positions in [1, 256, 257, 4096, DIM_MAX as usize] {
            let tables = vec![u8::MAX; positions * WIDE_TABLE_BYTES];
            for code in [0, 127, 128, 255] {
                let codes = vec![code; positions * STRIP_ENTRIES];
                let strip = strip(&codes, &[1.0; 2 * STRIP_ENTRIES]);
                let mut scores = [0.0; STRIP_ENTRIES];
                (table.scan_u8u8)(&tables, &strip, WHOLE, &mut scores);
                let sum = (positions * usize::from(u8::MAX)) as f32;
                assert_eq!(scores, [sum; STRIP_ENTRIES], "{:?} {positions}", table.isa);
            }
        }
    });
}

#[test]
fn wide_strips_that_do_not_fit_are_refused() {
    replay(|table| {
        for (tables, strip, fits) in [
            (256, 32 + STRIP_TERMS_BYTES, true),
            (255, 32 + STRIP_TERMS_BYTES, false),
            (256, 31 + STRIP_TERMS_BYTES, false),
            (512, 32 + STRIP_TERMS_BYTES, false),
            (0, STRIP_TERMS_BYTES - 1, false),
        ] {
            let call = || {
                let mut scores = [0.0; STRIP_ENTRIES];
                (table.scan_u8u8)(&vec![0; tables], &vec![0; strip], TERMS, &mut scores)
            };
            let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
            assert_eq!(called.is_ok(), fits, "{:?} {tables} {strip}", table.isa);
        }
    });
}
