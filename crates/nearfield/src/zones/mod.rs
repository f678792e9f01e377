//! Zones: rows parted by k-means, scanned by codes of one or two bits, judged by the vectors.
//!
//! ```text
//! build   rows ─ kmeans ─ assign ─ code (rotate, less the centroid) ─► ZoneArrays
//! query   rotate ─ tables ─ route (nearest centroids) ─ scan (strips of the probed zones)
//!                ─ sq8 codes of the nearest, where there are any ─ the vectors of the nearest of these
//!
//! strips  | zone 0: 32 entries, 32 entries | zone 1: 32 | zone 2: … |      a zone is whole strips
//! slots   | 4 9 17 … – – – …               | 0 5 … –    | …         |      and one range of each array
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `view` | [`ZonesView`] and [`ZoneArrays`]: the frozen form, whose arrays are a file's sections to be |
//! | `build` | [`ZonesBuilder`]: the steps |
//! | `append` | [`ZonesAdder`]: rows added, zones that outgrow their size split |
//! | `layout` | whom rows belong to, turned into zones that lie one after the other |
//! | `code` | rows into strips |
//! | `probe` | [`search`](probe::search), its [`Effort`] and its scratch |
//! | `group` | [`Group`]: many searches at once, zone by zone |
//! | `within` | [`Within`]: zones of which somebody else finds the nearest |
//! | `share` | one search by several threads |
//! | `span` | how far a search goes that is to keep a recall |
//! | `trial` | whether searches find what vectors say is near |
//! | `check` | what opening and `check()` ask of the arrays |
//!
//! One zone is a compressed scan of every row: what `flat` is with codes of bits.
//!
//! Invariants: every slot is in exactly one zone, or in two where rows have second ones, and a zone's slots ascend; no zone is empty; places
//! after a zone's last entry have no slot and are never told by a scan. The arrays have the same bytes for
//! any number of threads and on every instruction set. Answers are scored by the vectors, where these are
//! to judge, so that a distance is what an exact search says; which rows are found may differ between instruction sets whose
//! products of floats do, where two centroids or two estimates are as good as equal.
//!
//! The codes are those of Gao & Long (2024); zones with codes of residuals are the inverted file of Jégou,
//! Douze & Schmid (2011).

mod append;
mod build;
pub mod check;
mod code;
mod group;
mod layout;
pub mod probe;
mod share;
mod span;
pub mod trial;
mod view;
mod within;

pub use append::ZonesAdder;
pub use build::{ZonesBuilder, ZonesParams, ZonesPhase, ZonesReport};
pub use group::{Group, GroupScratch};
pub use probe::{Effort, Judges, ProbeScratch};
pub use span::{NUMBERS as SPAN_NUMBERS, Span};
pub use view::{Zone, ZoneArrays, ZonesView};
pub use within::Within;
