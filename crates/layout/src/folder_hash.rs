use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::LayoutError;

/// Endings of files that decide what a network or a tokenizer says.
const ENDINGS: [&str; 6] = ["json", "safetensors", "bin", "txt", "model", "pth"];

/// SHA-256, in hexadecimal, of the names and contents of a folder's configurations, weights and vocabularies; those of the
/// folders in it that are named are part of it.
///
/// # Errors
///
/// If a file cannot be read.
pub fn folder_hash(folder: &Path, parts: &[&str]) -> Result<String, LayoutError> {
    let mut hash = Sha256::new();
    let folders = std::iter::once(folder.to_path_buf()).chain(parts.iter().map(|part| folder.join(part)));
    for folder in folders.filter(|folder| folder.is_dir()) {
        let entries = fs::read_dir(&folder).map_err(LayoutError::io("read", &folder))?;
        let mut files: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| counts(path)).collect();
        files.sort();
        for path in files {
            hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            hash.update([0]);
            add(&mut hash, &path).map_err(LayoutError::io("read", &path))?;
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn counts(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
}

fn add(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            read => hash.update(&chunk[..read]),
        }
    }
}
