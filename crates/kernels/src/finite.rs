/// Whether all of little-endian 32-bit floats are numbers: neither NaN nor infinite.
pub fn all_finite(bytes: &[u8]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().all(|&value| u32::from_le_bytes(value) & EXPONENT != EXPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinities_are_found_wherever_they_are() {
        let mut values = [0.0, -0.0, 1.5, f32::MAX, f32::MIN_POSITIVE, 1e-45];
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        assert!(all_finite(&bytes(&values)) && all_finite(&[]));
        for place in 0..values.len() {
            for wrong in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let right = std::mem::replace(&mut values[place], wrong);
                assert!(!all_finite(&bytes(&values)), "{wrong} at {place}");
                values[place] = right;
            }
        }
    }
}
