//! Which files of a folder are the shards of a split.

use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::left_out::some;
use crate::readers::parquet_config::ShardFiles;

/// What validation shards are called, the best first.
const VALIDATION: [&str; 5] = ["validation", "valid", "val", "dev", "test"];
const TRAINING: &str = "train";
/// Where data sets of the hub keep shards, and where it keeps those that it converted.
const FOLDERS: [&str; 3] = ["", "data/", "default/"];

pub(super) fn training(files: &ShardFiles) -> Result<Vec<PathBuf>, DataError> {
    shards("files", files, |folder| {
        let named = of_split(folder, TRAINING)?;
        if !named.is_empty() {
            return Ok(named);
        }
        // Shards of a set without splits.
        let all = in_folders(folder, |inner| vec![format!("{inner}*.parquet")])?;
        let of_other = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.split(|c: char| !c.is_ascii_alphabetic()).any(|word| VALIDATION.contains(&word))
        };
        Ok(all.into_iter().filter(|path| !of_other(path)).collect())
    })
}

pub(super) fn validation(files: &ShardFiles) -> Result<Vec<PathBuf>, DataError> {
    shards("valid_files", files, |folder| {
        for split in VALIDATION {
            let found = of_split(folder, split)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    })
}

/// The files that `files` names; of a folder, those that `find` finds.
fn shards(
    key: &'static str,
    files: &ShardFiles,
    find: impl Fn(&str) -> Result<Vec<PathBuf>, DataError>,
) -> Result<Vec<PathBuf>, DataError> {
    let pattern = match files {
        ShardFiles::List(paths) if paths.is_empty() => {
            return Err(DataError::Config { key, reason: "an empty list names no shards".into() });
        }
        ShardFiles::List(paths) => return Ok(paths.clone()),
        ShardFiles::Pattern(pattern) => pattern,
    };
    let is_folder = Path::new(pattern).is_dir();
    let paths = match is_folder {
        true => find(&glob::Pattern::escape(pattern))?,
        false if !pattern.contains('*') => vec![pattern.into()],
        false => matches(key, pattern)?,
    };
    if !paths.is_empty() {
        return Ok(paths);
    }
    if !is_folder {
        return Err(DataError::Empty { path: pattern.clone(), expected: "files that match the pattern" });
    }
    let split = if key == "files" { TRAINING } else { VALIDATION[0] };
    let there = matches(key, &format!("{}/**/*.parquet", glob::Pattern::escape(pattern)))?;
    let there: Vec<_> = there.iter().map(|path| path.display().to_string()).collect();
    let advice =
        if there.is_empty() { "it holds no parquet files" } else { "name the shards instead of the folder" };
    let holds = if there.is_empty() { String::new() } else { format!(": {}", some(&there)) };
    let reason = format!(
        "no shards called {split}-*.parquet, {split}.parquet or {split}/*.parquet, here or in data/ or default/; {advice}{holds}"
    );
    Err(DataError::Parquet { path: pattern.into(), reason })
}

/// The shards of a split in a folder, by the first way of naming them that any file follows.
fn of_split(folder: &str, split: &str) -> Result<Vec<PathBuf>, DataError> {
    in_folders(folder, |inner| {
        vec![
            format!("{inner}{split}-*.parquet"),
            format!("{inner}{split}.parquet"),
            format!("{inner}{split}/*.parquet"),
        ]
    })
}

fn in_folders(folder: &str, patterns: impl Fn(&str) -> Vec<String>) -> Result<Vec<PathBuf>, DataError> {
    for pattern in FOLDERS.iter().flat_map(|inner| patterns(inner)) {
        let found = matches("files", &format!("{folder}/{pattern}"))?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// In the order of their names.
fn matches(key: &'static str, pattern: &str) -> Result<Vec<PathBuf>, DataError> {
    let paths =
        glob::glob(pattern).map_err(|e| DataError::Config { key, reason: format!("{pattern}: {e}") })?;
    paths.map(|path| path.map_err(|e| DataError::read(e.path().to_path_buf(), e.into()))).collect()
}

/// A line about shards called `NAME-0000i-of-0000N.parquet` of which some are not there.
pub(super) fn missing(paths: &[PathBuf]) -> Option<String> {
    let last = paths.last()?;
    let all: usize = last.file_stem()?.to_str()?.rsplit_once("-of-")?.1.parse().ok()?;
    let there = paths.len();
    (there < all).then(|| format!("{}: one of {all} shards, of which {there} are read", last.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(names: &[&str], find: fn(&ShardFiles) -> Result<Vec<PathBuf>, DataError>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let files = ShardFiles::Pattern(folder.path().display().to_string());
        let relative = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
        find(&files).unwrap().into_iter().map(relative).collect()
    }

    #[test]
    fn shards_are_found_as_the_hub_keeps_them() {
        let all = ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-0.parquet"];
        assert_eq!(found(&all, training), all[..2]);
        assert_eq!(found(&all, validation), all[2..]);
        let data = ["data/train-0.parquet", "data/validation-0.parquet", "data/test-0.parquet"];
        assert_eq!(
            (found(&data, training), found(&data, validation)),
            (vec![data[0].into()], vec![data[1].into()])
        );
        let converted =
            ["default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet"];
        assert_eq!(found(&converted, training), converted[..2]);
        assert_eq!(found(&converted, validation), converted[2..]);
        assert_eq!(found(&["train.parquet", "test.parquet"], training), ["train.parquet"]);
        assert_eq!(found(&["0000.parquet", "0001.parquet"], training), ["0000.parquet", "0001.parquet"]);
        assert_eq!(found(&["0000.parquet", "cats_test.parquet"], training), ["0000.parquet"]);
    }

    #[test]
    fn shards_that_are_not_there_are_counted() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(missing(&paths(&["a-00000-of-00002.parquet", "a-00001-of-00002.parquet"])), None);
        assert_eq!(missing(&paths(&["a.parquet"])), None);
        assert_eq!(
            missing(&paths(&["a-00001-of-00003.parquet"])).unwrap(),
            "a-00001-of-00003.parquet: one of 3 shards, of which 1 are read"
        );
    }
}
