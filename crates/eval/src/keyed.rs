use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use data::write_atomically;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Twelve hexadecimal digits that differ where what they are made of differs.
pub fn key(parts: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(parts).context("failed to write down what results depend on")?;
    Ok(Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

/// A value that is read from its file, or computed and written there.
///
/// A file that cannot be read is computed anew.
pub fn kept<T: Serialize + DeserializeOwned>(path: &Path, compute: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Ok(Ok(value)) = fs::read(path).map(|text| serde_json::from_slice(&text)) {
        return Ok(value);
    }
    let value = compute()?;
    write_json(path, &value)?;
    Ok(value)
}

/// Writes a value, and the folders above it, so that it is there whole or not at all.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_vec_pretty(value).with_context(|| format!("failed to write {}", path.display()))?;
    create_folder_of(path)?;
    Ok(write_atomically(path, |file| file.write_all(&text))?)
}

/// Makes a folder, and a file in it that is removed again.
///
/// # Errors
///
/// If that is not possible, as on a disk that can only be read.
pub fn check_writable(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, "").with_context(|| format!("failed to write into {}", folder.display()))?;
    fs::remove_file(&probe).with_context(|| format!("failed to remove {}", probe.display()))
}

/// Creates the folder that a file is to be in.
pub fn create_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_computed_once_and_again_if_its_file_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        let numbers = [0.922_222_222_222_222_3, f64::MIN_POSITIVE];
        assert_eq!(kept(&path, || Ok(numbers.to_vec())).unwrap(), numbers);
        assert_eq!(kept(&path, || Ok(vec![0.0])).unwrap(), numbers);
        fs::write(&path, "[1.5").unwrap();
        assert_eq!(kept(&path, || Ok(vec![2.0])).unwrap(), [2.0]);
    }

    #[test]
    fn keys_differ() {
        assert_ne!(key(&("a", 1)).unwrap(), key(&("a", 2)).unwrap());
        assert_eq!(key(&("a", 1)).unwrap().len(), 12);
    }
}
