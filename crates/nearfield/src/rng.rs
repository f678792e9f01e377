//! Randomness without state: a value is a function of `(seed, stream, position)`, so any thread can
//! ask for any value in any order and every platform gets the same one. Integer arithmetic only.
//!
//! Two rounds of the 64-bit finaliser of `SplitMix64` (Steele, Lea, Flood 2014) over the three inputs.

/// A well mixed 64-bit value for this place.
pub const fn value(seed: u64, stream: u64, position: u64) -> u64 {
    // Two odd constants: with one, seed 0 gave zero wherever stream and position were the same
    // number, and could not tell the two apart.
    const STREAM: u64 = 0x9e37_79b9_7f4a_7c15;
    const POSITION: u64 = 0xd1b5_4a32_d192_ed03;
    let key = mix(seed.wrapping_add(STREAM.wrapping_mul(stream.wrapping_add(1))));
    mix(key.wrapping_add(mix(position.wrapping_add(1).wrapping_mul(POSITION))))
}

/// Words of a key's own, as `SplitMix64` draws them: different, so at most one of them is zero.
pub fn expand<const N: usize>(key: u64) -> [u64; N] {
    let mut place = key;
    std::array::from_fn(|_| {
        place = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(place)
    })
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_of_every_sort_give_different_values() {
        let mut seen = std::collections::HashSet::from([0]);
        for seed in 0..32 {
            for stream in 0..32 {
                for position in 0..32 {
                    let fresh = seen.insert(value(seed, stream, position));
                    assert!(fresh, "seed {seed}, stream {stream}, position {position}");
                }
            }
        }
    }

    #[test]
    fn bits_are_balanced_and_places_differ() {
        let mut seen = std::collections::HashSet::new();
        let mut ones = [0u32; 64];
        for stream in 0..4 {
            for position in 0..4096 {
                let v = value(7, stream, position);
                assert!(seen.insert(v));
                for (bit, count) in ones.iter_mut().enumerate() {
                    *count += u32::from(v >> bit & 1 == 1);
                }
            }
        }
        // 16,384 fair coins: six standard deviations are 384.
        assert!(ones.iter().all(|&n| n.abs_diff(8192) < 384), "{ones:?}");
    }
}
