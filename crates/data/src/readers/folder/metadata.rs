//! Pictures that metadata files name, with their labels and captions.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use super::Listing;
use super::metadata_file::{Label, Line, at_line, read};
use super::tree::Tree;
use crate::error::DataError;
use crate::left_out::LeftOut;

/// A line, and the file that it stands in.
struct Entry {
    origin: PathBuf,
    line: Line,
    /// Relative to the data folder.
    file: String,
}

/// What all metadata files say; each names pictures relative to the folder that it is in.
pub(super) fn listing(path: &Path, tree: &Tree) -> Result<Listing, DataError> {
    let mut entries = Vec::new();
    let mut named_by = HashMap::new();
    for name in &tree.metadata {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        if let (true, Some(stem)) = (name.ends_with(".jsonl"), name.strip_suffix("jsonl"))
            && tree.metadata.contains(&format!("{stem}csv"))
        {
            let path = if folder.is_empty() { path.to_path_buf() } else { path.join(folder) };
            let path = path.display().to_string();
            let reason = "holds both metadata.jsonl and metadata.csv: keep one of them".into();
            return Err(DataError::Layout { path, reason });
        }
        let origin = path.join(name);
        for line in read(&origin)? {
            let file = format!("{prefix}{}", line.file_name);
            if let Some(other) = named_by.insert(plain(&file), name).filter(|other| *other != name) {
                let reason = format!("{file} is named by {other} too: keep one of them");
                return Err(at_line(&origin, line.number, &reason));
            }
            entries.push(Entry { origin: origin.clone(), line, file });
        }
    }
    let (labels, class_names) = labels(&entries)?;
    let captions = entries.iter().any(|entry| entry.line.caption().is_some());
    let caption = |entry: &Entry| entry.line.caption().unwrap_or_default().to_owned();
    let captions = captions.then(|| entries.iter().map(caption).collect());
    let jsonl = |entry: &Entry| entry.origin.extension().is_some_and(|extension| extension == "jsonl");
    let captions_of_old = entries
        .iter()
        .all(|entry| jsonl(entry) && (entry.line.text.is_some() || entry.line.caption().is_none()));
    let named: HashSet<&String> = named_by.keys().collect();
    let mut left_out = LeftOut::default();
    let unnamed = tree.images.iter().filter(|file| !named.contains(*file));
    let kind = ["picture that the metadata do not name", "pictures that the metadata do not name"];
    left_out.add(kind, unnamed.cloned().collect());
    let files = entries.into_iter().map(|entry| entry.file).collect();
    Ok(Listing { files, labels, captions, captions_of_old, class_names, left_out, notes: Vec::new() })
}

/// A relative path without the parts that lead nowhere.
fn plain(file: &str) -> String {
    let parts = Path::new(file).components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

type Labels = (Option<Vec<i64>>, Option<Vec<String>>);

/// The labels of all lines, and the class names when the labels are names.
fn labels(entries: &[Entry]) -> Result<Labels, DataError> {
    let names = entries.iter().filter_map(|entry| match &entry.line.label {
        Some(Label::Name(name)) => Some(name.as_str()),
        _ => None,
    });
    let names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    if entries.iter().all(|entry| entry.line.label.is_none()) {
        return Ok((None, None));
    }
    let mut labels = Vec::with_capacity(entries.len());
    for Entry { origin, line, .. } in entries {
        labels.push(match &line.label {
            None => return Err(at_line(origin, line.number, "no `label`, which other lines have")),
            Some(Label::Name(name)) => names.partition_point(|n| *n < name.as_str()) as i64,
            Some(Label::Number(number)) if names.is_empty() => *number,
            Some(Label::Number(_)) => {
                let reason = "`label` is a number here and a name in other lines";
                return Err(at_line(origin, line.number, reason));
            }
        });
    }
    let names = (!names.is_empty()).then(|| names.into_iter().map(String::from).collect());
    Ok((Some(labels), names))
}
