//! The definition: what every other table is replayed against. Whole chunks of sixteen let the
//! compiler use whatever the target's baseline has; each lane still adds its terms one by one.

use super::{
    CODE_BLOCK, Isa, Kernels, STRIP_ENTRIES, ScanTerms, TABLE_BYTES, TILE_COLUMNS, TILE_ROWS,
    TILE_STEP, floats, nearest, panels, queries, rows, sift, strips, wide_lookups,
};

pub static KERNELS: Kernels = Kernels {
    isa: Isa::Scalar,
    l2sq_f32,
    dot_f32,
    l2sq_f32_x4: |query, rows, _| rows.map(|row| l2sq_f32(query, row)),
    dot_f32_x4: |query, rows, _| rows.map(|row| dot_f32(query, row)),
    dot_u7i8,
    dot_u7i8_x4: |query, rows, _| rows.map(|row| dot_u7i8(query, row)),
    tile_u7i8,
    panel_i8: panels::PANEL,
    tile_nearest: nearest::keep,
    scores_nearest: nearest::keep_scores,
    dot_u7u4,
    dot_u7u4_x4: |query, rows, _| rows.map(|row| dot_u7u4(query, row)),
    tile_f32: floats::tile::<2>,
    scan_u6u4,
    scan_u6u4_x4: None,
    #[cfg(target_arch = "x86_64")]
    tell_u6u4: None,
    sift_u64: sift::SIFT,
    score_u7i8: |query, rows, asked, out| {
        rows::bytes(query, rows, asked, out, |query, codes, _| {
            codes.map(|codes| dot_u7i8(query, codes))
        })
    },
    score_u7u4: |query, rows, asked, out| {
        rows::halves(query, rows, asked, out, |query, codes, _| {
            codes.map(|codes| dot_u7u4(query, codes))
        })
    },
    #[cfg(target_arch = "x86_64")]
    insert_u64: None,
    scan_u8u8: wide_lookups::scan,
    turn_f32: queries::TURN,
    tables_u6: queries::TABLES,
};

fn l2sq_f32(query: &[f32], row: &[f32]) -> f32 {
    sum(query, row, |x, y| (x - y) * (x - y))
}

fn dot_f32(query: &[f32], row: &[f32]) -> f32 {
    sum(query, row, |x, y| x * y)
}

fn dot_u7i8(query: &[u8], row: &[i8]) -> i32 {
    assert_eq!(query.len(), row.len(), "query and row differ in length");
    assert!(
        query.len().is_multiple_of(CODE_BLOCK),
        "{} codes are no whole number of blocks",
        query.len()
    );
    let products = query
        .iter()
        .zip(row)
        .map(|(&q, &r)| i32::from(q) * i32::from(r));
    products.sum()
}

fn tile_u7i8(rows: &[u8], panel: &[i8], out: &mut [i32; TILE_ROWS * TILE_COLUMNS]) {
    let depth = super::tile_depth(rows, panel);
    for (at, out) in out.chunks_exact_mut(TILE_COLUMNS).enumerate() {
        out.fill(0);
        let row = rows[at * depth..][..depth].chunks_exact(TILE_STEP);
        for (codes, columns) in row.zip(panel.chunks_exact(TILE_COLUMNS * TILE_STEP)) {
            for (out, column) in out.iter_mut().zip(columns.chunks_exact(TILE_STEP)) {
                for (&u, &c) in codes.iter().zip(column) {
                    *out += i32::from(u) * i32::from(c);
                }
            }
        }
    }
}

fn dot_u7u4(query: &[u8], row: &[u8]) -> i32 {
    assert!(
        query.len().is_multiple_of(2 * CODE_BLOCK),
        "{} codes are no whole number of blocks",
        query.len()
    );
    assert_eq!(
        query.len() / 2,
        row.len(),
        "query is not twice as long as the row"
    );
    let (low, high) = query.split_at(row.len());
    let products = low.iter().zip(high).zip(row);
    let products = products.map(|((&low, &high), &row)| {
        i32::from(low) * i32::from(row & 15) + i32::from(high) * i32::from(row >> 4)
    });
    products.sum()
}

fn scan_u6u4(
    tables: &[u8],
    strip: &[u8],
    terms: ScanTerms,
    scores: &mut [f32; STRIP_ENTRIES],
) -> u32 {
    let (codes, factors) = strips::parts(tables, strip);
    let tables = tables.as_chunks::<TABLE_BYTES>().0;
    let mut sums = [0; STRIP_ENTRIES];
    for (table, codes) in tables.iter().zip(codes.as_chunks::<TABLE_BYTES>().0) {
        let (low, high) = sums.split_at_mut(TABLE_BYTES);
        for ((low, high), code) in low.iter_mut().zip(high).zip(codes) {
            *low += i32::from(table[usize::from(code & 15)]);
            *high += i32::from(table[usize::from(code >> 4)]);
        }
    }
    strips::finish(&sums, factors, terms, scores)
}

#[inline]
fn sum(query: &[f32], row: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    assert_eq!(query.len(), row.len(), "query and row differ in length");
    let (query, query_tail) = query.as_chunks::<16>();
    let (row, row_tail) = row.as_chunks::<16>();
    let mut lanes = [0.0; 16];
    for (x, y) in query.iter().zip(row) {
        for lane in 0..16 {
            lanes[lane] += term(x[lane], y[lane]);
        }
    }
    for (lane, (&x, &y)) in query_tail.iter().zip(row_tail).enumerate() {
        lanes[lane] += term(x, y);
    }
    fold(lanes)
}

fn fold(mut lanes: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}
