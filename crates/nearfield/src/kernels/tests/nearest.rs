//! Lists of the nearest against sorting every score: the same on every set, whatever the scores are.

use super::replay;
use super::values::Random;
use crate::kernels::{
    Kernels, Keys, PanelTerms, TILE_COLUMNS, TILE_ROWS, TileAt, pair_score, place_and_score,
};

const MASK: u32 = 511;
const PANELS: usize = 3;
const BLOCKS: usize = 5;
/// Rows of the last block do not all count.
const ROWS: usize = BLOCKS * TILE_ROWS - 3;

/// What a pair's score and a place make, written a second time.
fn key(score: f32, place: usize) -> u32 {
    let score = if score.is_nan() {
        f32::MAX
    } else {
        score.min(f32::MAX)
    };
    // The integers as floats are ordered: from the most negative on.
    let magnitude = score.abs().to_bits();
    let ordered = if score.is_sign_negative() {
        (1 << 31) - 1 - magnitude
    } else {
        (1 << 31) + magnitude
    };
    ordered / (MASK + 1) * (MASK + 1) + u32::try_from(place).expect("small")
}

struct Case {
    dots: Vec<[i32; TILE_ROWS * TILE_COLUMNS]>,
    rows: Vec<(f32, f32)>,
    panels: Vec<PanelTerms>,
    /// Only columns beyond the row's own place count.
    above: bool,
}

impl Case {
    fn new(seed: u64, above: bool) -> Self {
        let mut random = Random(seed);
        let dots = (0..PANELS * BLOCKS)
            .map(|_| {
                let numbers = random.whole(TILE_ROWS * TILE_COLUMNS, 500);
                std::array::from_fn(|at| i32::try_from(numbers[at]).expect("small"))
            })
            .collect();
        // Few distinct scores, so that places decide; some that are negative, infinite or none.
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.0, 0.0];
        let bias = |at: usize| match at % 11 {
            10 => odd[at / 11 % odd.len()],
            at => f32::from(u8::try_from(at).expect("small")),
        };
        let panel = |panel: usize| PanelTerms {
            bias: std::array::from_fn(|lane| bias(panel * TILE_COLUMNS + lane)),
            scale: std::array::from_fn(|lane| [0.0, 0.25, 1.0][lane % 3]),
            sum: std::array::from_fn(|lane| [0, 7, -7][lane % 3]),
        };
        Self {
            dots,
            rows: (0..ROWS).map(|row| (bias(row + 5), 0.5)).collect(),
            panels: (0..PANELS).map(panel).collect(),
            above,
        }
    }

    /// The lists of a kernel, of the one over scores where `scored`.
    fn lists(&self, table: &Kernels, near: [usize; 2], scored: bool) -> [Vec<Keys>; 2] {
        let [mut by_row, mut by_column] =
            [ROWS * near[0], PANELS * near[1]].map(|lists| vec![[u32::MAX; TILE_COLUMNS]; lists]);
        for (block, terms) in self.rows.chunks(TILE_ROWS).enumerate() {
            let first = block * TILE_ROWS;
            for panel in 0..PANELS {
                let column = panel * TILE_COLUMNS;
                let [row, from] = [first, first + 1].map(|at| i32::try_from(at).expect("small"));
                let at = TileAt {
                    row: row.unsigned_abs(),
                    column: u32::try_from(column).expect("small"),
                    from: if self.above {
                        from - i32::try_from(column).expect("small")
                    } else {
                        i32::MIN
                    },
                    mask: MASK,
                };
                let by_row = &mut by_row[first * near[0]..][..terms.len() * near[0]];
                let by_column = &mut by_column[panel * near[1]..][..near[1]];
                if scored {
                    let scores = std::array::from_fn(|at| {
                        let row = (first + at / TILE_COLUMNS).min(ROWS - 1);
                        self.pair(row, column + at % TILE_COLUMNS)
                    });
                    (table.scores_nearest)(&scores, terms.len(), at, by_row, by_column);
                } else {
                    let dots = &self.dots[block * PANELS + panel];
                    let terms = (terms, &self.panels[panel]);
                    (table.tile_nearest)(dots, terms, at, by_row, by_column);
                }
            }
        }
        [by_row, by_column]
    }

    /// The score of a pair, `None` where it does not count.
    fn score(&self, row: usize, column: usize) -> Option<f32> {
        (!self.above || column > row).then(|| self.pair(row, column))
    }

    fn pair(&self, row: usize, column: usize) -> f32 {
        let (block, panel) = (row / TILE_ROWS, column / TILE_COLUMNS);
        let (at, lane) = (row % TILE_ROWS, column % TILE_COLUMNS);
        let terms = &self.panels[panel];
        let terms = (terms.bias[lane], terms.scale[lane], terms.sum[lane]);
        let dot = self.dots[block * PANELS + panel][at * TILE_COLUMNS + lane];
        pair_score(self.rows[row], terms, dot)
    }

    fn nearest(mut keys: Vec<u32>, near: usize) -> Vec<u32> {
        keys.sort_unstable();
        keys.resize(near.max(keys.len()), u32::MAX);
        keys.truncate(near);
        keys
    }
}

#[test]
fn lists_hold_the_nearest_of_every_lane_and_column() {
    replay(|table| {
        let cases = [(1, true, [3, 3]), (2, false, [0, 8]), (3, false, [2, 1])];
        for ((seed, above, near), scored) in cases
            .into_iter()
            .flat_map(|case| [(case, false), (case, true)])
        {
            let case = Case::new(seed, above);
            let [by_row, by_column] = case.lists(table, near, scored);
            for column in 0..PANELS * TILE_COLUMNS {
                let keys = (0..ROWS).filter_map(|row| Some(key(case.score(row, column)?, row)));
                let (panel, lane) = (column / TILE_COLUMNS, column % TILE_COLUMNS);
                let lists = &by_column[panel * near[1]..][..near[1]];
                let found: Vec<_> = lists.iter().map(|keys| keys[lane]).collect();
                let expected = Case::nearest(keys.collect(), near[1]);
                assert_eq!(found, expected, "{:?} column {column}", table.isa);
            }
            for row in 0..ROWS {
                for lane in 0..TILE_COLUMNS {
                    let columns = (lane..PANELS * TILE_COLUMNS).step_by(TILE_COLUMNS);
                    let keys = columns.filter_map(|at| Some(key(case.score(row, at)?, at)));
                    let lists = &by_row[row * near[0]..][..near[0]];
                    let found: Vec<_> = lists.iter().map(|keys| keys[lane]).collect();
                    let expected = Case::nearest(keys.collect(), near[0]);
                    assert_eq!(found, expected, "{:?} row {row} lane {lane}", table.isa);
                }
            }
        }
    });
}

#[test]
fn lists_that_are_no_whole_number_a_row_are_refused() {
    replay(|table| {
        let refused = |lists: usize, rows: usize| {
            let case = Case::new(1, true);
            let at = TileAt {
                row: 0,
                column: 0,
                from: 1,
                mask: MASK,
            };
            let mut by_row = vec![[u32::MAX; TILE_COLUMNS]; lists];
            let terms = (&case.rows[..rows], &case.panels[0]);
            let call = || (table.tile_nearest)(&case.dots[0], terms, at, &mut by_row, &mut []);
            let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err();
            let scores = [0.0; TILE_ROWS * TILE_COLUMNS];
            let call = || (table.scores_nearest)(&scores, rows, at, &mut by_row, &mut []);
            let scores_refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
            assert_eq!(scores_refused.is_err(), refused, "{:?}", table.isa);
            refused
        };
        assert!(!refused(16, 8), "{:?}", table.isa);
        assert!(refused(15, 8), "{:?}", table.isa);
        assert!(refused(18, 9), "{:?}", table.isa);
    });
}

#[test]
fn keys_give_back_places_and_scores() {
    for score in [-1e30, -3.0, -0.0, 0.0, 1e-40, 2.5, f32::MAX] {
        let (place, found) = place_and_score(key(score, 77), MASK);
        assert_eq!(place, 77);
        let loss = (found - score).abs();
        assert!(loss <= score.abs() / 16384.0 + 1e-40, "{score}: {found}");
    }
}
