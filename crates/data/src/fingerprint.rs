//! A digest of what defines a data set.

use sha2::{Digest, Sha256};

/// SHA-256 over named values, each with its length, so that no two lists of values run together.
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Starts with the kind of reader, since two readers may read one file as different images.
    pub(crate) fn new(reader: &str) -> Self {
        let mut fingerprint = Self(Sha256::new());
        fingerprint.add("reader", reader);
        fingerprint
    }

    pub(crate) fn add(&mut self, key: &str, value: impl AsRef<[u8]>) {
        for part in [key.as_bytes(), value.as_ref()] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// 64 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
