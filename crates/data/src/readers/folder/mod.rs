//! Folders of image files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::decode::read_picture;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::picture::Picture;
use crate::records::{Opened, ReadImages, Records, count_classes};

const METADATA: &str = "metadata.jsonl";
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "bmp", "gif"];

/// A folder in one of three lay-outs. Only the names of the files are kept in memory.
///
/// - with `metadata.jsonl`: one JSON object a line with `file_name` and, if wanted, `text` (a caption) and
///   `label` (a number, or a name); other keys are ignored;
/// - with sub-folders: each is a class, numbered in the order of their names;
/// - with images alone: no classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder.
    pub path: PathBuf,
}

/// What one of the lay-outs says of the images.
#[derive(Default)]
struct Listing {
    /// Relative to the folder, with `/` between parts.
    files: Vec<String>,
    labels: Option<Vec<i64>>,
    captions: Option<Vec<String>>,
    class_names: Option<Vec<String>>,
}

impl FolderConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        let metadata = self.path.join(METADATA);
        let listing = if metadata.is_file() { list_metadata(&metadata)? } else { list_folder(&self.path)? };
        if listing.files.is_empty() {
            let path = self.path.display().to_string();
            return Err(DataError::Empty {
                path,
                expected: "png, jpg, webp, bmp or gif files, a sub-folder of them per class, or a metadata.jsonl",
            });
        }
        let fingerprint = fingerprint(&self.path, &listing);
        let num_classes = match &listing.class_names {
            Some(names) => Some(names.len()),
            None => listing.labels.as_deref().map(count_classes),
        };
        let images = FolderImages { path: self.path.clone(), files: listing.files };
        let records = Records { captions: listing.captions, ..Records::new(images, listing.labels) };
        Ok(Opened { train: records, valid: None, num_classes, class_names: listing.class_names, fingerprint })
    }
}

struct FolderImages {
    path: PathBuf,
    files: Vec<String>,
}

impl ReadImages for FolderImages {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn read(&self, index: usize) -> Result<Picture, DataError> {
        read_picture(&self.path.join(&self.files[index]))
    }

    fn name(&self, index: usize) -> String {
        self.path.join(&self.files[index]).display().to_string()
    }
}

fn list_folder(path: &Path) -> Result<Listing, DataError> {
    let entries = entries(path)?;
    let files: Vec<String> =
        entries.iter().filter(|e| !e.is_folder && is_image(&e.name)).map(|e| e.name.clone()).collect();
    let classes: Vec<String> = entries.into_iter().filter(|e| e.is_folder).map(|e| e.name).collect();
    if classes.is_empty() {
        return Ok(Listing { files, ..Listing::default() });
    }
    if let Some(file) = files.first() {
        let reason = format!(
            "holds both images ({file}) and sub-folders ({}): give every image a class or none",
            classes[0]
        );
        return Err(DataError::Layout { path: path.display().to_string(), reason });
    }
    let (mut files, mut labels) = (Vec::new(), Vec::new());
    for (label, class) in classes.iter().enumerate() {
        let names =
            self::entries(&path.join(class))?.into_iter().filter(|e| !e.is_folder && is_image(&e.name));
        files.extend(names.map(|e| format!("{class}/{}", e.name)));
        labels.resize(files.len(), label as i64);
    }
    Ok(Listing { files, labels: Some(labels), captions: None, class_names: Some(classes) })
}

struct Entry {
    name: String,
    is_folder: bool,
}

/// The entries that are not hidden, by name, since systems list them in any order.
fn entries(path: &Path) -> Result<Vec<Entry>, DataError> {
    let failed = |e| DataError::read(path, e);
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_string().map_err(|name| DataError::Layout {
            path: path.display().to_string(),
            reason: format!("the name {name:?} is not valid Unicode: rename it"),
        })?;
        if !name.starts_with('.') {
            entries.push(Entry { name, is_folder: entry.path().is_dir() });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn is_image(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ext)| EXTENSIONS.iter().any(|e| ext.eq_ignore_ascii_case(e)))
}

/// One line of `metadata.jsonl`.
#[derive(Deserialize)]
struct Line {
    file_name: String,
    text: Option<String>,
    label: Option<Label>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Number(i64),
    Name(String),
}

fn list_metadata(path: &Path) -> Result<Listing, DataError> {
    let content = fs::read_to_string(path).map_err(|e| DataError::read(path, e))?;
    let mut lines = Vec::new();
    for (i, line) in content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|e| at_line(path, i, &e.to_string()))?;
        if Path::new(&line.file_name).components().any(leaves) {
            return Err(at_line(path, i, &format!("`{}` lies outside the folder", line.file_name)));
        }
        lines.push((i, line));
    }
    let captions = lines.iter().any(|(_, line)| line.text.is_some());
    let captions =
        captions.then(|| lines.iter().map(|(_, line)| line.text.clone().unwrap_or_default()).collect());
    let (labels, class_names) = metadata_labels(path, &lines)?;
    let files = lines.into_iter().map(|(_, line)| line.file_name).collect();
    Ok(Listing { files, labels, captions, class_names })
}

/// Whether a path's part can lead out of the folder it starts in.
fn leaves(part: Component) -> bool {
    !matches!(part, Component::Normal(_) | Component::CurDir)
}

type Labels = (Option<Vec<i64>>, Option<Vec<String>>);

/// The labels of all lines, and the class names when the labels are names.
fn metadata_labels(path: &Path, lines: &[(usize, Line)]) -> Result<Labels, DataError> {
    let names: BTreeSet<&str> = lines
        .iter()
        .filter_map(|(_, line)| match &line.label {
            Some(Label::Name(name)) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    if lines.iter().all(|(_, line)| line.label.is_none()) {
        return Ok((None, None));
    }
    let mut labels = Vec::with_capacity(lines.len());
    for (i, line) in lines {
        labels.push(match &line.label {
            None => return Err(at_line(path, *i, "no `label`, which other lines have")),
            Some(Label::Name(name)) => names.partition_point(|n| *n < name.as_str()) as i64,
            Some(Label::Number(number)) if names.is_empty() => *number,
            Some(Label::Number(_)) => {
                return Err(at_line(path, *i, "`label` is a number here and a name in other lines"));
            }
        });
    }
    let names = (!names.is_empty()).then(|| names.into_iter().map(String::from).collect());
    Ok((Some(labels), names))
}

fn at_line(path: &Path, index: usize, reason: &str) -> DataError {
    DataError::Layout { path: format!("{}, line {}", path.display(), index + 1), reason: reason.into() }
}

/// Names, sizes, labels and captions: reading every byte of a large folder would take too long.
fn fingerprint(path: &Path, listing: &Listing) -> Fingerprint {
    let mut fingerprint = Fingerprint::new("folder");
    for (i, file) in listing.files.iter().enumerate() {
        // A missing file is reported when the images are checked.
        let size = fs::metadata(path.join(file)).map_or(0, |metadata| metadata.len());
        fingerprint.add(file, size.to_le_bytes());
        if let Some(labels) = &listing.labels {
            fingerprint.add("label", labels[i].to_le_bytes());
        }
        if let Some(captions) = &listing.captions {
            fingerprint.add("text", &captions[i]);
        }
    }
    for name in listing.class_names.iter().flatten() {
        fingerprint.add("class", name);
    }
    fingerprint
}
