//! Builds an index, asks it, writes its file and opens it again: `cargo run --example quickstart`.

use nearfield::boundary::{Builder, Index, Loader, Phase, SearchParams};
use nearfield::error::Error;
use nearfield::exec::Exec;

fn main() -> Result<(), Error> {
    // Four points in the plane; an index of your own would have thousands of embeddings.
    let vectors = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 5.0, 5.0];
    let mut builder = Builder::new(&vectors, r#"{ "dim": 2, "kind": "hnsw" }"#, None)?;
    while builder.step(Exec::Serial)?.phase != Phase::Done {}
    let index = builder.finish()?;
    println!("built:  {}", index.info());

    // The file is the index's memory: read it in pieces of any size and put them anywhere.
    let mut file = Vec::new();
    while (file.len() as u64) < index.file_bytes() {
        let left = index.file_bytes() - file.len() as u64;
        let mut piece = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(1 << 20)];
        index.read_file(file.len() as u64, &mut piece)?;
        file.extend(piece);
    }

    let mut loader = Loader::new(file.len() as u64, "{}")?;
    loader.write(&file)?;
    let opened = loader.finish(Exec::Serial)?;
    for (slot, distance) in nearest(&opened, &[0.9, 0.1])? {
        println!("row {slot} at squared distance {distance:.2}");
    }
    Ok(())
}

fn nearest(index: &Index, query: &[f32]) -> Result<Vec<(u32, f32)>, Error> {
    let (mut slots, mut distances) = ([0; 3], [0.0; 3]);
    let params = SearchParams {
        k: 3,
        effort: 0,
        exact: false,
        rerank: true,
    };
    let found = index.search_into(query, params, &mut slots, &mut distances)?;
    Ok(slots.into_iter().zip(distances).take(found).collect())
}
