//! PNG files taken apart, since a decoder looks no further than to a wrong checksum.

const SIGNATURE: usize = 8;

/// The chunks of a PNG file, each with its name; none if it is no such file.
pub fn chunks(bytes: &[u8]) -> Option<Vec<([u8; 4], Vec<u8>)>> {
    let mut rest = bytes.get(SIGNATURE..)?;
    let mut chunks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (name, after) = after.split_first_chunk::<4>()?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        chunks.push((*name, content.to_vec()));
        rest = after.get(4..)?;
    }
    Some(chunks)
}

/// A PNG file of chunks, with right checksums.
pub fn file(signature: &[u8], chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = signature[..SIGNATURE].to_vec();
    for (name, content) in chunks {
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(name);
        bytes.extend(content);
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(name);
        checksum.update(content);
        bytes.extend(checksum.finalize().to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_put_together_as_it_was() {
        let bytes = include_bytes!("../../../seeds/picture.png");
        let chunks = chunks(bytes).unwrap();
        assert_eq!(chunks.first().map(|(name, _)| name), Some(b"IHDR"));
        assert_eq!(file(bytes, &chunks), bytes);
    }
}
