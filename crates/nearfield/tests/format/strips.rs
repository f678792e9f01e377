//! Files of strips: byte for byte as FORMAT.md has them, by a second implementation of what it says; and
//! codes that are not those of their vectors, which `check()` finds.

use crate::fixture::{build, file, load, place, seal};
use nearfield::boundary::{Builder, Index, Phase};
use nearfield::exec::Exec;
use testkit::data;
use xxhash_rust::xxh3::xxh3_64;

const FREE: u32 = u32::MAX;
#[rustfmt::skip]
const POINTS: [[f64; 2]; 16] = [
    [0.0008, -0.0026], [-0.8849, -0.0956], [0.5225, -0.7285], [0.3641, 0.812],
    [-0.3901, -0.8752], [0.95, 0.097], [-0.5611, 0.7712], [-1.6646, -0.847],
    [0.5035, -1.8055], [1.5672, -1.0126], [1.3033, 1.3358], [0.0932, 1.8604],
    [-1.8049, 0.4647], [-0.8042, -1.8339], [1.9892, 0.2283], [-1.1885, 1.6114],
];

/// The rotation of a seed.
pub fn rotate(seed: u64, vector: &[f32]) -> Vec<f32> {
    let mix = |mut z: u64| {
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    let key = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(0x0702_4a72)));
    let (mut out, dim) = (vector.to_vec(), vector.len());
    let span = 1 << dim.ilog2();
    let transforms = if span == dim { 2 } else { 4 };
    let shrink = 1.0 / f32::from(u16::try_from(span).expect("small")).sqrt();
    for transform in 0..transforms {
        for (number, x) in out.iter_mut().enumerate() {
            let position = (transform * dim + number + 1) as u64;
            let value = mix(key.wrapping_add(mix(position.wrapping_mul(0xd1b5_4a32_d192_ed03))));
            *x *= if value >> 63 == 1 { -1.0 } else { 1.0 };
        }
        let part = &mut out[(transform % 2) * (dim - span)..][..span];
        for x in part.iter_mut() {
            *x *= shrink;
        }
        for apart in (0..)
            .map(|step| 1 << step)
            .take_while(|apart| *apart < span)
        {
            for low in (0..span).filter(|at| at & apart == 0) {
                let (a, b) = (part[low], part[low + apart]);
                (part[low], part[low + apart]) = (a + b, a - b);
            }
        }
        if transform % 2 == 1 && span < dim {
            let half = dim / 2;
            for low in 0..half {
                let (a, b) = (out[low], out[low + half]);
                let root = std::f32::consts::FRAC_1_SQRT_2;
                (out[low], out[low + half]) = ((a + b) * root, (a - b) * root);
            }
        }
    }
    out
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// Codes, α and what the codes stand for.
fn code(bits: usize, residual: &[f64]) -> (Vec<u8>, f64, Vec<f64>) {
    let (mut codes, mut values) = (Vec::new(), Vec::new());
    let square = dot(residual, residual);
    #[allow(clippy::cast_precision_loss)] // a dimension
    let unit = (square / residual.len() as f64).sqrt();
    for numbers in residual.chunks(4 / bits) {
        if bits == 1 {
            let sign = |x: &f64| u8::from(*x >= 0.0);
            let bits = numbers.iter().map(sign).enumerate();
            codes.push(bits.fold(0, |code, (at, bit)| code | bit << at));
            values.extend(numbers.iter().map(|x| if *x >= 0.0 { 1.0 } else { -1.0 }));
        } else {
            let pair = [numbers[0] / unit, numbers.get(1).map_or(0.0, |x| x / unit)];
            let away = |point: [f64; 2]| {
                (point[0] - pair[0]) * (point[0] - pair[0])
                    + (point[1] - pair[1]) * (point[1] - pair[1])
            };
            let nearest = (0..16).min_by(|&a, &b| away(POINTS[a]).total_cmp(&away(POINTS[b])));
            let nearest = nearest.expect("sixteen");
            codes.push(u8::try_from(nearest).expect("sixteen"));
            values.extend(&POINTS[nearest][..numbers.len()]);
        }
    }
    let along = dot(&values, residual);
    let alpha = if along > 0.0 { square / along } else { 0.0 };
    (codes, alpha, values)
}

/// A strip of a few entries: codes, add and scale of each.
fn strip(positions: usize, entries: &[(Vec<u8>, f32, f32)]) -> Vec<u8> {
    let mut strip = vec![0; positions * 16 + 256];
    for (place, (codes, ..)) in entries.iter().enumerate() {
        for (position, code) in codes.iter().enumerate() {
            strip[position * 16 + place % 16] |= code << (4 * (place / 16));
        }
    }
    for place in 0..32 {
        let terms = entries
            .get(place)
            .map_or((f32::INFINITY, 0.0), |e| (e.1, e.2));
        let at = positions * 16 + 4 * place;
        strip[at..at + 4].copy_from_slice(&terms.0.to_le_bytes());
        strip[at + 128..at + 132].copy_from_slice(&terms.1.to_le_bytes());
    }
    strip
}

/// Words that the header has at some places.
type Fields<'a> = &'a [(usize, u32)];

/// A file of these sections: id, bytes an element, payload.
fn written(
    fields: Fields<'_>,
    sorts: [u8; 8],
    seed: u64,
    rows: u64,
    sections: &[(u32, u32, Vec<u8>)],
) -> Vec<u8> {
    let blocks = |payload: &[u8]| payload.len().div_ceil(65_536);
    let table_end = (128 + 32 * sections.len()).next_multiple_of(64);
    let sums: usize = sections.iter().map(|(.., payload)| blocks(payload)).sum();
    let mut file = vec![0; (table_end + 8 * sums).next_multiple_of(64)];
    let put = |file: &mut Vec<u8>, at: usize, bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let mut sum_at = table_end;
    for (entry, (id, element, payload)) in sections.iter().enumerate() {
        let (at, offset) = (128 + 32 * entry, file.len());
        put(&mut file, at, &id.to_le_bytes());
        put(&mut file, at + 4, &element.to_le_bytes());
        put(&mut file, at + 8, &(offset as u64).to_le_bytes());
        put(&mut file, at + 16, &(payload.len() as u64).to_le_bytes());
        put(&mut file, at + 24, &(blocks(payload) as u64).to_le_bytes());
        for block in payload.chunks(65_536) {
            put(&mut file, sum_at, &xxh3_64(block).to_le_bytes());
            sum_at += 8;
        }
        file.extend(payload);
        file.resize(file.len().next_multiple_of(64), 0);
    }
    let bytes = file.len() as u64;
    put(&mut file, 0, b"\x89NFLD\r\n\x1a");
    for (at, value) in [
        (8, 1_u32),
        (12, sections.len().try_into().expect("few")),
        (64, FREE),
    ] {
        put(&mut file, at, &value.to_le_bytes());
    }
    for (at, value) in fields {
        put(&mut file, *at, &value.to_le_bytes());
    }
    put(&mut file, 16, &bytes.to_le_bytes());
    put(&mut file, 24, &rows.to_le_bytes());
    put(&mut file, 40, &sorts);
    put(&mut file, 48, &seed.to_le_bytes());
    seal(&mut file);
    file
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Rows of 16 floats.
fn padded(rows: &[&[f32]]) -> Vec<u8> {
    let row = |row: &&[f32]| {
        let mut row = row.to_vec();
        row.resize(16, 0.0);
        floats(&row)
    };
    rows.iter().flat_map(row).collect()
}

/// A code of a byte a number, of l2.
#[allow(clippy::cast_possible_truncation)] // within a byte
fn byte_code(row: &[f32], centre: &[f32]) -> Vec<u8> {
    let apart = || row.iter().zip(centre).map(|(x, centre)| x - centre);
    let largest = apart().fold(0.0, |most: f32, x| most.max(x.abs()));
    let inverse = 127.0 / largest;
    let codes: Vec<_> = apart().map(|x| (x * inverse).round() as i8).collect();
    let squares: i32 = codes.iter().map(|c| i32::from(*c) * i32::from(*c)).sum();
    let (scale, sum) = (
        largest / 127.0,
        codes.iter().map(|c| i32::from(*c)).sum::<i32>(),
    );
    let mut out: Vec<_> = codes.iter().map(|code| code.cast_unsigned()).collect();
    out.resize(52, 0);
    let squares = f32::from(u16::try_from(squares).expect("small"));
    out.extend(scale.to_le_bytes());
    out.extend((scale * scale * squares).to_le_bytes());
    out.extend(sum.to_le_bytes());
    out
}

/// Four rows of four numbers in two zones, by signs, with bytes between the strips and the vectors. Zones
/// are `apart`, or not, and have all rows where each has a second one.
#[allow(clippy::cast_possible_truncation)] // terms are f32
fn zones_by_hand(
    rows: [&[f32]; 4],
    centre: [f32; 4],
    zones: [[u32; 2]; 2],
    (apart, soar): (bool, bool),
) -> Vec<u8> {
    let (seed, dim) = (258, 4);
    let mut centroids = Vec::new();
    let mut strips = Vec::new();
    for zone in zones {
        let [a, b] = zone.map(|slot| rows[slot as usize]);
        let pairs = a.iter().zip(b).zip(&centre);
        let middle: Vec<f32> = pairs.map(|((a, b), c)| (a - c).midpoint(b - c)).collect();
        let mut turned = rotate(seed, &middle);
        let mut entries = Vec::new();
        let mut squares = Vec::new();
        let members = if soar {
            vec![0, 1, 2, 3]
        } else {
            zone.to_vec()
        };
        for slot in members {
            let row = rows[slot as usize].iter().zip(&centre).zip(&middle);
            let residual: Vec<f32> = row.map(|((x, c), m)| (x - c) - m).collect();
            let residual = wide(&rotate(seed, &residual));
            let (codes, alpha, values) = code(1, &residual);
            let square = dot(&residual, &residual);
            let along = if apart {
                0.0
            } else {
                dot(&wide(&turned), &values)
            };
            let add = square + 2.0 * alpha * along;
            entries.push((codes, add as f32, (-2.0 * alpha) as f32));
            squares.push(square);
        }
        // The second of two, and of four. Neither spread is so far from the median of both that it is held to it.
        squares.sort_by(f64::total_cmp);
        turned.push((0.4 * squares[1]).sqrt() as f32);
        strips.extend(strip(2, &entries));
        centroids.push(turned);
    }
    let mut slots = vec![FREE; 64];
    for (places, zone) in slots.chunks_exact_mut(32).zip(&zones) {
        let members = if soar { &[0, 1, 2, 3][..] } else { zone };
        places[..members.len()].copy_from_slice(members);
    }
    let means: Vec<f32> = (0..dim)
        .map(|at| rows.iter().map(|row| row[at]).sum::<f32>() / 4.0)
        .collect();
    let codes = rows.map(|row| byte_code(row, &means)).concat();
    let centroids: Vec<&[f32]> = centroids.iter().map(Vec::as_slice).collect();
    let sections = [
        (1, 4, padded(&rows)),
        (9, 1, codes),
        (10, 4, floats(&means)),
        (11, 4, floats(&centre)),
        (12, 4, padded(&centroids)),
        (13, 4, words(&[0, 1, 2])),
        (14, 4, words(&slots)),
        (15, 1, strips),
    ];
    let fields = [(32, 4), (36, 16), (76, 2), (80, 4)];
    let sorts = [3, 1, 4, 0, 0, u8::from(apart), 1, 0];
    let mut file = written(&fields, sorts, seed, 4, &sections);
    file[84] = u8::from(soar);
    seal(&mut file);
    file
}

/// Says where they differ, not all they are.
fn expect_same(built: &[u8], wanted: &[u8]) {
    assert_eq!(built.len(), wanted.len(), "bytes");
    if let Some(at) = (128..built.len())
        .chain(0..128)
        .find(|&at| built[at] != wanted[at])
    {
        let (at, end) = (at / 16 * 16, at / 16 * 16 + 16);
        panic!(
            "from byte {at} on {:?}, expected {:?}",
            &built[at..end],
            &wanted[at..end]
        );
    }
    load(wanted).expect("sound").check().expect("sound");
}

#[test]
fn a_file_of_zones_is_what_the_document_says() {
    let far: [&[f32]; 4] = [
        &[1.0, 2.0, 0.5, -1.0],
        &[9.0, -6.0, 4.0, 8.0],
        &[2.0, 1.0, -1.5, -2.0],
        &[8.0, -9.0, 5.0, 7.0],
    ];
    let near: [&[f32]; 4] = [
        &[1.0, 2.0, 0.5, -1.0],
        &[4.0, -3.0, 4.0, 2.0],
        &[2.0, 0.0, -1.5, -3.0],
        &[2.0, -5.0, 2.0, 4.0],
    ];
    // The centre is the lower median of each number.
    for (rows, centre, zones, apart) in [
        (far, [2.0, -6.0, 0.5, -1.0], [[1, 3], [0, 2]], true),
        (near, [2.0, -3.0, 0.5, -1.0], [[1, 3], [0, 2]], false),
    ] {
        for soar in [false, true] {
            let options = format!(
                r#"{{"dim":4,"kind":"zones","codec":"bits1","zones":2,"seed":258,"soar":{soar}}}"#
            );
            let built = file(&build(&rows.concat(), &options, None));
            let wanted = zones_by_hand(rows, centre, zones, (apart, soar));
            expect_same(&built, &wanted);
        }
    }
}

/// Three rows of three numbers by `ip` in one zone, two bits a number.
#[test]
#[allow(clippy::cast_possible_truncation)] // terms are f32
fn a_file_of_a_compressed_scan_is_what_the_document_says() {
    let rows: [&[f32]; 3] = [&[1.0, 2.0, 0.5], &[-2.0, 0.0, 3.5], &[4.0, -5.0, -1.0]];
    let seed = 9;
    let options = r#"{"dim":3,"kind":"flat","metric":"ip","codec":"bits2","seed":9}"#;
    let built = build(&rows.concat(), options, None);
    let centre = [1.0_f32, 0.0, 0.5];
    let middle = [0.0_f32, -1.0, 0.5];
    let mut entries = Vec::new();
    let mut square = 0.0;
    for row in rows {
        let row = row.iter().zip(&centre).zip(&middle);
        let residual: Vec<f32> = row.map(|((x, c), m)| (x - c) - m).collect();
        let residual = wide(&rotate(seed, &residual));
        let (codes, alpha, _) = code(2, &residual);
        entries.push((codes, 0.0, -alpha as f32));
        square += dot(&residual, &residual);
    }
    let mut centroid = rotate(seed, &middle);
    centroid.push((0.2 * (square / 3.0).sqrt()) as f32);
    let mut slots = vec![FREE; 32];
    (slots[0], slots[1], slots[2]) = (0, 1, 2);
    let sections = [
        (1, 4, padded(&rows)),
        (11, 4, floats(&centre)),
        (12, 4, padded(&[&centroid])),
        (13, 4, words(&[0, 1])),
        (14, 4, words(&slots)),
        (15, 1, strip(2, &entries)),
    ];
    let fields = [(32, 3), (36, 16), (76, 1), (80, 3)];
    let wanted = written(&fields, [1, 2, 5, 0, 0, 0, 0, 0], seed, 3, &sections);
    expect_same(&file(&built), &wanted);
}

/// Four rows of five numbers by the points that training has left in the file: pairs by sixteen points, or threes
/// by 256.
#[test]
#[allow(clippy::cast_possible_truncation)] // terms are f32
fn a_file_of_trained_points_is_what_the_document_says() {
    let rows: [&[f32]; 4] = [
        &[1.0, 2.0, 0.5, -1.0, 3.0],
        &[-2.0, 0.0, 3.5, 1.0, 0.5],
        &[4.0, -5.0, -1.0, 2.0, -2.0],
        &[3.0, 1.0, 2.0, -4.0, 1.5],
    ];
    let (seed, dim, centre) = (9, 5_usize, [1.0_f32, 0.0, 0.5, -1.0, 0.5]);
    let middle = [0.5_f32, -0.5, 0.75, 0.5, 0.25];
    for (codec, tag, numbers, codes) in [("pq4", 6_u8, 2_usize, 16_usize), ("pq8", 7, 3, 256)] {
        let options = format!(
            r#"{{"dim":5,"kind":"flat","codec":"{codec}","codeNumbers":{numbers},"seed":9}}"#
        );
        let built = file(&build(&rows.concat(), &options, None));
        let (at, bytes) = place(&built, 17);
        assert_eq!(bytes, dim.next_multiple_of(numbers) * codes * 4);
        let points: Vec<f32> = built[at..at + bytes]
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| f32::from_le_bytes(*word))
            .collect();
        let turned = rotate(seed, &middle);
        let (mut entries, mut squares) = (Vec::new(), Vec::new());
        for row in rows {
            let row = row.iter().zip(&centre).zip(&middle);
            let residual: Vec<f32> = row.map(|((x, c), m)| (x - c) - m).collect();
            let residual = wide(&rotate(seed, &residual));
            let square = dot(&residual, &residual);
            let unit = (square / 5.0).sqrt();
            let (mut own, mut values) = (Vec::new(), Vec::new());
            for (position, group) in residual.chunks(numbers).enumerate() {
                let point = |code: usize, at: usize| {
                    f64::from(points[(position * numbers + at) * codes + code])
                };
                let away = |code: usize| {
                    let apart = group.iter().enumerate();
                    let apart = apart.map(|(at, x)| (x / unit - point(code, at)).powi(2));
                    apart.sum::<f64>()
                };
                let nearest = (0..codes).min_by(|&a, &b| away(a).total_cmp(&away(b)));
                let nearest = nearest.expect("some");
                own.push(u8::try_from(nearest).expect("a byte"));
                values.extend((0..group.len()).map(|at| point(nearest, at)));
            }
            let along = dot(&values, &residual);
            let alpha = square / along;
            let add = square + 2.0 * alpha * dot(&wide(&turned), &values);
            entries.push((own, add as f32, (-2.0 * alpha) as f32));
            squares.push(square);
        }
        let mut centroid = turned;
        squares.sort_by(f64::total_cmp);
        centroid.push((0.4 * squares[2]).sqrt() as f32);
        let strip = if codec == "pq4" {
            strip(4, &entries)
        } else {
            // A byte a code, 32 of these a position.
            let mut wide = vec![0; 2 * 32];
            for (place, (codes, ..)) in entries.iter().enumerate() {
                for (position, code) in codes.iter().enumerate() {
                    wide[32 * position + place] = *code;
                }
            }
            wide.extend(&strip(
                0,
                &entries
                    .iter()
                    .map(|e| (vec![], e.1, e.2))
                    .collect::<Vec<_>>(),
            ));
            wide
        };
        let mut slots = vec![FREE; 32];
        slots[..4].copy_from_slice(&[0, 1, 2, 3]);
        let sections = [
            (1, 4, padded(&rows)),
            (11, 4, floats(&centre)),
            (12, 4, padded(&[&centroid])),
            (13, 4, words(&[0, 1])),
            (14, 4, words(&slots)),
            (15, 1, strip),
            (17, 4, floats(&points)),
        ];
        let fields = [(32, 5), (36, 16), (76, 1), (80, 4)];
        let numbers = u8::try_from(numbers).expect("few");
        let sorts = [1, 1, tag, 0, 0, 0, 0, numbers];
        expect_same(&built, &written(&fields, sorts, seed, 4, &sections));
    }
}

/// Zones of 300 rows, some of them added.
fn grown(dim: usize, metric: &str, more: &str) -> Index {
    let vectors = data::clustered(300, dim, 5, 3);
    let (first, later) = vectors.split_at(200 * dim);
    let options =
        format!(r#"{{"dim":{dim},"kind":"zones","metric":"{metric}","seed":5,"zones":6{more}}}"#);
    let index = std::sync::Arc::new(build(first, &options, None));
    let adding = std::sync::Arc::clone(&index);
    let mut adder = nearfield::boundary::Adder::new(adding, later, None).expect("good");
    while adder.step(Exec::Serial).expect("good").phase != Phase::Done {}
    adder.finish().expect("done");
    index.freeze().expect("memory")
}

#[test]
fn codes_and_terms_that_are_not_those_of_the_vectors_are_found() {
    for (dim, metric, codec, positions) in [
        (40, "l2", "pq4", 10),
        (7, "ip", "pq4", 2),
        (40, "l2", "bits1", 10),
        (40, "ip", "bits1", 10),
        (40, "cosine", "bits2", 20),
        (7, "l2", "bits2", 4),
        (7, "cosine", "bits1", 2),
    ] {
        let sound = file(&grown(dim, metric, &format!(r#","codec":"{codec}""#)));
        load(&sound).expect("sound").check().expect("sound");
        let (strips, bytes) = place(&sound, 15);
        let stride = positions * 16 + 256;
        let (mut wrong, mut found) = (0, 0);
        for strip in (strips..strips + bytes).step_by(stride) {
            let free = |place: usize| {
                let at = strip + positions * 16 + 4 * place;
                sound[at..at + 4] == f32::INFINITY.to_le_bytes()
            };
            for position in (0..positions).step_by(3) {
                // Every bit of some byte: of entry `bit`, and of entry 16 + `bit` from bit 4 on.
                for bit in (0..8).filter(|bit| !free(bit + 16 * (bit / 4))) {
                    let mut file = sound.clone();
                    file[strip + position * 16 + bit] ^= 1 << bit;
                    seal(&mut file);
                    let opened = load(&file).expect("codes may be any");
                    wrong += 1;
                    if let Err(why) = opened.check() {
                        let (text, named) = (why.to_string(), "strips at offset");
                        assert!(
                            text.starts_with(&format!("CORRUPT: {named} {strip}: row ")),
                            "{text}"
                        );
                        assert!(text.ends_with("code is not that of its vector"), "{text}");
                        found += 1;
                    }
                }
            }
            let (add, scale) = (strip + positions * 16, strip + positions * 16 + 128);
            for (term, last, second) in [(add, 0x3f, 0x80), (scale, 0x3f, 0x80), (scale, 0xc0, 0)] {
                let mut file = sound.clone();
                if [file[term + 3], file[term + 2]] == [last, second] {
                    continue;
                }
                (file[term + 3], file[term + 2]) = (last, second);
                seal(&mut file);
                let opened = load(&file).expect("terms may be any");
                assert!(opened.check().is_err(), "{metric} {codec}: term at {term}");
            }
        }
        // A flip between two codes that are as good as equal is none.
        assert!(
            wrong > 20 && found * 100 >= wrong * 98,
            "{metric} {codec}: {found} of {wrong}"
        );
    }
}

#[test]
fn strips_of_centroids_that_are_not_theirs_are_found() {
    let vectors = data::clustered(700, 24, 1, 3);
    for metric in ["l2", "ip"] {
        let options = format!(r#"{{"dim":24,"kind":"zones","metric":"{metric}","zones":300}}"#);
        let mut builder = Builder::new(&vectors, &options, None).expect("good");
        while builder.step(Exec::Serial).expect("good").phase != Phase::Done {}
        let sound = file(&builder.finish().expect("done"));
        load(&sound).expect("sound").check().expect("sound");
        let (routes, bytes) = place(&sound, 16);
        for at in (0..bytes).step_by(77) {
            let mut file = sound.clone();
            file[routes + at] ^= 0x11;
            seal(&mut file);
            // One that makes an entry of a free place is refused sooner.
            let refusal = load(&file).and_then(|index| index.check());
            let refusal = refusal.expect_err("found").to_string();
            assert!(
                refusal.starts_with("CORRUPT: routes at offset "),
                "{refusal}"
            );
        }
    }
}
