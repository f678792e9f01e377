//! Little-endian integers at checked positions.

/// The `u32` at `at`; `None` where the bytes end first.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    field.try_into().ok().map(u32::from_le_bytes)
}

/// The `u64` at `at`; `None` where the bytes end first.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(8)?)?;
    field.try_into().ok().map(u64::from_le_bytes)
}

/// Writes `field` at `at`.
///
/// # Panics
/// When it does not fit: writers know their sizes.
pub fn put<const N: usize>(bytes: &mut [u8], at: usize, field: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_and_never_from_outside() {
        let mut bytes = [0; 12];
        put(&mut bytes, 0, 0x0102_0304_u32.to_le_bytes());
        put(&mut bytes, 4, u64::MAX.to_le_bytes());
        assert_eq!(bytes[0], 4);
        assert_eq!(u32_at(&bytes, 0), Some(0x0102_0304));
        assert_eq!(u64_at(&bytes, 4), Some(u64::MAX));
        for at in [9, 12, usize::MAX - 3, usize::MAX] {
            assert_eq!(u32_at(&bytes, at), None, "{at}");
            assert_eq!(u64_at(&bytes, at), None, "{at}");
        }
    }
}
