//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use crate::error::DataError;

/// Writes `path` through a temporary file beside it, which takes its name when `write` has succeeded and the bytes
/// are on the disk.
///
/// # Errors
///
/// What `write` or the file system says; `path` is then as it was.
pub fn write_atomically<E: std::fmt::Display>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), DataError> {
    let failed = |reason: String| DataError::Write { path: path.to_path_buf(), reason };
    // What a link points to is replaced, not the link; devices and pipes are not ours to replace.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&target).is_ok_and(|there| !there.is_file()) {
        return Err(failed("it is there and is no regular file".into()));
    }
    let path = target.as_path();
    let name = path.file_name().ok_or_else(|| failed("it names no file".into()))?;
    let name = format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id());
    let temporary = path.with_file_name(name);

    let written = File::create(&temporary).map_err(|e| e.to_string()).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file).map_err(|e| e.to_string())?;
        let file = file.into_inner().map_err(|e| e.to_string())?;
        file.sync_all().map_err(|e| e.to_string())?;
        fs::rename(&temporary, path).map_err(|e| e.to_string())
    });
    written.map_err(|reason| {
        // The first failure is the one to report; the left-over may not even exist.
        let _ = fs::remove_file(&temporary);
        failed(reason)
    })
}
