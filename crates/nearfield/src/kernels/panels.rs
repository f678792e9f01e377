//! Panels of codes: sixteen rows side by side, as tiles take them.
//!
//! ```text
//! rows     a₀a₁a₂a₃ a₄a₅a₆        panel    a₀a₁a₂a₃ b₀b₁b₂b₃ …  p₀p₁p₂p₃ | a₄a₅a₆0 …
//!          b₀b₁b₂b₃ …
//! ```
//! Fours are moved and never looked into: the definition, which most sets take as it is.

use super::{PanelMaker, TILE_COLUMNS, TILE_STEP};

pub(super) const PANEL: PanelMaker = panel;

/// Codes of each row of a panel.
pub(super) fn depth(rows: [&[i8]; TILE_COLUMNS], panel: &[i8]) -> usize {
    assert!(
        panel.len().is_multiple_of(TILE_COLUMNS * TILE_STEP),
        "{} codes are no whole steps of a panel",
        panel.len()
    );
    let depth = panel.len() / TILE_COLUMNS;
    for row in rows {
        assert!(
            row.len() <= depth,
            "a row of {} codes in a panel of {depth}",
            row.len()
        );
    }
    depth
}

fn panel(rows: [&[i8]; TILE_COLUMNS], panel: &mut [i8]) {
    depth(rows, panel);
    let (steps, _) = panel.as_chunks_mut::<TILE_STEP>();
    for (column, row) in rows.into_iter().enumerate() {
        let mut places = steps.iter_mut().skip(column).step_by(TILE_COLUMNS);
        let (fours, rest) = row.as_chunks::<TILE_STEP>();
        for (&four, place) in fours.iter().zip(places.by_ref()) {
            *place = four;
        }
        for (at, place) in places.enumerate() {
            place.fill(0);
            if at == 0 {
                place[..rest.len()].copy_from_slice(rest);
            }
        }
    }
}
