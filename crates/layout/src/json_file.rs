use std::io::Write;
use std::path::Path;

use crate::LayoutError;

/// Writes a file of a folder, whole or not at all.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), LayoutError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| LayoutError::io("write", path)(std::io::Error::other(error)))?;
    Ok(data::write_atomically(path, |file| writeln!(file, "{text}"))?)
}
