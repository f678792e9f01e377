//! Files that hnswlib wrote, opened here.

use crate::fixture::{Golden, NAMES, import, import_mapped, measure, nearest, recall};
use nearfield::boundary::{Index, Loader};
use nearfield::error::Code;
use nearfield::exec::Exec;
use nearfield::ids::KeyColumn;
use std::collections::BTreeSet;

fn file(index: &Index) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(index.file_bytes()).expect("small")];
    index.read_file(0, &mut bytes).expect("in range");
    bytes
}

fn open(name: &str) -> (Golden, Index) {
    let golden = Golden::read(name);
    let index = import(&golden.bytes, &golden.options(), None, Exec::Serial);
    (golden, index.unwrap_or_else(|why| panic!("{name}: {why}")))
}

#[test]
fn every_file_opens_whole_and_sound() {
    for (name, _) in NAMES {
        let (golden, index) = open(name);
        index.check().unwrap_or_else(|why| panic!("{name}: {why}"));
        let kept = golden.kept();
        assert_eq!(index.size() as usize, kept.len(), "{name}");
        let labels: BTreeSet<u64> = match index.keys() {
            None => (0..u64::from(index.size())).collect(),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // safe integers
            Some(KeyColumn::Numbers(keys)) => keys.iter().map(|key| *key as u64).collect(),
            Some(KeyColumn::Text { .. }) => panic!("{name}: labels are numbers"),
        };
        assert_eq!(
            labels,
            kept.iter().map(|(label, _)| *label).collect(),
            "{name}"
        );
    }
}

#[test]
fn answers_are_no_worse_than_hnswlibs() {
    for (name, metric) in NAMES {
        let (golden, index) = open(name);
        let kept = golden.kept();
        let (mut ours, mut theirs) = (0.0, 0.0);
        for (query, answers) in golden
            .queries
            .chunks_exact(golden.dim)
            .zip(golden.answers.chunks(golden.k.max(1)))
        {
            let found = nearest(&index, query, golden.k, golden.ef);
            assert_eq!(found.len(), golden.k, "{name}");
            ours += recall(measure(metric), &kept, query, &found, golden.k);
            theirs += recall(measure(metric), &kept, query, answers, golden.k);
        }
        assert!(ours >= theirs, "{name}: {ours} of 40 against {theirs}");
    }
}

#[test]
fn every_row_finds_itself() {
    for (name, metric) in NAMES {
        if metric == "ip" {
            continue; // the largest product of a row need not be its own
        }
        let (golden, index) = open(name);
        for (label, row) in golden.kept() {
            let copies = golden
                .kept()
                .iter()
                .filter(|(_, other)| *other == row)
                .count();
            let found = nearest(&index, row, copies, 32);
            assert!(found.contains(&label), "{name}: {label} finds {found:?}");
        }
    }
}

#[test]
fn threads_maps_and_codecs_change_nothing_they_should_not() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .expect("a pool");
    for name in ["cosine", "deleted", "copies", "wide"] {
        let (golden, index) = open(name);
        let threaded =
            import(&golden.bytes, &golden.options(), None, Exec::Pool(&pool)).expect(name);
        assert_eq!(file(&threaded), file(&index), "{name}");
        let mapped = import_mapped(&golden.bytes, &golden.options()).expect(name);
        assert_eq!(file(&mapped), file(&index), "{name}");
    }
    let golden = Golden::read("wide");
    for (codec, wanted) in [
        ("f32", "f32"),
        ("sq8", "sq8"),
        ("sq4", "sq4"),
        ("auto", "sq4"),
    ] {
        let options = golden
            .options()
            .replace('}', &format!(r#","codec":"{codec}"}}"#));
        let index = import(&golden.bytes, &options, None, Exec::Serial).expect(codec);
        index.check().expect(codec);
        assert!(
            index.info().contains(&format!(r#""codec":"{wanted}""#)),
            "{}",
            index.info()
        );
    }
    assert!(
        open("deleted")
            .1
            .info()
            .contains("400 elements, 150 of them deleted and left out")
    );
}

#[test]
fn keys_are_given_by_label() {
    let golden = Golden::read("one"); // label 5
    let text = |words: &[&str]| {
        let ends = words.iter().scan(0, |end, word| {
            *end += word.len() as u64;
            Some(*end)
        });
        let offsets = std::iter::once(0).chain(ends).collect();
        Some(KeyColumn::Text {
            bytes: words.concat().into_bytes(),
            offsets,
        })
    };
    let open = |keys| import(&golden.bytes, &golden.options(), keys, Exec::Serial);
    let index = open(text(&["a", "b", "c", "d", "e", "the fifth"])).expect("enough");
    let keys = KeyColumn::Text {
        bytes: b"the fifth".into(),
        offsets: vec![0, 9],
    };
    assert_eq!(index.keys(), Some(keys));
    let index = open(Some(KeyColumn::Numbers((10..17).map(f64::from).collect()))).expect("enough");
    assert_eq!(index.keys(), Some(KeyColumn::Numbers(vec![15.0])));
    let refusal = open(text(&["a", "b"])).expect_err("too few");
    assert_eq!(
        refusal.to_string(),
        "KEY: label 5 has no key: 2 keys were given, the key of label i is the i-th"
    );
}

#[test]
fn the_caller_says_metric_and_dimension() {
    let golden = Golden::read("ip");
    let says = |options: &str| {
        import(&golden.bytes, options, None, Exec::Serial)
            .expect_err(options)
            .to_string()
    };
    assert_eq!(
        says(r#"{"dim":13,"metric":"ip"}"#),
        "FORMAT: not an hnswlib index file of this metric and dim: header at offset 32: expected \
         vectors of dim 13, found vectors of 12"
    );
    assert!(says(r#"{"dim":12}"#).starts_with("OPTION: option metric is missing"));
    assert!(says(r#"{"metric":"l2"}"#).starts_with("OPTION: option dim is missing"));
    assert!(says(r#"{"dim":12,"metric":"ip","M":3}"#).starts_with("OPTION: unknown option 'M'"));
    let cosine = says(r#"{"dim":12,"metric":"cosine"}"#);
    assert!(
        cosine.starts_with(
            "CORRUPT: elements at offset 140: vector of element 0 (label 0): expected unit length"
        ),
        "{cosine}"
    );
}

#[test]
fn a_loader_takes_all_of_the_file_first() {
    let mut loader = Loader::new(10, "{}").expect("small");
    loader.write(&[0; 4]).expect("room");
    let refusal = loader
        .import(r#"{"dim":1,"metric":"l2"}"#, None)
        .expect_err("too early");
    assert_eq!(
        (refusal.code(), refusal.message()),
        (Code::Io, "received 4 bytes, expected 10")
    );
}
