//! The one table of options: names, ranges, defaults and what they mean. Parsing, its error
//! messages and the TypeScript in `packages/nearfield/src/generated` all come from it.
//!
//! ```text
//! BUILD, OPEN, GENERATE, …: [OptionSpec { name, accepts, default, kinds, doc }]
//!        │                                    └─ xtask → options.ts, constants.ts
//!        └─ parse(table, json) → Values → boundary::{Builder, Generator, …}
//! ```
//!
//! Every name a caller may write is here; any other is an `OPTION` error listing the known ones.

use crate::error::{Code, Error, Result};
use crate::ids::{DIM_MAX, ROWS_MAX, SAFE_INTEGER_MAX};
use serde_json::Value;

/// Neighbours returned when the caller does not say how many.
pub const K_DEFAULT: u32 = 10;
/// Candidates of a walk when the caller does not say; raised to `k` where that is larger.
pub const EF_DEFAULT: u32 = 100;
/// An effort from here on is a recall to keep, in [`RECALL_UNITS`] beyond it.
pub const RECALL_EFFORT: u32 = 1 << 31;
/// Of a recall of 1.
pub const RECALL_UNITS: u32 = 1_000_000;
/// The least and the greatest recall that may be promised, in thousandths.
pub const RECALL_ENDS: [u32; 2] = [500, 999];
/// What is promised when the caller does not say, in thousandths.
pub const RECALL_DEFAULT: u32 = 950;
/// The largest `ef`; more than this is a scan in disguise.
pub const EF_MAX: u32 = 1_000_000;
/// Up to this many rows kind `auto` chooses `flat`: a scan then costs less than a walk.
pub const AUTO_FLAT_ROWS_MAX: u64 = 1_000;
/// Up to this many rows it is still `flat`, by codes of bits, where these find what vectors say is near.
pub const AUTO_STRIPS_ROWS_MAX: u64 = 20_000;

/// What values an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An integer in this range, ends included.
    Integer {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Such an integer, or this word.
    IntegerOr {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
        /// What may stand for one.
        word: &'static str,
    },
    /// A part of one within these thousandths, ends included.
    Share([u32; 2]),
    /// A finite number in this range, ends included.
    Number {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// `true` or `false`.
    Bool,
}

/// The value an option has when it is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// There is none: the option must be given.
    Required,
    /// This word.
    Word(&'static str),
    /// This integer.
    Integer(u64),
    /// So many thousandths.
    Share(u32),
    /// This flag.
    Bool(bool),
}

/// Which kinds of index an option belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// All of them.
    Every,
    /// `hnsw`, `auto`, which may choose it, and `zones` with graphs of their own.
    Graph,
    /// `zones`.
    Zones,
    /// `auto` alone.
    Auto,
}

impl Kinds {
    /// Whether an option of these belongs to the kind of this name, whose zones may be walked.
    fn have(self, kind: &str, walked: bool) -> bool {
        match self {
            Self::Every => true,
            Self::Graph => kind == "hnsw" || kind == "auto" || kind == "zones" && walked,
            Self::Zones => kind == "zones",
            Self::Auto => kind == "auto",
        }
    }

    /// The kind to name where an option does not belong.
    const fn name(self) -> &'static str {
        match self {
            Self::Every | Self::Graph => "hnsw",
            Self::Zones => "zones",
            Self::Auto => "auto",
        }
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The name callers write.
    pub name: &'static str,
    /// What it takes.
    pub accepts: Accepts,
    /// What it is when left out.
    pub default: Default,
    /// Where it means something.
    pub kinds: Kinds,
    /// One sentence for its documentation.
    pub doc: &'static str,
}

/// Sentences are for who generates documentation: a module that is downloaded leaves them out.
const fn told(doc: &'static str) -> &'static str {
    if cfg!(target_arch = "wasm32") {
        ""
    } else {
        doc
    }
}

const ISA: OptionSpec = OptionSpec {
    name: "isa",
    accepts: Accepts::Choice(&[
        "auto",
        "scalar",
        "simd128",
        "relaxed-simd",
        "neon",
        "neon-dotprod",
        "avx2",
        "avx-vnni",
        "avx512",
        "avx512-vnni",
    ]),
    default: Default::Word("auto"),
    kinds: Kinds::Every,
    doc: told("The best instruction set the kernels may use; for tests and measurements."),
};

/// Options of a build.
pub const BUILD: &[OptionSpec] = &[
    OptionSpec {
        name: "dim",
        accepts: Accepts::Integer {
            min: 1,
            max: DIM_MAX as u64,
        },
        default: Default::Required,
        kinds: Kinds::Every,
        doc: told("Numbers a vector."),
    },
    OptionSpec {
        name: "kind",
        accepts: Accepts::Choice(&["auto", "flat", "hnsw", "zones"]),
        default: Default::Word("auto"),
        kinds: Kinds::Every,
        doc: told(
            "How rows are found: `flat` scans them all, `hnsw` walks a graph, `zones` scans codes of the parts nearest to a query, `auto` chooses by size and says so.",
        ),
    },
    OptionSpec {
        name: "metric",
        accepts: Accepts::Choice(&["l2", "ip", "cosine"]),
        default: Default::Word("l2"),
        kinds: Kinds::Every,
        doc: told(
            "What near means: `l2` squared Euclidean distance, `ip` 1 − dot product, `cosine` 1 − cosine.",
        ),
    },
    OptionSpec {
        name: "M",
        accepts: Accepts::Integer { min: 2, max: 128 },
        default: Default::Integer(16),
        kinds: Kinds::Graph,
        doc: told("Links a node above level 0; level 0 has twice as many."),
    },
    OptionSpec {
        name: "efConstruction",
        accepts: Accepts::Integer {
            min: 1,
            max: 10_000,
        },
        default: Default::Integer(200),
        kinds: Kinds::Graph,
        doc: told("Candidates kept while building: more makes a better graph and a slower build."),
    },
    OptionSpec {
        name: "codec",
        accepts: Accepts::Choice(&["auto", "f32", "sq8", "sq4", "bits1", "bits2", "pq4", "pq8"]),
        default: Default::Word("auto"),
        kinds: Kinds::Every,
        doc: told(
            "What walks and scans compare before the vectors judge: `f32` the vectors, `sq8` a byte a number, four times less to read, `sq4` four bits, half of that again (`flat`, `hnsw`), `bits2` and `bits1` so many bits of rotated numbers, `pq4` and `pq8` so many bits for `codeNumbers` of them, of points that are trained (`flat`, `zones`). `auto` tries codes on a sample for a graph, takes bits for zones and `f32` for `flat`, and says what it chose; as rows are added, it chooses anew whenever they have doubled.",
        ),
    },
    OptionSpec {
        name: "codeNumbers",
        accepts: Accepts::Integer { min: 0, max: 16 },
        default: Default::Integer(0),
        kinds: Kinds::Every,
        doc: told(
            "Numbers that a code of `pq4` or `pq8` stands for; 0 for 4 of `pq4` and 8 of `pq8`, a bit a number.",
        ),
    },
    OptionSpec {
        name: "zones",
        accepts: Accepts::Integer {
            min: 0,
            max: 1 << 24,
        },
        default: Default::Integer(0),
        kinds: Kinds::Zones,
        doc: told("Parts of the rows at most; 0 for as many as suit the rows."),
    },
    OptionSpec {
        name: "soar",
        accepts: Accepts::Bool,
        default: Default::Bool(false),
        kinds: Kinds::Zones,
        doc: told(
            "Whether every row is in a second zone too, chosen to be near to queries that miss the first (SOAR): about half as many probes find as much, for strips twice as long.",
        ),
    },
    OptionSpec {
        name: "inner",
        accepts: Accepts::Choice(&["scan", "graph"]),
        default: Default::Word("scan"),
        kinds: Kinds::Zones,
        doc: told(
            "How the rows within a zone are found: `scan` compares the codes of all, `graph` walks a graph of its own by `sq8` codes, where a zone has 4,096 rows and more; `M` and `efConstruction` are its too.",
        ),
    },
    OptionSpec {
        name: "refine",
        accepts: Accepts::Choice(&["auto", "none", "sq8"]),
        default: Default::Word("auto"),
        kinds: Kinds::Zones,
        doc: told(
            "What judges the rows that a scan keeps before the vectors do: `sq8` a byte a number, `none` nothing; `auto` is `sq8` with `bits1` and where no vectors are kept.",
        ),
    },
    OptionSpec {
        name: "keepVectors",
        accepts: Accepts::Bool,
        default: Default::Bool(true),
        kinds: Kinds::Every,
        doc: told(
            "Whether the index keeps the vectors beside their codes; `false` keeps codes only, in the file and in memory: answers and distances are then by the codes, and nothing can be added.",
        ),
    },
    OptionSpec {
        name: "memory",
        accepts: Accepts::Integer {
            min: 0,
            max: SAFE_INTEGER_MAX,
        },
        default: Default::Integer(0),
        kinds: Kinds::Auto,
        doc: told(
            "Bytes the index may take, about, or 0 for as many as it likes: with too few for a graph it is zones of bits, then without the vectors.",
        ),
    },
    OptionSpec {
        name: "seed",
        accepts: Accepts::Integer {
            min: 0,
            max: SAFE_INTEGER_MAX,
        },
        default: Default::Integer(0),
        kinds: Kinds::Every,
        doc: told("Same vectors, options and seed give the same file, byte for byte."),
    },
    ISA,
];

/// Options of opening a file.
pub const OPEN: &[OptionSpec] = &[ISA];

/// Options of opening an index file of hnswlib, which says neither metric nor dimension.
pub const IMPORT: &[OptionSpec] = &[
    BUILD[0], // dim
    OptionSpec {
        name: "metric",
        accepts: Accepts::Choice(&["l2", "ip", "cosine"]),
        default: Default::Required,
        kinds: Kinds::Every,
        doc: told("hnswlib's space: the file does not say it."),
    },
    OptionSpec {
        accepts: Accepts::Choice(&["auto", "f32", "sq8", "sq4"]),
        doc: told(
            "What walks compare before the vectors judge: `f32` the vectors, `sq8` a byte a number, `sq4` four bits; `auto` tries codes on a sample and says what it chose.",
        ),
        ..BUILD[5] // codec
    },
    ISA,
];

/// Options of a search. The facade reads them; the core takes them as
/// [`SearchParams`](super::SearchParams).
pub const SEARCH: &[OptionSpec] = &[
    OptionSpec {
        name: "k",
        accepts: Accepts::Integer {
            min: 1,
            max: u32::MAX as u64,
        },
        default: Default::Integer(K_DEFAULT as u64),
        kinds: Kinds::Every,
        doc: told("Neighbours wanted; an index with fewer rows gives a shorter answer."),
    },
    OptionSpec {
        name: "ef",
        accepts: Accepts::Integer {
            min: 1,
            max: EF_MAX as u64,
        },
        default: Default::Integer(EF_DEFAULT as u64),
        kinds: Kinds::Graph,
        doc: told(
            "Candidates that a walk of the graph keeps, at least `k`: more finds more and takes longer. A walk by codes keeps twice as many, and the nearest `ef`, at most 4 `k` + 24, are compared by their vectors.",
        ),
    },
    OptionSpec {
        name: "exact",
        accepts: Accepts::Bool,
        default: Default::Bool(false),
        kinds: Kinds::Every,
        doc: told("Compare every vector instead of walking or going by codes."),
    },
    OptionSpec {
        name: "parallel",
        accepts: Accepts::Bool,
        default: Default::Bool(false),
        kinds: Kinds::Zones,
        doc: told(
            "Scan the probed zones by all threads, for `search` alone: the same answer, sooner where it reads 4 MB of codes and more; smaller scans stay on one thread.",
        ),
    },
    OptionSpec {
        name: "probes",
        accepts: Accepts::IntegerOr {
            min: 0,
            max: 1 << 24,
            word: "auto",
        },
        default: Default::Integer(0),
        kinds: Kinds::Zones,
        doc: told(
            "Zones scanned, the nearest first: more find more and take longer; 0 for as many as suit the zones there are. `auto` scans as many as a query needs to keep a `recall`.",
        ),
    },
    OptionSpec {
        name: "recall",
        accepts: Accepts::Share(RECALL_ENDS),
        default: Default::Share(RECALL_DEFAULT),
        kinds: Kinds::Zones,
        doc: told(
            "With probes `auto`: the share of true neighbours to find, on average over queries that are to the rows what these are to each other. \
             By inner product up to 0.03 less was found where less than 0.95 was asked for.",
        ),
    },
    OptionSpec {
        name: "rerank",
        accepts: Accepts::Bool,
        default: Default::Bool(true),
        kinds: Kinds::Graph,
        doc: told(
            "Answer by the vectors; `false` answers by the codes, where the index has any, and reads no vector: faster, and distances are approximate. Of an index without vectors it is `false`.",
        ),
    },
];

const SEED: OptionSpec = OptionSpec {
    name: "seed",
    accepts: Accepts::Integer {
        min: 0,
        max: SAFE_INTEGER_MAX,
    },
    default: Default::Integer(0),
    kinds: Kinds::Every,
    doc: told("Same options and seed give the same data, on every machine and runtime."),
};

/// Options of generated bytes.
pub const GENERATE: &[OptionSpec] = &[
    OptionSpec {
        name: "size",
        accepts: Accepts::Integer {
            min: 1,
            max: SAFE_INTEGER_MAX,
        },
        default: Default::Required,
        kinds: Kinds::Every,
        doc: told("Bytes there are."),
    },
    SEED,
    OptionSpec {
        name: "dedupRatio",
        accepts: RATIO,
        default: Default::Integer(1),
        kinds: Kinds::Every,
        doc: told(
            "All blocks of 64 KiB divided by the different ones; exact to one block. With more than 1, `size` is part of the recipe.",
        ),
    },
    OptionSpec {
        name: "compressRatio",
        accepts: RATIO,
        default: Default::Integer(1),
        kinds: Kinds::Every,
        doc: told(
            "What a compressor makes of it: blocks of 64 KiB end in so many zeros; exact to one block.",
        ),
    },
    ISA,
];
const RATIO: Accepts = Accepts::Number {
    min: 1,
    max: 1_000_000,
};

/// Options of generated rows.
pub const ROWS: &[OptionSpec] = &[
    OptionSpec {
        name: "rows",
        accepts: Accepts::Integer {
            min: 1,
            max: ROWS_MAX,
        },
        default: Default::Required,
        kinds: Kinds::Every,
        doc: told("Rows there are."),
    },
    BUILD[0], // dim
    OptionSpec {
        name: "distribution",
        accepts: Accepts::Choice(&["uniform", "gaussian", "clustered"]),
        default: Default::Word("uniform"),
        kinds: Kinds::Every,
        doc: told(
            "`uniform` −1 ≤ x < 1, `gaussian` mean 0 and variance 1, `clustered` around centres with a falling spectrum, as embeddings are.",
        ),
    },
    OptionSpec {
        name: "normalize",
        accepts: Accepts::Bool,
        default: Default::Bool(false),
        kinds: Kinds::Every,
        doc: told("Scale every row to length 1."),
    },
    OptionSpec {
        name: "clusters",
        accepts: Accepts::Integer {
            min: 1,
            max: 1_000_000,
        },
        default: Default::Integer(1000),
        kinds: Kinds::Every,
        doc: told("Centres of `clustered`; the first have the most rows."),
    },
    OptionSpec {
        name: "spread",
        accepts: Accepts::Number {
            min: 0,
            max: 1_000_000,
        },
        default: Default::Integer(1),
        kinds: Kinds::Every,
        doc: told(
            "How far rows of `clustered` are from their centre, where centres are about 1 from zero.",
        ),
    },
    OptionSpec {
        name: "metric",
        accepts: Accepts::Choice(&["l2", "ip", "cosine"]),
        default: Default::Word("l2"),
        kinds: Kinds::Every,
        doc: told("What `truth` means by near; `cosine` normalizes."),
    },
    SEED,
    ISA,
];

/// Parsed options: every name of a table with its value, given or default.
#[derive(Clone, Debug)]
pub struct Values {
    table: &'static [OptionSpec],
    values: Vec<Value>,
}

impl Values {
    /// The word of a choice.
    ///
    /// # Panics
    /// When the table has no such choice: a mistake in the caller's code, not in its input.
    pub fn word(&self, name: &str) -> &str {
        self.value(name).as_str().expect("a choice is a word")
    }

    /// The value of an integer.
    ///
    /// # Panics
    /// When the table has no such integer: a mistake in the caller's code, not in its input.
    pub fn integer(&self, name: &str) -> u64 {
        self.value(name).as_u64().expect("an integer is an integer")
    }

    /// The value of a number.
    ///
    /// # Panics
    /// When the table has no such number: a mistake in the caller's code, not in its input.
    pub fn number(&self, name: &str) -> f64 {
        self.value(name).as_f64().expect("a number is a number")
    }

    /// The value of a flag.
    ///
    /// # Panics
    /// When the table has no such flag: a mistake in the caller's code, not in its input.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().expect("a flag is a flag")
    }

    fn value(&self, name: &str) -> &Value {
        let at = self.table.iter().position(|spec| spec.name == name);
        &self.values[at.expect("the table has this name")]
    }
}

/// Reads options from JSON against a table.
pub fn parse(table: &'static [OptionSpec], json: &str) -> Result<Values> {
    let given: Value = serde_json::from_str(if json.is_empty() { "{}" } else { json })
        .map_err(|why| refuse(format!("options are not JSON: {why}")))?;
    let Value::Object(given) = given else {
        return Err(refuse(format!(
            "options must be an object, got {}",
            describe(&given)
        )));
    };
    if let Some(name) = given
        .keys()
        .find(|name| table.iter().all(|spec| spec.name != *name))
    {
        return Err(refuse(unknown(table, name)));
    }
    let kind = given.get("kind").and_then(Value::as_str).unwrap_or("auto");
    let walked = given.get("inner").and_then(Value::as_str) == Some("graph");
    let mut values = Vec::with_capacity(table.len());
    for spec in table {
        let value = given.get(spec.name);
        if value.is_some() && !spec.kinds.have(kind, walked) {
            let (name, own) = (spec.name, spec.kinds.name());
            let walked = spec.kinds.have(kind, true);
            let more = if walked { " and inner 'graph'" } else { "" };
            return Err(refuse(format!(
                "option {name} belongs to kind '{own}'{more}, but kind is '{kind}'"
            )));
        }
        values.push(match value {
            Some(value) => accept(spec, value)?,
            None => default(spec)?,
        });
    }
    Ok(Values { table, values })
}

fn default(spec: &OptionSpec) -> Result<Value> {
    match spec.default {
        Default::Required => {
            let (name, wanted) = (spec.name, wanted(spec.accepts));
            Err(refuse(format!(
                "option {name} is missing; it must be {wanted}"
            )))
        }
        Default::Share(share) => Ok(Value::from(share_of(share))),
        Default::Word(word) => Ok(Value::from(word)),
        Default::Integer(integer) => Ok(Value::from(integer)),
        Default::Bool(flag) => Ok(Value::from(flag)),
    }
}

#[allow(clippy::cast_precision_loss)] // bounds of numbers are small
fn accept(spec: &OptionSpec, value: &Value) -> Result<Value> {
    let accepted = match spec.accepts {
        Accepts::Choice(words) => value
            .as_str()
            .filter(|word| words.contains(word))
            .map(Value::from),
        Accepts::IntegerOr { word, .. } if value.as_str() == Some(word) => Some(Value::from(word)),
        Accepts::Integer { min, max } | Accepts::IntegerOr { min, max, .. } => integer(value)
            .filter(|integer| (min..=max).contains(integer))
            .map(Value::from),
        Accepts::Share(ends) => value
            .as_f64()
            .filter(|share| (share_of(ends[0])..=share_of(ends[1])).contains(share))
            .map(Value::from),
        Accepts::Number { min, max } => value
            .as_f64()
            .filter(|number| (min as f64..=max as f64).contains(number))
            .map(Value::from),
        Accepts::Bool => value.as_bool().map(Value::from),
    };
    accepted.ok_or_else(|| {
        let (name, wanted, got) = (spec.name, wanted(spec.accepts), describe(value));
        refuse(format!("option {name} must be {wanted}, got {got}"))
    })
}

/// So many thousandths.
pub fn share_of(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

/// A JSON number as an integer, also when it is spelled `1e3` or `16.0`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked: whole, ≥ 0, ≤ 2⁵³
fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        let whole = float.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(&float);
        whole.then_some(float as u64)
    })
}

fn wanted(accepts: Accepts) -> String {
    match accepts {
        Accepts::Choice(words) => {
            let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
            format!("one of {}", quoted.join(", "))
        }
        Accepts::Integer { min, max } => format!("an integer from {min} to {max}"),
        Accepts::IntegerOr { min, max, word } => {
            format!("'{word}' or an integer from {min} to {max}")
        }
        Accepts::Share(ends) => {
            let [min, max] = ends.map(share_of);
            format!("a number from {min} to {max}")
        }
        Accepts::Number { min, max } => format!("a number from {min} to {max}"),
        Accepts::Bool => "true or false".into(),
    }
}

/// A value as a person would name it, cut short: it may be the caller's whole data set.
fn describe(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".into(),
        Value::String(text) if text.chars().count() > 40 => {
            let start: String = text.chars().take(40).collect();
            format!("'{start}…'")
        }
        Value::String(text) => format!("'{text}'"),
        other => written(other),
    }
}

/// A value as JSON. `Value`'s own `to_string` can indent too, and brings the code for it into the module.
///
/// # Panics
/// Never: every value has a form in JSON.
pub fn written(value: &Value) -> String {
    serde_json::to_string(value).expect("a value is JSON")
}

fn unknown(table: &[OptionSpec], name: &str) -> String {
    let known: Vec<_> = table.iter().map(|spec| spec.name).collect();
    let shown = describe(&Value::from(name));
    let nearest = known
        .iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 3);
    let hint = nearest.map_or_else(String::new, |(_, best)| format!(" (did you mean {best}?)"));
    format!(
        "unknown option {shown}{hint}; known options are {}",
        known.join(", ")
    )
}

/// How many letters must change to turn one name into the other, upper and lower case the same.
fn edits(from: &str, to: &str) -> usize {
    // Only the first letters matter: a name this long is near to none of ours.
    let from: Vec<char> = from.to_ascii_lowercase().chars().take(64).collect();
    let to: Vec<char> = to.to_ascii_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

fn refuse(message: String) -> Error {
    Error::new(Code::Option, message)
}

#[cfg(test)]
mod tests;
