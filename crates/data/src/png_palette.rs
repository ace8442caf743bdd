/// The most colours that a PNG file's palette has.
const COLOURS: usize = 256;

/// Whether the palette of a PNG file is a list of at most 256 colours, or absent; the decoder takes that for granted.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((length, chunk)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if chunk.starts_with(b"PLTE") && (!length.is_multiple_of(3) || length > 3 * COLOURS) {
            return false;
        }
        // A chunk has a name before its content and a checksum behind it.
        rest = length.checked_add(8).and_then(|end| chunk.get(end..)).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::decode::decode;

    /// A PNG file of one pixel with a palette of so many bytes.
    fn with_palette(length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(vec![9; length]);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0]).unwrap();
        drop(writer);
        bytes
    }

    #[test]
    fn palettes_of_parts_of_colours_or_of_too_many_are_refused() {
        assert_eq!(decode(&with_palette(6), "x").unwrap().bytes(), [9; 3]);
        for length in [1, 2, 7, 769, 771, 3000] {
            let error = decode(&with_palette(length), "x").unwrap_err().to_string();
            assert!(error.contains("palette"), "{length}: {error}");
        }
    }
}
