//! An integer put among ascending ones, against a list that is sorted anew.

use super::super::{SORTED_BLOCK, available};
use super::values::Random;

#[test]
fn an_integer_comes_into_its_place() {
    let mut random = Random(61);
    let mut into = [0; 3];
    for table in available() {
        let Some(insert) = table.inserter() else {
            continue;
        };
        for blocks in 0..120 {
            for turn in 0..12 {
                let len = blocks * SORTED_BLOCK;
                // Few values, so that some are alike; and some of every bit, for comparisons are unsigned.
                let mut value = || match turn {
                    0..4 => random.next() % 9,
                    4..8 => (random.next() % (len as u64 + 3)) << 32,
                    _ => random.next(),
                };
                let mut all: Vec<_> = (0..len).map(|_| value()).collect();
                all.sort_unstable();
                if turn % 3 == 0 {
                    // The end of a list that is not full.
                    all[len - len / 4..].fill(u64::MAX);
                }
                let x = match turn {
                    1 => 0,
                    5 => u64::MAX,
                    _ => value(),
                };
                let place = all.iter().filter(|&&y| y < x).count();
                let mut expected = all.clone();
                expected.push(x);
                expected.sort_unstable();
                expected.truncate(len);
                assert_eq!(insert(&mut all, x), place, "{:?} {len} {x}", table.isa);
                assert_eq!(all, expected, "{:?} {len} {x}", table.isa);
                into[usize::from(place > 0) + usize::from(place == len)] += 1;
            }
        }
    }
    let kernels = available().iter().any(|table| table.inserter().is_some());
    assert!(
        !kernels || into.into_iter().all(|count| count > 100),
        "{into:?}"
    );
}
