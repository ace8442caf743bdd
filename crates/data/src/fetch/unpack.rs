//! The wanted files of a gzip-compressed tar archive.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use flate2::bufread::GzDecoder;
use tar::Archive;

use super::FetchError;
use crate::atomic::write_atomically;

/// Writes the files of `archive` whose names end in one of `wanted` into `folder`, unless all are there.
///
/// Only names from `wanted` are written, so an archive cannot reach outside the folder.
pub(super) fn unpack(archive: &Path, wanted: &[&str], folder: &Path) -> Result<(), FetchError> {
    if wanted.iter().all(|name| folder.join(name).is_file()) {
        return Ok(());
    }
    let failed = |reason: String| FetchError::Unpack { path: archive.into(), reason };
    let file = File::open(archive).map_err(|e| failed(e.to_string()))?;
    let mut unpacked = 0;
    for entry in
        Archive::new(GzDecoder::new(BufReader::new(file))).entries().map_err(|e| failed(e.to_string()))?
    {
        let mut entry = entry.map_err(|e| failed(e.to_string()))?;
        let path = entry.path().map_err(|e| failed(e.to_string()))?;
        let Some(name) = wanted.iter().find(|name| path.file_name().is_some_and(|file| file == **name))
        else {
            continue;
        };
        write_atomically(&folder.join(name), |out| std::io::copy(&mut entry, out).map(|_| ()))
            .map_err(|e| failed(e.to_string()))?;
        unpacked += 1;
    }
    if unpacked < wanted.len() {
        return Err(failed(format!("it holds {unpacked} of the {} files expected", wanted.len())));
    }
    Ok(())
}
