//! Numbers for the kernels' tests, from a fixed stream of their own.

/// `SplitMix64`: small, and not the generator under test elsewhere in the crate.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    // Twenty-four bits convert exactly.
    #[allow(clippy::cast_precision_loss)]
    /// Between −1 and 1, all 24 bits in use, so that every product rounds.
    pub fn ordinary(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| (self.next() >> 40) as f32 / 8_388_608.0 - 1.0)
            .collect()
    }

    /// Whole numbers from `−limit` to `limit`.
    pub fn whole(&mut self, len: usize, limit: i64) -> Vec<i64> {
        let span = 2 * limit.unsigned_abs() + 1;
        (0..len)
            .map(|_| (self.next() % span).cast_signed() - limit)
            .collect()
    }

    /// Any 32 bits: every exponent, subnormals, now and then a NaN or an infinity.
    pub fn any_bits(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| f32::from_bits((self.next() >> 32) as u32))
            .collect()
    }
}

/// Every pair of the numbers at which arithmetic turns a corner.
pub fn edges() -> impl Iterator<Item = (f32, f32)> {
    const EDGES: [f32; 14] = [
        0.0,
        -0.0,
        f32::from_bits(1),
        -f32::from_bits(1),
        f32::from_bits(0x007f_ffff),
        f32::MIN_POSITIVE,
        1.0,
        -1.0 - f32::EPSILON,
        1.844_674_3e19, // its square is the largest that is finite
        1.844_674_5e19, // and this one's is not
        f32::MAX,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];
    EDGES.into_iter().flat_map(|x| EDGES.map(|y| (x, y)))
}
