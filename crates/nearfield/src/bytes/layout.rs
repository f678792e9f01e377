//! The numbers of FORMAT.md: where things are in a file and how large they may be.

/// The first eight bytes of a file. The high bit and both line ends show a transfer as text.
pub const MAGIC: [u8; 8] = *b"\x89NFLD\r\n\x1a";
/// The version written, and the only one read.
pub const VERSION: u32 = 1;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 128;
/// Bytes of one entry of the section table.
pub const ENTRY_BYTES: usize = 32;
/// Where the root checksum stands: the end of the header's other fields.
pub const ROOT_AT: usize = 120;
/// Payload bytes one block sum covers.
pub const BLOCK_BYTES: usize = 65_536;
/// Sections, the table and the sums start at multiples of this: a cache line, and AVX-512's width.
pub const ALIGN: u64 = 64;
/// Entries the section table may have.
pub const SECTIONS_MAX: u32 = 32;

/// What a section holds. The discriminant is its id in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Section {
    /// Stored rows.
    Vectors = 1,
    /// Neighbours on level 0.
    Links0 = 2,
    /// Prefix sums of levels above 0.
    Levels = 3,
    /// Neighbours above level 0.
    Links = 4,
    /// The next slot with the same vector.
    Twins = 5,
    /// Keys that are numbers.
    Keys = 6,
    /// Where each text key begins.
    KeyOffsets = 7,
    /// The text of the keys.
    KeyText = 8,
    /// Codes of the rows.
    Codes = 9,
    /// What the codes are centred on.
    Centre = 10,
    /// What zones are centred on.
    ZoneCentre = 11,
    /// Rotated centroids of the zones.
    Centroids = 12,
    /// Where each zone's strips begin.
    ZoneStarts = 13,
    /// The slots of the strips' places.
    ZoneSlots = 14,
    /// Codes of the rows, 32 side by side, zone after zone.
    Strips = 15,
    /// Codes of the centroids, 32 side by side.
    Routes = 16,
    /// What codes of strips stand for, where that is trained.
    Points = 17,
    /// How far searches of zones go.
    Spans = 18,
    /// Where walks within each zone start.
    Roots = 19,
    /// How many of each zone's rows walks reach.
    Linked = 20,
}

impl Section {
    /// Every section, in the order of the file.
    pub const ALL: [Self; 20] = [
        Self::Vectors,
        Self::Links0,
        Self::Levels,
        Self::Links,
        Self::Twins,
        Self::Keys,
        Self::KeyOffsets,
        Self::KeyText,
        Self::Codes,
        Self::Centre,
        Self::ZoneCentre,
        Self::Centroids,
        Self::ZoneStarts,
        Self::ZoneSlots,
        Self::Strips,
        Self::Routes,
        Self::Points,
        Self::Spans,
        Self::Roots,
        Self::Linked,
    ];

    /// The section of an id.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|section| *section as u32 == id)
    }

    /// The name errors and `stats()` use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vectors => "vectors",
            Self::Links0 => "links0",
            Self::Levels => "levels",
            Self::Links => "links",
            Self::Twins => "twins",
            Self::Keys => "keys",
            Self::KeyOffsets => "key-offsets",
            Self::KeyText => "key-text",
            Self::Codes => "codes",
            Self::Centre => "centre",
            Self::ZoneCentre => "zone-centre",
            Self::Centroids => "centroids",
            Self::ZoneStarts => "zone-starts",
            Self::ZoneSlots => "zone-slots",
            Self::Strips => "strips",
            Self::Routes => "routes",
            Self::Points => "points",
            Self::Spans => "spans",
            Self::Roots => "roots",
            Self::Linked => "linked",
        }
    }

    /// Bytes an element.
    pub const fn element_bytes(self) -> u32 {
        match self {
            Self::Vectors
            | Self::Links0
            | Self::Levels
            | Self::Links
            | Self::Twins
            | Self::Centre
            | Self::ZoneCentre
            | Self::Centroids
            | Self::ZoneStarts
            | Self::ZoneSlots
            | Self::Points
            | Self::Spans
            | Self::Roots
            | Self::Linked => 4,
            Self::Keys | Self::KeyOffsets => 8,
            Self::KeyText | Self::Codes | Self::Strips | Self::Routes => 1,
        }
    }
}
