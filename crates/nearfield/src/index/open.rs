//! From bytes to an index, or to an error that says where they are wrong.
//!
//! ```text
//! header ─► table ─► root and sums ─► fields in range ─► sections as long as they imply ─► meaning
//! ```
//!
//! Everything is checked once, here; walks and scans may then index what they find. Loaded bytes
//! are borrowed where they are. A map may change under us, so of a mapped file only `vectors`, `codes`
//! and `strips` stay in the map, where any bits are safe to score; the rest is copied out first and then
//! checked.

use super::codes::CodeSections;
use super::graph::Graph;
use super::inner::Inner;
use super::keys::Keys;
use super::zones::Zones;
use super::{Index, Kind, Params, Parts};
use crate::bytes::header::Header;
use crate::bytes::layout::Section;
use crate::bytes::region::Region;
use crate::bytes::table::Layout;
use crate::bytes::{addressable, corrupt};
use crate::codec::{Bits, Codec, Form, Rotation};
use crate::error::{Code, Error, Result};
use crate::exec::Exec;
use crate::ids::{DIM_MAX, NO_SLOT, ROWS_MAX, SAFE_INTEGER_MAX};
use crate::kernels::Isa;
use crate::matrix::{Rows, stride};
use crate::metric::Metric;
use crate::zones::SPAN_NUMBERS;
use std::sync::Arc;

/// Largest `M` and `efConstruction` a header may claim; builds stay far below.
const M_MAX: u32 = 1 << 16;
/// Rows whose numbers one thread looks over at a time.
const ROWS_GRAIN: usize = 256;

/// Where a file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residence {
    /// In memory of ours.
    Loaded,
    /// In a map of a file that others may write to.
    Mapped,
}

/// Opens the file that `file` is.
pub fn open(
    file: &Region,
    residence: Residence,
    limit: Option<Isa>,
    exec: Exec<'_>,
) -> Result<Index> {
    let header = Header::decode(file.as_bytes())?;
    if header.bytes != file.len() as u64 {
        let (said, found) = (header.bytes, file.len());
        return Err(corrupt(
            "header",
            16,
            format!("length is {said} bytes, but the file has {found}"),
        ));
    }
    let layout = Layout::decode(file.as_bytes(), header.sections)?;
    let front = keep(file, 0, layout.front_bytes(), residence)?;
    // What was read so far is read again from memory that cannot change.
    if Header::decode(front.as_bytes())? != header {
        return Err(corrupt("header", 0, "the file changed while it was opened"));
    }
    layout.check_front(front.as_bytes())?;
    let params = fields(&header)?;
    expect_sections(&header, &params, &layout)?;
    let source = Source {
        file,
        front: &front,
        layout: &layout,
        residence,
        exec,
    };
    let index = Index::new(params, parts(&source, &header, &params)?, limit)?;
    Ok(index.with_front(front))
}

/// Everything a header implies, checked.
fn parts(source: &Source<'_>, header: &Header, params: &Params) -> Result<Parts> {
    let place = |section| offset_of(source.layout, section);
    let vectors = if header.vectors == 0 {
        let vectors = source.section(Section::Vectors)?;
        check_vectors(&vectors, params, place(Section::Vectors), source.exec)?;
        Some(vectors)
    } else {
        None
    };
    let codes = if let Some(form) = form_of(header) {
        let codes = CodeSections {
            form,
            codes: source.section(Section::Codes)?,
            centre: source.section(Section::Centre)?,
        };
        codes.validate(place, source.exec)?;
        Some(codes)
    } else {
        None
    };
    let dim = params.dim as usize;
    let rows = vectors.as_ref();
    let rows = rows.map(|vectors| Rows::new(vectors.as_slice(), dim));
    let graph = if params.kind == Kind::Hnsw {
        let graph = graph(source, header, params)?;
        graph.check_twins(super::kept(rows, codes.as_ref()), place(Section::Twins))?;
        Some(graph)
    } else {
        None
    };
    let zones = match bits_of(header) {
        Some(bits) => Some(zones(source, header, params, bits)?),
        None => None,
    };
    if let Some(inner) = zones.as_ref().and_then(|zones| zones.inner.as_ref()) {
        let kept = super::kept(rows, codes.as_ref());
        inner.graph.check_twins(kept, place(Section::Twins))?;
    }
    let keys = keys(source, header.keys)?;
    keys.check_file(params.rows, place)?;
    Ok(Parts {
        vectors,
        codes,
        graph,
        zones,
        keys,
    })
}

/// The file while its sections are taken out.
struct Source<'f> {
    file: &'f Region,
    front: &'f Region,
    layout: &'f Layout,
    residence: Residence,
    exec: Exec<'f>,
}

impl Source<'_> {
    /// A section that the file has, checked against its sums.
    fn section(&self, section: Section) -> Result<Region> {
        let entry = self.layout.find(section).ok_or_else(|| missing(section))?;
        let padded = crate::bytes::table::align(entry.bytes).ok_or_else(|| missing(section))?;
        let residence = match section {
            Section::Vectors | Section::Codes | Section::Strips => Residence::Loaded,
            _ => self.residence,
        };
        let whole = keep(self.file, entry.offset, padded, residence)?;
        let (payload, padding) = whole.as_bytes().split_at(addressable(entry.bytes)?);
        self.layout
            .check_payload(self.front.as_bytes(), entry, payload, padding, self.exec)?;
        let payload = whole.part(0, entry.bytes).ok_or_else(|| missing(section))?;
        let aligned = match section.element_bytes() {
            4 => payload.try_as_slice::<u32>().is_some(),
            8 => payload.try_as_slice::<u64>().is_some(),
            _ => true,
        };
        if aligned {
            return Ok(payload);
        }
        // Maps start at a page and memory of ours at a line; anything else is the caller's slip.
        Err(Error::new(
            Code::Memory,
            format!(
                "the file's bytes are not aligned in memory: section {} cannot be read in place",
                section.name()
            ),
        ))
    }
}

/// Bytes of the file where they are, or out of the reach of others.
fn keep(file: &Region, offset: u64, bytes: u64, residence: Residence) -> Result<Region> {
    let part = file.part(offset, bytes).ok_or_else(|| {
        corrupt(
            "table",
            offset,
            format!("{bytes} bytes reach beyond the file"),
        )
    })?;
    match residence {
        Residence::Loaded => Ok(part),
        Residence::Mapped => part.to_owned_copy(),
    }
}

fn missing(section: Section) -> Error {
    corrupt(
        "table",
        crate::bytes::layout::HEADER_BYTES as u64,
        format!("section {} is missing", section.name()),
    )
}

fn offset_of(layout: &Layout, section: Section) -> u64 {
    layout.find(section).map_or(0, |entry| entry.offset)
}

/// Every field in its range, as [`Params`].
fn fields(header: &Header) -> Result<Params> {
    let at = |offset, what: String| Err(corrupt("header", offset, what));
    let Header {
        rows,
        dim,
        kind,
        m,
        ef_construction: ef,
        ..
    } = *header;
    if rows > ROWS_MAX {
        return at(24, format!("{rows} rows, expected at most {ROWS_MAX}"));
    }
    if dim == 0 || dim > DIM_MAX {
        return at(32, format!("dim {dim}, expected 1 to {DIM_MAX}"));
    }
    if u64::from(header.stride) != stride(dim as usize) as u64 {
        return at(
            36,
            format!(
                "stride {}, expected {}",
                header.stride,
                stride(dim as usize)
            ),
        );
    }
    let Some(metric) = metric_of(header.metric) else {
        return at(41, format!("metric {}, expected 1 to 3", header.metric));
    };
    let Some(kind) = Kind::ALL.into_iter().find(|own| own.tag() == kind) else {
        return at(40, format!("kind {kind}, expected 1 to 3"));
    };
    let codec = codec_of(header.codec).filter(|codec| kind.codecs().contains(codec));
    let Some(codec) = codec else {
        let tags: Vec<_> = kind
            .codecs()
            .iter()
            .copied()
            .map(super::codec_tag)
            .collect();
        let codec = header.codec;
        return at(
            42,
            format!("codec {codec}, expected one of {tags:?} for this kind"),
        );
    };
    if header.keys > 2 {
        return at(43, format!("keys {}, expected 0 to 2", header.keys));
    }
    let without = u8::from(codec != Codec::F32);
    if header.vectors > without {
        let vectors = header.vectors;
        return at(
            44,
            format!("vectors {vectors}, expected 0 to {without} for this codec"),
        );
    }
    if header.seed > SAFE_INTEGER_MAX {
        return at(
            48,
            format!("seed {}, expected at most {SAFE_INTEGER_MAX}", header.seed),
        );
    }
    graph_fields(header, kind)?;
    let rows = u32::try_from(rows).expect("at most ROWS_MAX");
    zone_fields(header, kind, codec)?;
    Ok(Params {
        kind,
        rows,
        dim,
        metric,
        seed: header.seed,
        m,
        ef_construction: ef,
    })
}

/// The fields of a graph, or of those within zones; empty where there is none.
fn graph_fields(header: &Header, kind: Kind) -> Result<()> {
    let at = |offset, what: String| Err(corrupt("header", offset, what));
    let Header {
        m,
        ef_construction: ef,
        entry,
        level,
        links0,
        ..
    } = *header;
    let inner = kind == Kind::Zones && m > 0;
    match kind {
        Kind::Flat | Kind::Zones
            if !inner && (m, ef, entry, level, links0) != (0, 0, NO_SLOT, 0, 0) =>
        {
            at(
                56,
                "graph fields of an index without a graph are not empty".into(),
            )
        }
        Kind::Flat | Kind::Zones if !inner => Ok(()),
        _ if !(2..=M_MAX).contains(&m) => at(56, format!("M {m}, expected 2 to {M_MAX}")),
        _ if ef == 0 => at(60, "efConstruction 0, expected at least 1".into()),
        _ if level > 31 => at(68, format!("level {level}, expected at most 31")),
        _ if links0 != 2 * m => at(72, format!("links0 {links0}, expected {}", 2 * m)),
        Kind::Zones if entry != NO_SLOT => at(64, format!("entry {entry}, expected none of zones")),
        Kind::Zones if header.refine != 1 && header.rows > 0 => {
            at(46, "refine 0, expected 1 where zones have graphs".into())
        }
        Kind::Zones if header.soar != 0 => {
            at(84, "soar 1, expected 0 where zones have graphs".into())
        }
        _ => Ok(()),
    }
}

/// The fields of zones, zero where there are none.
fn zone_fields(header: &Header, kind: Kind, codec: Codec) -> Result<()> {
    let at = |offset, what: String| Err(corrupt("header", offset, what));
    let coded = codec.bits(header.numbers).is_some();
    let numbers = if codec.trained() {
        1..=Bits::NUMBERS_MAX
    } else {
        0..=0
    };
    if !numbers.contains(&header.numbers) {
        let (number, ends) = (header.numbers, (numbers.start(), numbers.end()));
        return at(
            47,
            format!(
                "{number} numbers a code, expected {} to {} for this codec",
                ends.0, ends.1
            ),
        );
    }
    let parted = coded && kind == Kind::Zones;
    let flags = [
        ("apart", 45, header.apart, coded),
        ("refine", 46, header.refine, coded),
        ("soar", 84, header.soar, parted),
    ];
    for (name, offset, flag, may) in flags {
        if flag > u8::from(may) {
            let most = u8::from(may);
            return at(
                offset,
                format!("{name} {flag}, expected 0 to {most} for this codec"),
            );
        }
    }
    let (zones, rows) = (u64::from(header.zones), header.rows);
    let most = match kind {
        _ if !coded => 0,
        Kind::Flat => rows.min(1),
        _ => rows,
    };
    if zones > most || (coded && rows > 0 && zones == 0) {
        return at(
            76,
            format!("{zones} zones of {rows} rows, expected at most {most}"),
        );
    }
    let (parted, most) = (u64::from(header.parted), if coded { rows } else { 0 });
    if parted > most {
        return at(80, format!("{parted} rows parted, expected at most {most}"));
    }
    Ok(())
}

fn metric_of(tag: u8) -> Option<Metric> {
    Metric::ALL
        .into_iter()
        .find(|metric| super::metric_tag(*metric) == tag)
}

fn codec_of(tag: u8) -> Option<Codec> {
    Codec::ALL
        .into_iter()
        .find(|codec| super::codec_tag(*codec) == tag)
}

/// The form of the codes that a header asks for, if any.
fn form_of(header: &Header) -> Option<Form> {
    if header.refine == 1 {
        return Some(Form::Sq8);
    }
    codec_of(header.codec).and_then(Codec::form)
}

/// What the strips are that a header asks for, if any.
fn bits_of(header: &Header) -> Option<Bits> {
    codec_of(header.codec).and_then(|codec| codec.bits(header.numbers))
}

/// The sections a header implies are there, no others, and as long as it implies.
fn expect_sections(header: &Header, params: &Params, layout: &Layout) -> Result<()> {
    // Of all rows, or of each zone's.
    let (rows, graph) = (header.rows, params.m > 0);
    let inner = graph && params.kind == Kind::Zones;
    let form = form_of(header);
    let bits = bits_of(header);
    let (zones, dim) = (u64::from(header.zones), u64::from(params.dim));
    let exactly = |elements: Option<u64>, section: Section| {
        elements.and_then(|elements| elements.checked_mul(u64::from(section.element_bytes())))
    };
    for section in Section::ALL {
        let (wanted, elements) = match section {
            Section::Vectors => (
                header.vectors == 0,
                Some(rows.checked_mul(u64::from(header.stride))),
            ),
            Section::Links0 => (graph, Some(rows.checked_mul(u64::from(header.links0)))),
            Section::Levels => (graph, Some(rows.checked_add(1))),
            Section::Links => (graph, None), // as `levels` says; the graph is checked with it
            Section::Twins => (graph && layout.find(section).is_some(), Some(Some(rows))),
            Section::Keys => (header.keys == 1, Some(Some(rows))),
            Section::KeyOffsets => (header.keys == 2, Some(rows.checked_add(1))),
            Section::KeyText => (header.keys == 2, None),
            Section::Codes => {
                let stride = form.map_or(0, |form| form.stride(params.dim as usize));
                (form.is_some(), Some(rows.checked_mul(stride as u64)))
            }
            Section::Centre => (form.is_some(), Some(Some(dim))),
            Section::ZoneCentre => (bits.is_some(), Some(Some(dim))),
            Section::Centroids => {
                let floats = zones.checked_mul(stride(params.dim as usize + 1) as u64);
                (bits.is_some(), Some(floats))
            }
            Section::ZoneStarts => (bits.is_some(), Some(Some(zones + 1))),
            // Whole strips; the zones are checked with them.
            Section::ZoneSlots | Section::Strips => (bits.is_some(), None),
            Section::Routes => (bits.is_some() && layout.find(section).is_some(), None),
            Section::Points => {
                // Where nothing is coded, nothing is trained.
                let len = bits
                    .filter(|_| zones > 0)
                    .map(|bits| bits.points_len(params.dim as usize));
                let trained = bits.is_some_and(|bits| bits.codec().trained());
                (trained, Some(Some(len.unwrap_or(0) as u64)))
            }
            Section::Spans => {
                let measured = bits.is_some() && layout.find(section).is_some();
                (measured, Some(Some(SPAN_NUMBERS as u64)))
            }
            Section::Roots | Section::Linked => (inner, Some(Some(zones))),
        };
        let found = layout.find(section);
        match (wanted, found) {
            (true, None) => return Err(missing(section)),
            (false, Some(entry)) => {
                let what = "a section that the header does not ask for";
                return Err(corrupt(section.name(), entry.offset, what));
            }
            (true, Some(entry)) => {
                let Some(elements) = elements else { continue };
                let bytes = exactly(elements, section);
                if bytes != Some(entry.bytes) {
                    let wanted = bytes.map_or("more than 2^64".into(), |bytes| bytes.to_string());
                    let what = format!("{} bytes, expected {wanted}", entry.bytes);
                    return Err(corrupt(section.name(), entry.offset, what));
                }
            }
            (false, None) => {}
        }
    }
    Ok(())
}

/// Numbers finite and padding zero. A row's first fault decides; rows are looked over in parallel.
fn check_vectors(vectors: &Region, params: &Params, offset: u64, exec: Exec<'_>) -> Result<()> {
    let rows = Rows::new(vectors.as_slice::<f32>(), params.dim as usize);
    let dim = rows.dim();
    let mut faults = vec![None; rows.len().div_ceil(ROWS_GRAIN)];
    exec.fill(
        &mut faults,
        1,
        || (),
        |(), group, fault| {
            let start = group * ROWS_GRAIN;
            let numbers = &rows.as_floats()[start * rows.stride()..];
            let numbers = &numbers[..numbers.len().min(ROWS_GRAIN * rows.stride())];
            *fault = numbers
                .chunks_exact(rows.stride())
                .enumerate()
                .find_map(|(row, numbers)| {
                    let (numbers, padding) = numbers.split_at(dim);
                    let bad = numbers.iter().position(|x| !x.is_finite());
                    bad.or_else(|| {
                        padding
                            .iter()
                            .position(|x| x.to_bits() != 0)
                            .map(|at| dim + at)
                    })
                    .map(|column| (start + row, column))
                });
        },
    );
    let Some((row, column)) = faults.into_iter().flatten().next() else {
        return Ok(());
    };
    let at = offset + (row as u64 * rows.stride() as u64 + column as u64) * 4;
    let what = if column < dim {
        "is not finite"
    } else {
        "is padding and not zero"
    };
    Err(corrupt(
        Section::Vectors.name(),
        at,
        format!("row {row}, column {column} {what}"),
    ))
}

fn graph(source: &Source<'_>, header: &Header, params: &Params) -> Result<Graph> {
    let graph = links(source, header)?;
    graph.validate(params, |section| offset_of(source.layout, section))?;
    Ok(graph)
}

/// The sections of one graph, or of those of all zones, not checked yet.
fn links(source: &Source<'_>, header: &Header) -> Result<Graph> {
    let twins = match source.layout.find(Section::Twins) {
        Some(_) => Some(source.section(Section::Twins)?),
        None => None,
    };
    Ok(Graph {
        links0: source.section(Section::Links0)?,
        levels: source.section(Section::Levels)?,
        links: source.section(Section::Links)?,
        twins,
        entry: header.entry,
        level: header.level,
    })
}

fn zones(source: &Source<'_>, header: &Header, params: &Params, bits: Bits) -> Result<Zones> {
    let stride = bits.strip_bytes(params.dim as usize);
    let strips = |section| {
        let region = source.section(section)?;
        if region.len().is_multiple_of(stride) {
            return Ok(region);
        }
        let what = format!("{} bytes, expected a multiple of {stride}", region.len());
        Err(corrupt(
            section.name(),
            offset_of(source.layout, section),
            what,
        ))
    };
    let routes = match source.layout.find(Section::Routes) {
        Some(_) => Some(strips(Section::Routes)?),
        None => None,
    };
    let points = if bits.codec().trained() {
        Some(source.section(Section::Points)?)
    } else {
        None
    };
    let spans = match source.layout.find(Section::Spans) {
        Some(_) => Some(source.section(Section::Spans)?),
        None => None,
    };
    let inner = if params.m > 0 {
        Some(Inner {
            graph: links(source, header)?,
            roots: source.section(Section::Roots)?,
            linked: source.section(Section::Linked)?,
        })
    } else {
        None
    };
    let zones = Zones {
        bits,
        apart: header.apart == 1,
        soar: header.soar == 1,
        parted: header.parted,
        centre: source.section(Section::ZoneCentre)?,
        centroids: source.section(Section::Centroids)?,
        starts: source.section(Section::ZoneStarts)?,
        slots: source.section(Section::ZoneSlots)?,
        points,
        strips: strips(Section::Strips)?,
        routes,
        spans,
        inner,
        rotation: Arc::new(Rotation::new(params.dim as usize, params.seed)),
    };
    zones.validate(params, |section| offset_of(source.layout, section))?;
    Ok(zones)
}

fn keys(source: &Source<'_>, tag: u8) -> Result<Keys> {
    Ok(match tag {
        0 => Keys::Rows,
        1 => Keys::Numbers(source.section(Section::Keys)?),
        _ => Keys::Text {
            offsets: source.section(Section::KeyOffsets)?,
            text: source.section(Section::KeyText)?,
        },
    })
}
