//! What kind an index becomes and what its scans go by: what was asked for, or what `auto` chooses and why.
//!
//! ```text
//! kind    auto ─► flat up to 1,000 rows, and by strips up to 20,000 ─ trial ─► hnsw, as beyond these
//! codec   of flat: f32 unless asked; of hnsw: see `coding`; of strips: bits1 from 256 numbers, else bits2
//! codeNumbers   of pq4 and pq8
//! memory  see `budget`
//! refine  of strips: sq8 with bits1, and where no vectors are kept
//! ```

use super::budget;
use super::coding::{AGREEMENT_MIN, Coding};
use super::options::{AUTO_FLAT_ROWS_MAX, AUTO_STRIPS_ROWS_MAX, BUILD, Default, Values};
use crate::codec::{Bits, Codec};
use crate::error::{Code, Error, Result};
use crate::index::Kind;
use crate::index::grow::Plan;
use crate::zones::ZonesParams;

/// Numbers from which a sign of each tells rows apart well enough.
const SIGNS_DIM_MIN: u32 = 256;

/// Numbers a code of trained points stands for unless told otherwise.
const NUMBERS_PQ4: u8 = 4;
const NUMBERS_PQ8: u8 = 8;

/// What an index is made as.
#[derive(Debug)]
pub(super) struct Choice {
    /// How rows are found.
    pub(super) kind: Kind,
    /// What `auto` chose and why.
    pub(super) chosen: Vec<String>,
    /// The codes of rows, where there are to be any.
    pub(super) coding: Coding,
    /// How rows are parted and scanned.
    pub(super) zones: Option<ZonesParams>,
    /// Whether zones have graphs of their own.
    pub(super) inner: bool,
    /// Whether strips must pass a trial, and there is a graph where they do not.
    pub(super) tried: bool,
    /// Whether the index keeps its vectors.
    pub(super) keeps_vectors: bool,
}

impl Choice {
    /// Of parsed options, for so many rows; `None` for an index that starts without.
    pub(super) fn new(values: &Values, rows: Option<u32>) -> Result<Self> {
        let keeps_vectors = values.flag("keepVectors");
        let (kind, why) = kind(values, rows);
        let asked = Codec::parse(values.word("codec"));
        let auto = why.is_some();
        // The codec that is asked for with `auto` is that of the graph it may become.
        judge_codec(if auto { Kind::Hnsw } else { kind }, asked, keeps_vectors)?;
        judge_numbers(values, asked)?;
        let inner = inner(values)?;
        let asked = asked.filter(|_| !auto || kind == Kind::Hnsw);
        let tried = auto && kind == Kind::Flat && rows.is_some_and(exceeds_flat);
        let afforded = match rows.filter(|_| auto) {
            Some(rows) => budget::afford(values, rows, kind, tried)?,
            None => None,
        };
        if let Some((afforded, why)) = afforded {
            return Ok(Self::afforded(afforded, why, values));
        }
        let mut chosen: Vec<_> = why.into_iter().collect();
        let zones = zones(kind, asked, tried, values, &mut chosen);
        let coding = match (kind, zones) {
            (Kind::Flat | Kind::Zones, Some(params)) => {
                let refine = inner || refines(values, params.bits, keeps_vectors);
                Coding::new(Some(if refine { Codec::Sq8 } else { Codec::F32 }))
            }
            (Kind::Hnsw, _) if !keeps_vectors => Coding::alone(asked),
            (Kind::Hnsw, _) => Coding::new(asked),
            (Kind::Flat | Kind::Zones, None) => Coding::new(Some(asked.unwrap_or(Codec::F32))),
        };
        Ok(Self {
            kind,
            chosen,
            coding,
            zones,
            inner,
            tried,
            keeps_vectors,
        })
    }

    /// Of what there is memory for.
    fn afforded(afforded: budget::Afforded, why: String, values: &Values) -> Self {
        let codec = if afforded.refine {
            Codec::Sq8
        } else {
            Codec::F32
        };
        Self {
            kind: afforded.kind,
            chosen: vec![why],
            coding: Coding::new(Some(codec)),
            zones: Some(ZonesParams {
                zones: usize::from(afforded.kind == Kind::Flat),
                bits: afforded.bits,
                seed: values.integer("seed"),
                soar: false,
                walked: false,
            }),
            inner: false,
            tried: false,
            keeps_vectors: afforded.keeps_vectors,
        }
    }

    /// How rows that are added later are found; of kind `auto` there is a graph beyond some rows.
    pub(super) fn growth(&self, values: &Values) -> Plan {
        let setting = |name| u32::try_from(values.integer(name)).expect("the table's limit");
        // Where memory is short rows go on being parted, as they are.
        let auto = values.word("kind") == "auto" && (self.zones.is_none() || self.tried);
        let graph = auto || self.kind == Kind::Hnsw;
        Plan {
            graph: graph.then(|| (setting("M"), setting("efConstruction"))),
            flat_rows_max: match (auto && self.kind == Kind::Flat, self.tried) {
                (false, _) => 0,
                (true, false) => AUTO_FLAT_ROWS_MAX,
                (true, true) => AUTO_STRIPS_ROWS_MAX,
            },
            codec: if auto {
                Codec::parse(values.word("codec"))
            } else {
                self.coding.asked()
            },
            keeps_codec: false,
            zones: self.zones,
            inner: self
                .inner
                .then(|| (setting("M"), setting("efConstruction"))),
            agreement_min: AGREEMENT_MIN,
        }
    }
}

/// The kind, and why if nobody said.
fn kind(values: &Values, rows: Option<u32>) -> (Kind, Option<String>) {
    if let Some(kind) = Kind::parse(values.word("kind")) {
        return (kind, None);
    }
    let graph = |why: String| (Kind::Hnsw, Some(why));
    let Some(rows) = rows else {
        return graph("hnsw: made to take rows".into());
    };
    if !values.flag("keepVectors") {
        return graph("hnsw: without vectors only graphs and zones answer".into());
    }
    let most = if !exceeds_flat(rows) || wants_graph(values) {
        AUTO_FLAT_ROWS_MAX
    } else {
        AUTO_STRIPS_ROWS_MAX
    };
    if u64::from(rows) <= most {
        let why = format!("flat: {rows} rows are at most {most}");
        return (Kind::Flat, Some(why));
    }
    graph(format!("hnsw: {rows} rows are more than {most}"))
}

/// Whether there are more rows than a scan of vectors is for.
fn exceeds_flat(rows: u32) -> bool {
    u64::from(rows) > AUTO_FLAT_ROWS_MAX
}

/// Whether there are more rows than a scan of strips is for.
pub(super) fn exceeds_strips(rows: u32) -> bool {
    u64::from(rows) > AUTO_STRIPS_ROWS_MAX
}

/// The bits that are enough for numbers of a row.
pub(super) const fn bits_for(dim: usize) -> Bits {
    if dim >= SIGNS_DIM_MIN as usize {
        Bits::One
    } else {
        Bits::Two
    }
}

/// Whether options say something that only a graph can be.
fn wants_graph(values: &Values) -> bool {
    let other = |name| {
        let spec = BUILD.iter().find(|spec| spec.name == name);
        spec.is_some_and(|spec| spec.default != Default::Integer(values.integer(name)))
    };
    values.word("codec") != "auto" || other("M") || other("efConstruction")
}

/// Refuses a codec that the kind cannot have, or that leaves nothing to answer by.
fn judge_codec(kind: Kind, asked: Option<Codec>, keeps_vectors: bool) -> Result<()> {
    let codes = |codec: &Codec| keeps_vectors || *codec != Codec::F32;
    let fits = |codec: &Codec| kind.codecs().contains(codec) && codes(codec);
    let auto = kind != Kind::Flat || keeps_vectors;
    if asked.as_ref().map_or(auto, fits) {
        return Ok(());
    }
    let words = kind
        .codecs()
        .iter()
        .filter(|codec| codes(codec))
        .map(|codec| codec.name());
    let words: Vec<_> = auto.then_some("auto").into_iter().chain(words).collect();
    let message = format!(
        "option codec must be one of '{}' for kind '{}'{}, got '{}'",
        words.join("', '"),
        kind.name(),
        if keeps_vectors {
            ""
        } else {
            " where keepVectors is false"
        },
        asked.map_or("auto", Codec::name)
    );
    Err(Error::new(Code::Option, message))
}

/// Refuses numbers a code where no codes are trained.
fn judge_numbers(values: &Values, asked: Option<Codec>) -> Result<()> {
    let numbers = values.integer("codeNumbers");
    if numbers == 0 || asked.is_some_and(Codec::trained) {
        return Ok(());
    }
    let codec = values.word("codec");
    let message = format!(
        "option codeNumbers belongs to codec 'pq4' and 'pq8', but codec is '{codec}', got {numbers}"
    );
    Err(Error::new(Code::Option, message))
}

/// Whether zones have graphs; refuses what cannot be beside them.
fn inner(values: &Values) -> Result<bool> {
    if values.word("inner") != "graph" {
        return Ok(false);
    }
    let wrong = if values.flag("soar") {
        "soar false, but soar is true"
    } else if values.word("refine") == "none" {
        "refine 'auto' or 'sq8', but refine is 'none'"
    } else {
        return Ok(true);
    };
    let message = format!("option inner 'graph' needs {wrong}");
    Err(Error::new(Code::Option, message))
}

/// How rows are parted, of zones and of a flat index with strips: that is one zone.
fn zones(
    kind: Kind,
    asked: Option<Codec>,
    tried: bool,
    values: &Values,
    chosen: &mut Vec<String>,
) -> Option<ZonesParams> {
    let zones = match kind {
        Kind::Hnsw => return None,
        Kind::Flat => 1,
        Kind::Zones => usize::try_from(values.integer("zones")).expect("the table's limit"),
    };
    let bits = asked.and_then(|codec| codec.bits(numbers(codec, values)));
    if bits.is_none() && kind == Kind::Flat && !tried {
        return None;
    }
    let bits = bits.unwrap_or_else(|| {
        let dim = u32::try_from(values.integer("dim")).expect("the table's limit");
        let bits = bits_for(dim as usize);
        let side = if bits == Bits::One {
            "at least"
        } else {
            "fewer than"
        };
        let name = bits.name();
        chosen.push(format!("{name}: {dim} numbers are {side} {SIGNS_DIM_MIN}"));
        bits
    });
    Some(ZonesParams {
        zones,
        bits,
        seed: values.integer("seed"),
        soar: kind == Kind::Zones && values.flag("soar"),
        walked: values.word("inner") == "graph",
    })
}

/// Whether sq8 codes stand between the scan and the vectors, or the answer.
fn refines(values: &Values, bits: Bits, keeps_vectors: bool) -> bool {
    match values.word("refine") {
        "none" => false,
        "sq8" => true,
        _ => bits.coarse() || !keeps_vectors,
    }
}

/// Numbers that a code of trained points stands for.
fn numbers(codec: Codec, values: &Values) -> u8 {
    match u8::try_from(values.integer("codeNumbers")).expect("the table's limit") {
        0 if codec == Codec::Pq8 => NUMBERS_PQ8,
        0 => NUMBERS_PQ4,
        numbers => numbers,
    }
}
