//! What ARCHITECTURE.md promises of the source and a compiler does not see: which layer may import
//! which, how long files are, where `unsafe` lives, what the bindings look like.
//!
//! Each test gathers every breach before it fails, with file and line, so one run shows them all.

use crate::root;
use std::path::{Path, PathBuf};

/// The core's modules, bottom up; in a layer a module may import those to its left.
const LAYERS: [&[&str]; 6] = [
    &["error", "ids", "exec", "rng"],
    &["kernels", "metric", "bytes", "matrix", "shards"],
    &["kmeans", "codec", "search"],
    &["hnsw", "zones", "datagen"],
    &["index"],
    &["boundary"],
];
/// Folders and files of the core that may say `unsafe`.
const UNSAFE_HOMES: [&str; 4] = [
    "src/kernels/",
    "src/bytes/",
    "src/matrix.rs",
    "src/shards.rs",
];
const BANNED_NAMES: [&str; 7] = [
    "utils", "util", "helpers", "helper", "common", "misc", "manager",
];
const FOLDERS_SKIPPED: [&str; 6] = ["node_modules", "target", "dist", ".git", "pkg", ".tools"];
/// What wasm-pack and the packagers write beside sources; ignored by git.
const BUILT: [&str; 4] = [
    "packages/wasm/single",
    "packages/wasm/threads",
    "packages/wasm/relaxed",
    "packages/native/npm",
];
const LINES_MAX: usize = 800;
const BINDING_LINES_MAX: usize = 300;

struct Source {
    /// From the repository, with forward slashes.
    name: String,
    text: String,
}

impl Source {
    /// The lines outside comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()));
        lines.filter(|(_, line)| !line.starts_with("//") && !line.starts_with('*'))
    }

    /// The lines before the file's own tests.
    fn before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
    }
}

fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    gather(&root().join(folder), endings, &mut found);
    found.sort();
    assert!(!found.is_empty(), "{folder} has no {endings:?}");
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(root())
            .expect("below the root")
            .display()
            .to_string();
        let text = std::fs::read_to_string(&path).expect("a source is text");
        Source {
            name: name.replace('\\', "/"),
            text,
        }
    };
    found.into_iter().map(read).collect()
}

fn gather(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let (path, name) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if path.is_dir() {
            let built = BUILT.iter().any(|built| path == root().join(built));
            if !built && !FOLDERS_SKIPPED.contains(&name.as_str()) {
                gather(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn expect_none(what: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{what}:\n  {}", breaches.join("\n  "));
}

fn rank(module: &str) -> Option<(usize, usize)> {
    LAYERS.iter().enumerate().find_map(|(layer, modules)| {
        Some((layer, modules.iter().position(|name| *name == module)?))
    })
}

/// The core's module that a source belongs to; `None` for `lib.rs`.
fn module_of(name: &str) -> Option<&str> {
    let inside = name.strip_prefix("crates/nearfield/src/")?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (module != "lib").then_some(module)
}

/// The modules a line names behind `crate::`, alone or in braces.
fn imports(line: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut modules = Vec::new();
    for after in line.split("crate::").skip(1) {
        if let Some(list) = after.strip_prefix('{') {
            modules.extend(list.split(',').map(word));
        } else {
            modules.push(word(after));
        }
    }
    modules
}

#[test]
fn imports_are_read_from_every_spelling() {
    assert_eq!(
        imports("use crate::bytes::{corrupt, layout::Section};"),
        ["bytes"]
    );
    assert_eq!(imports("use crate::{exec::Exec, ids};"), ["exec", "ids"]);
    assert_eq!(
        imports("f(crate::index::A, crate::rng::value)"),
        ["index", "rng"]
    );
    assert!(imports("use super::table; use std::fmt;").is_empty());
    assert!(rank("boundary") > rank("index") && rank("matrix") > rank("bytes"));
}

#[test]
fn imports_point_left_or_down() {
    let mut breaches = Vec::new();
    for source in sources("crates/nearfield/src", &[".rs"]) {
        let Some(module) = module_of(&source.name) else {
            continue;
        };
        if source.name.contains("/tests") {
            continue; // tests may look at anything
        }
        let own = rank(module);
        if own.is_none() {
            breaches.push(format!("{}: module {module} has no layer", source.name));
        }
        for (line, code) in source.before_tests() {
            for imported in imports(code) {
                let upwards = rank(&imported).is_some_and(|other| Some(other) > own);
                if upwards {
                    breaches.push(format!(
                        "{}:{line}: {module} imports {imported}",
                        source.name
                    ));
                }
                let kind = ["hnsw", "zones"].contains(&module);
                if kind && (imported == "bytes" || imported == "hnsw" && module != "hnsw") {
                    breaches.push(format!(
                        "{}:{line}: {module} knows no {imported}",
                        source.name
                    ));
                }
            }
        }
    }
    expect_none("imports against the layers of ARCHITECTURE.md", &breaches);
}

#[test]
fn only_one_file_names_rayon() {
    let mut breaches = Vec::new();
    for source in sources("crates/nearfield/src", &[".rs"]) {
        if source.name.ends_with("src/exec.rs") {
            continue;
        }
        for (line, code) in source.before_tests() {
            if code.contains("rayon::") || code.contains("use rayon") {
                breaches.push(format!("{}:{line}", source.name));
            }
        }
    }
    expect_none("rayon outside exec.rs", &breaches);
}

#[test]
fn the_core_knows_no_host() {
    const HOST: [&str; 7] = [
        "std::fs",
        "std::env",
        "std::time",
        "std::net",
        "std::process",
        "println!",
        "eprintln!",
    ];
    let mut breaches = Vec::new();
    for source in sources("crates/nearfield/src", &[".rs"]) {
        for (line, code) in source.before_tests() {
            if !source.name.contains("/tests") && HOST.iter().any(|name| code.contains(name)) {
                breaches.push(format!("{}:{line}: {code}", source.name));
            }
        }
    }
    expect_none("files, clock, environment or output in the core", &breaches);
}

#[test]
fn files_are_short() {
    let mut breaches = Vec::new();
    for folder in ["crates", "packages", "examples", "bench", "scripts"] {
        for source in sources(folder, &[".rs", ".ts", ".js", ".sh"]) {
            let lines = source.text.lines().count();
            if lines > LINES_MAX {
                breaches.push(format!(
                    "{}: {lines} lines, at most {LINES_MAX}",
                    source.name
                ));
            }
        }
    }
    for binding in ["crates/nearfield-napi/src", "crates/nearfield-wasm/src"] {
        for source in sources(binding, &[".rs"]) {
            let lines = source.text.lines().count();
            if lines > BINDING_LINES_MAX {
                breaches.push(format!(
                    "{}: {lines} lines, at most {BINDING_LINES_MAX}",
                    source.name
                ));
            }
        }
    }
    expect_none("files that are too long", &breaches);
}

#[test]
fn no_file_is_a_drawer_for_the_rest() {
    let mut breaches = Vec::new();
    for folder in ["crates", "packages", "examples", "bench", "scripts"] {
        for source in sources(folder, &[".rs", ".ts", ".js"]) {
            let parts = source
                .name
                .split('/')
                .map(|part| part.split('.').next().unwrap_or(part));
            if parts.into_iter().any(|part| BANNED_NAMES.contains(&part)) {
                breaches.push(source.name);
            }
        }
    }
    expect_none("names that say nothing", &breaches);
}

#[test]
fn unsafe_stays_in_its_homes() {
    let mut breaches = Vec::new();
    for source in sources("crates/nearfield/src", &[".rs"]) {
        if UNSAFE_HOMES.iter().any(|home| source.name.contains(home)) {
            continue;
        }
        for (line, code) in source.code() {
            if code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "unsafe")
            {
                breaches.push(format!("{}:{line}: {code}", source.name));
            }
        }
    }
    expect_none("unsafe outside its homes", &breaches);
}

/// Words that mark unfinished work, spelled so that this file does not contain them.
fn unfinished() -> [String; 5] {
    let join = |parts: [&str; 2]| parts.concat();
    [
        join(["TO", "DO"]),
        join(["FIX", "ME"]),
        join(["todo", "!("]),
        join(["unimplemented", "!("]),
        join(["#[ign", "ore"]),
    ]
}

#[test]
fn nothing_is_left_to_be_done() {
    let words = unfinished();
    let mut breaches = Vec::new();
    for folder in ["crates", "packages", "examples", "bench", "scripts"] {
        for source in sources(folder, &[".rs", ".ts", ".js", ".sh"]) {
            for (line, code) in source.text.lines().enumerate() {
                if words.iter().any(|word| code.contains(word)) {
                    breaches.push(format!("{}:{}: {}", source.name, line + 1, code.trim()));
                }
            }
        }
    }
    expect_none("unfinished work", &breaches);
}

#[test]
fn every_native_export_catches_panics() {
    let mut exports = 0;
    let mut breaches = Vec::new();
    for source in sources("crates/nearfield-napi/src", &[".rs"]) {
        let lines: Vec<_> = source.code().collect();
        for (at, (line, code)) in lines.iter().enumerate() {
            if !code.starts_with("#[napi") {
                continue;
            }
            let item = lines[at + 1..].iter().map(|(_, code)| *code);
            let item = item
                .into_iter()
                .find(|code| !code.starts_with("#["))
                .unwrap_or_default();
            if !item.contains("fn ") {
                continue; // structs, impl blocks and constants run nothing
            }
            exports += 1;
            if !code.contains("catch_unwind") {
                breaches.push(format!("{}:{line}: {item}", source.name));
            }
        }
    }
    assert!(
        exports > 0,
        "no export was looked at: the pattern of this test is stale"
    );
    expect_none("native exports that do not catch panics", &breaches);
}
