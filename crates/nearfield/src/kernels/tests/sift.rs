//! Lists sifted beside lists sorted: the smallest first, in the order in which they came.

use super::replay;
use super::values::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So many integers below an end: as few as that many different ones.
fn list(random: &mut Random, len: usize, end: u64) -> Vec<u64> {
    let halves = random.any_bits(2 * len);
    let halves: Vec<_> = halves.into_iter().map(|x| u64::from(x.to_bits())).collect();
    let pairs = halves.chunks_exact(2).map(|pair| pair[0] << 32 | pair[1]);
    pairs.map(|x| if end == 0 { x } else { x % end }).collect()
}

#[test]
fn the_smallest_come_first_in_their_order() {
    replay(|table| {
        let sift = table.sift_u64;
        let mut random = Random(24);
        let (mut found, mut asked) = (0, 0);
        for len in (0..70).chain([100, 128, 180, 255, 256, 777, 2000]) {
            for end in [0, 1, 2, 50, 1 << 20, 1 << 40] {
                let all = list(&mut random, len, end);
                let mut sorted = all.clone();
                sorted.sort_unstable();
                for k in [
                    0,
                    1,
                    2,
                    7,
                    8,
                    9,
                    len / 2,
                    len.saturating_sub(1),
                    len,
                    len + 1,
                ] {
                    let mut own = all.clone();
                    let told = sift(&mut own, k);
                    let Some(bound) = told else {
                        assert_eq!(own, all, "{:?}: {k} of {len} below {end}", table.isa);
                        continue;
                    };
                    let wanted: Vec<_> = all.iter().copied().filter(|&x| x <= bound).collect();
                    let what = format!("{:?}: {k} of {len} below {end}", table.isa);
                    assert_eq!(own[..k], wanted, "{what}");
                    assert!(sorted[k - 1] <= bound && bound < sorted[k], "{what}");
                    found += 1;
                }
                if end == 0 && len > 1 {
                    asked += 1;
                }
            }
        }
        // Integers spread evenly are found, whatever k.
        assert!(found > 5 * asked, "{:?}: {found}, {asked}", table.isa);
    });
}

/// Guesses between ends that are as far apart as can be, and between many that are equal.
#[test]
fn extremes_are_found_or_left_alone() {
    replay(|table| {
        let sift = table.sift_u64;
        let all = [u64::MAX, 0, u64::MAX - 1, 1, 1 << 63, (1 << 62) - 1];
        let mut list = all;
        let called = catch_unwind(AssertUnwindSafe(|| sift(&mut list, 3)));
        let bound = called.expect("no fault").expect("the middle is found");
        assert_eq!(list[..3], [0, 1, (1 << 62) - 1], "{:?}", table.isa);
        assert!(((1 << 62) - 1..1 << 63).contains(&bound), "{:?}", table.isa);
        // No guess is so fine.
        let mut list = all;
        assert_eq!(sift(&mut list, 5), None, "{:?}", table.isa);
        assert_eq!(list, all, "{:?}", table.isa);

        let mut equal = vec![9; 100];
        equal[40..60].fill(7);
        let before = equal.clone();
        assert_eq!(sift(&mut equal, 50), None, "{:?}", table.isa);
        assert_eq!(equal, before, "{:?}", table.isa);
        let mut twenty = equal.clone();
        let bound = sift(&mut twenty, 20).expect("between the two");
        assert!((7..9).contains(&bound), "{:?}: {bound}", table.isa);
        assert_eq!(twenty[..20], [7; 20], "{:?}", table.isa);
    });
}
