use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::LayoutError;

/// How a file begins that stands for one which Git LFS has not fetched.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// A pointer is shorter.
const LONGEST_POINTER: u64 = 1024;

/// Names that a message lists.
const LISTED: usize = 16;

/// The folder of a part of a pipeline: the one of its name, or the pipeline's own where there is none, as in the published
/// folders of DDPM.
pub fn part_folder(folder: &Path, part: &str) -> PathBuf {
    let own = folder.join(part);
    if own.is_dir() { own } else { folder.to_path_buf() }
}

/// What lies in a folder, for messages: names in order, folders with a slash.
pub fn listing(folder: &Path) -> String {
    let mut names: Vec<String> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(entry_name).collect();
    names.sort();
    match names.len() {
        0 => "nothing".to_owned(),
        count if count > LISTED => format!("{} and {} more", names[..LISTED].join(", "), count - LISTED),
        _ => names.join(", "),
    }
}

fn entry_name(entry: fs::DirEntry) -> String {
    let name = entry.file_name().to_string_lossy().escape_debug().to_string();
    if entry.path().is_dir() { format!("{name}/") } else { name }
}

/// Refuses a folder of which Git LFS has not fetched all files.
///
/// # Errors
///
/// One that names the files.
pub(crate) fn check_fetched(folder: &Path) -> Result<(), LayoutError> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut pointers: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_pointer(path)).collect();
    if pointers.is_empty() {
        return Ok(());
    }
    pointers.sort();
    Err(LayoutError::Pointers { folder: folder.to_path_buf(), pointers })
}

pub(crate) fn is_pointer(path: &Path) -> bool {
    let short = path.metadata().is_ok_and(|found| found.is_file() && found.len() < LONGEST_POINTER);
    let mut start = Vec::new();
    let read = |file: File| file.take(LFS_POINTER.len() as u64).read_to_end(&mut start).is_ok();
    short && File::open(path).is_ok_and(read) && start == LFS_POINTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_a_folder_lies_in_that_of_the_pipeline() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(part_folder(folder.path(), "unet"), folder.path());
        fs::create_dir(folder.path().join("unet")).unwrap();
        assert_eq!(part_folder(folder.path(), "unet"), folder.path().join("unet"));
    }

    #[test]
    fn pointers_are_named_and_content_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        fs::write(folder.path().join("model.safetensors"), pointer).unwrap();
        fs::write(folder.path().join("config.json"), "{}").unwrap();
        let error = check_fetched(folder.path()).unwrap_err().to_string();
        assert!(error.contains("git lfs pull") && error.contains("model.safetensors"), "{error}");
        assert!(!error.contains("config.json"), "{error}");
        assert_eq!(listing(folder.path()), "config.json, model.safetensors");
    }
}
