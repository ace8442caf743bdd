//! Bytes to [-1, 1] and back: the only code that knows 255.

/// The value in [-1, 1] of a byte: 0 is -1, 255 is 1.
pub fn to_unit(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

/// The nearest byte of a value in [-1, 1]; values outside are clamped, NaN is 0.
pub fn from_unit(value: f32) -> u8 {
    // A float to integer cast saturates, and takes NaN to 0.
    ((value + 1.0) * 127.5).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        for byte in 0..=255 {
            assert_eq!(from_unit(to_unit(byte)), byte);
        }
    }

    #[test]
    fn the_ends_are_minus_one_and_one() {
        assert_eq!((to_unit(0), to_unit(255)), (-1.0, 1.0));
    }

    #[test]
    fn back_rounds_to_nearest_and_clamps() {
        assert_eq!(from_unit(to_unit(7) + 0.49 / 127.5), 7);
        assert_eq!(from_unit(to_unit(7) + 0.51 / 127.5), 8);
        assert_eq!((from_unit(-1.7), from_unit(3.0), from_unit(f32::NAN)), (0, 255, 0));
    }
}
