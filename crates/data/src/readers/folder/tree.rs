//! The files under a data folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DataError;

const EXTENSIONS: [&str; 12] =
    ["png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "gif", "tif", "tiff"];
/// In zip files made on a Mac it stands beside what was packed, and holds no pictures.
const MAC_FOLDER: &str = "__MACOSX";

/// All files under a folder by their kind, relative to it, with `/` between parts. Each folder's own files come first, then
/// those of its folders, both in the order of their names.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) images: Vec<String>,
    pub(super) texts: BTreeSet<String>,
    pub(super) metadata: Vec<String>,
    pub(super) others: Vec<String>,
    pub(super) hidden: Vec<String>,
    /// Those right in the folder.
    pub(super) folders: Vec<String>,
}

impl Tree {
    pub(super) fn read(path: &Path) -> Result<Self, DataError> {
        let mut tree = Self::default();
        tree.walk(path, "", &mut Vec::new())?;
        Ok(tree)
    }

    /// Adds what is in the folder `path`, called `prefix`; `above` are the folders that it lies in, lest links lead round.
    fn walk(&mut self, path: &Path, prefix: &str, above: &mut Vec<PathBuf>) -> Result<(), DataError> {
        let failed = |e| DataError::read(path, e);
        let real = fs::canonicalize(path).map_err(failed)?;
        if above.contains(&real) {
            let reason = "a link leads back to a folder above it: remove it".into();
            return Err(DataError::Layout { path: path.display().to_string(), reason });
        }
        let mut folders = Vec::new();
        for entry in entries(path)? {
            let name = format!("{prefix}{}", entry.name);
            if entry.name.starts_with('.') || (entry.is_folder && entry.name == MAC_FOLDER) {
                self.hidden.push(name);
            } else if entry.is_folder {
                folders.push(name);
            } else {
                self.add_file(&entry, name);
            }
        }
        if prefix.is_empty() {
            self.folders.clone_from(&folders);
        }
        above.push(real);
        for folder in folders {
            let name = folder.rsplit('/').next().unwrap_or_default();
            self.walk(&path.join(name), &format!("{folder}/"), above)?;
        }
        above.pop();
        Ok(())
    }

    /// Pipes and devices are read as nothing but images, whose reader refuses them.
    fn add_file(&mut self, Entry { name, is_regular, .. }: &Entry, path: String) {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            _ if *is_regular && ["metadata.jsonl", "metadata.csv"].contains(&name.as_str()) => {
                self.metadata.push(path);
            }
            Some(extension) if EXTENSIONS.contains(&extension) => self.images.push(path),
            Some("txt") if *is_regular => _ = self.texts.insert(path),
            _ => self.others.push(path),
        }
    }
}

struct Entry {
    name: String,
    is_folder: bool,
    is_regular: bool,
}

/// By name, since systems list them in any order.
fn entries(path: &Path) -> Result<Vec<Entry>, DataError> {
    let failed = |e| DataError::read(path, e);
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_string().map_err(|name| DataError::Layout {
            path: path.display().to_string(),
            reason: format!("the name {name:?} is not valid Unicode: rename it"),
        })?;
        let path = entry.path();
        entries.push(Entry { name, is_folder: path.is_dir(), is_regular: path.is_file() });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
