//! Chores of this repository that need the core: `cargo run -p xtask -- generate [--check]` writes
//! the TypeScript that comes from Rust, or with `--check` says whether it is out of date.
//! `cargo test -p xtask` runs the tidy tests.

mod generate;
#[cfg(test)]
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- generate [--check]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["generate"] => generate::run(root(), false),
        ["generate", "--check"] => generate::run(root(), true),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The repository: two folders above this crate.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/xtask is in a folder")
}
