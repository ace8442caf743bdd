use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::fingerprint::hex;
use crate::splits::Splits;

impl Splits {
    /// SHA-256 of the pixels of all images and of how they are parted, in hexadecimal. Every image is read for it, so that
    /// it changes with images of which the [`fingerprint`](Self::fingerprint) knows only the size.
    ///
    /// # Errors
    ///
    /// If an image cannot be read, or the set holds none.
    pub fn content(&self) -> Result<String, DataError> {
        let mut hash = Sha256::new();
        for set in [&self.train, &self.valid] {
            hash.update((set.len() as u64).to_le_bytes());
            for index in 0..set.len() {
                hash.update(set.picture(index)?.bytes());
            }
        }
        Ok(hex(&hash.finalize()))
    }
}
