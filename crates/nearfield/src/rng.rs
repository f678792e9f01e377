//! Randomness without state: a value is a function of `(seed, stream, position)`, so any thread can
//! ask for any value in any order and every platform gets the same one. Integer arithmetic only.
//!
//! Two rounds of the 64-bit finaliser of `SplitMix64` (Steele, Lea, Flood 2014) over the three inputs.

/// A well mixed 64-bit value for this place.
pub const fn value(seed: u64, stream: u64, position: u64) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let key = mix(seed.wrapping_add(GOLDEN.wrapping_mul(stream.wrapping_add(1))));
    mix(key ^ mix(position.wrapping_add(1).wrapping_mul(GOLDEN)))
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
