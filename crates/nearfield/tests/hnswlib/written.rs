//! Indexes of ours as files of hnswlib.

use crate::fixture::{Golden, NAMES, Walker, build, import, measure, nearest, recall};
use nearfield::boundary::Index;
use nearfield::exec::Exec;
use nearfield::ids::KeyColumn;
use testkit::data;

fn export(index: &Index) -> Vec<u8> {
    let bytes = index.export_bytes().expect("a graph");
    let mut file = vec![0xaa; usize::try_from(bytes).expect("small")];
    index.read_export(0, &mut file).expect("in range");
    file
}

#[test]
fn what_hnswlib_wrote_goes_back_as_it_came() {
    for (name, metric) in NAMES {
        let golden = Golden::read(name);
        let index = import(&golden.bytes, &golden.options(), None, Exec::Serial).expect(name);
        let file = export(&index);
        let again = import(&file, &golden.options(), None, Exec::Serial).expect(name);
        assert_eq!(again.keys(), index.keys(), "{name}");
        let walker = Walker::new(&file, metric, golden.dim);
        let theirs = Walker::new(&golden.bytes, metric, golden.dim);
        let kept = golden.kept();
        let (mut ours, mut before) = (0.0, 0.0);
        for query in golden.queries.chunks_exact(golden.dim) {
            let found = walker.search(query, golden.k, golden.ef);
            ours += recall(measure(metric), &kept, query, &found, golden.k);
            if golden.deleted.is_empty() {
                let found = theirs.search(query, golden.k, golden.ef);
                before += recall(measure(metric), &kept, query, &found, golden.k);
            }
        }
        assert!(
            ours >= before - 0.2,
            "{name}: {ours} of 40, before {before}"
        );
    }
}

#[test]
fn the_walker_walks_as_hnswlib_does() {
    // The oracle itself: the labels hnswlib gave for its own files.
    for (name, metric) in NAMES {
        let golden = Golden::read(name);
        if !golden.deleted.is_empty() {
            continue; // it would have to leave them out
        }
        let walker = Walker::new(&golden.bytes, metric, golden.dim);
        for (query, answers) in golden
            .queries
            .chunks_exact(golden.dim)
            .zip(golden.answers.chunks(golden.k.max(1)))
        {
            let found = walker.search(query, golden.k, golden.ef);
            let kept = golden.kept();
            let (a, b) = (
                recall(measure(metric), &kept, query, &found, golden.k),
                recall(measure(metric), &kept, query, answers, golden.k),
            );
            assert!(
                (a - b).abs() < 0.11,
                "{name}: {found:?}, expected {answers:?}"
            );
        }
    }
}

#[test]
fn a_build_of_ours_is_found_by_hnswlibs_walk() {
    let (dim, rows) = (20, 1500);
    let vectors = data::clustered(rows, dim, 9, 4);
    let queries = data::clustered(40, dim, 9, 5);
    for metric in ["l2", "ip", "cosine"] {
        let options = format!(r#"{{"dim":{dim},"kind":"hnsw","metric":"{metric}","M":8}}"#);
        let numbers: Vec<f64> = (0..1500_u16).map(|row| f64::from(row) * 3.0).collect();
        let index = build(&vectors, &options, Some(KeyColumn::Numbers(numbers)));
        let file = export(&index);
        let walker = Walker::new(&file, metric, dim);
        let kept: Vec<_> = (0..).step_by(3).zip(vectors.chunks_exact(dim)).collect();
        let (mut ours, mut walked) = (0.0, 0.0);
        for query in queries.chunks_exact(dim) {
            ours += recall(
                measure(metric),
                &kept,
                query,
                &nearest(&index, query, 10, 50),
                10,
            );
            let mut unit = query.to_vec();
            if metric == "cosine" {
                nearfield::metric::normalise(&mut unit);
            }
            walked += recall(
                measure(metric),
                &kept,
                query,
                &walker.search(&unit, 10, 50),
                10,
            );
        }
        assert!(
            walked >= 0.95 * ours && walked > 36.0,
            "{metric}: {walked} of 40, ours {ours}"
        );
    }
}

#[test]
fn copies_are_found_and_hide_nothing() {
    let dim = 8;
    let mut vectors = data::clustered(300, dim, 3, 8);
    for copy in 0..200 {
        let from = if copy < 150 { 7 } else { 5 + copy };
        vectors.extend_from_within(from * dim..(from + 1) * dim);
    }
    let index = build(
        &vectors,
        r#"{"dim":8,"kind":"hnsw","M":4,"efConstruction":40}"#,
        None,
    );
    let file = export(&index);
    let walker = Walker::new(&file, "l2", dim);
    for (label, row) in (0..).zip(vectors.chunks_exact(dim)) {
        let copies = vectors
            .chunks_exact(dim)
            .filter(|other| *other == row)
            .count();
        let found = walker.search(row, copies, 160);
        assert!(
            found.contains(&label),
            "{label} of {copies} copies finds {found:?}"
        );
    }
    let again = import(&file, r#"{"dim":8,"metric":"l2"}"#, None, Exec::Serial).expect("sound");
    again.check().expect("sound");
    assert_eq!(again.keys(), index.keys());
}

#[test]
fn a_file_is_read_in_pieces_of_any_size() {
    let golden = Golden::read("copies");
    let index = import(&golden.bytes, &golden.options(), None, Exec::Serial).expect("sound");
    let whole = export(&index);
    for piece in [1, 7, 64, 100, 1000, 4099] {
        let mut gathered = Vec::new();
        while gathered.len() < whole.len() {
            let mut out = vec![0xaa; piece.min(whole.len() - gathered.len())];
            index
                .read_export(gathered.len() as u64, &mut out)
                .expect("in range");
            gathered.extend(out);
        }
        assert!(gathered == whole, "pieces of {piece}");
    }
    let end = whole.len() as u64;
    for (offset, bytes) in [(end, 1), (end - 1, 2), (u64::MAX, 1), (u64::MAX - 3, 8)] {
        let refusal = index
            .read_export(offset, &mut vec![0; bytes])
            .expect_err("outside");
        assert_eq!(
            refusal.to_string(),
            format!("IO: {bytes} bytes at {offset} are not in a file of {end}")
        );
    }
    index
        .read_export(end, &mut [])
        .expect("nothing at the end is in range");
}

#[test]
fn what_cannot_be_written_is_said() {
    let vectors = data::clustered(20, 3, 2, 1);
    let says = |options: &str, keys| {
        let index = build(&vectors, options, keys);
        let refusal = index.export_bytes().expect_err(options).to_string();
        assert_eq!(
            index
                .read_export(0, &mut [0])
                .expect_err(options)
                .to_string(),
            refusal
        );
        refusal
    };
    assert_eq!(
        says(r#"{"dim":3,"kind":"flat"}"#, None),
        "OPTION: format 'hnswlib' holds graphs: expected an index of kind 'hnsw', this one is 'flat'"
    );
    let graph = r#"{"dim":3,"kind":"hnsw"}"#;
    let numbers = KeyColumn::Numbers((-3..17).map(f64::from).collect());
    assert_eq!(
        says(graph, Some(numbers)),
        "KEY: labels of hnswlib are integers from 0, this index has the key -3"
    );
    let text = KeyColumn::Text {
        bytes: (b'a'..b'u').collect(),
        offsets: (0..21).collect(),
    };
    assert_eq!(
        says(graph, Some(text)),
        "KEY: labels of hnswlib are integers from 0, the keys of this index are strings"
    );
}
