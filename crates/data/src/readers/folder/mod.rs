//! Folders of image files.

mod captions;
mod metadata;
mod metadata_file;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::tree::Tree;
use crate::decode::{decode, read_encoded};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::left_out::LeftOut;
use crate::picture::Picture;
use crate::records::{Opened, ReadImages, Records, count_classes};

/// A folder in one of three lay-outs. Only the names of the files and their captions are kept in memory.
///
/// - with `metadata.jsonl` or `metadata.csv`, in the folder or below it: a JSON object or a row for each picture with
///   `file_name` and, if wanted, `text` or `caption` and `label` (a number, or a name); other keys are ignored;
/// - with sub-folders: each that holds pictures, at any depth, is a class, numbered in the order of their names;
/// - with images alone: no classes.
///
/// In each, a file `NAME.txt` beside a picture `NAME` is its caption.
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
    /// Whether all captions are keys `text` of a `metadata.jsonl`, the only ones that fingerprints knew once.
    captions_of_old: bool,
    class_names: Option<Vec<String>>,
    left_out: LeftOut,
    notes: Vec<String>,
}

const EXPECTED: &str = "png, jpg, webp, bmp, gif or tiff files, a sub-folder of them per class, a metadata.jsonl or a \
                        metadata.csv";
/// What others call the folders of splits, whose own folders are the classes.
const SPLITS: [&str; 6] = ["dev", "test", "train", "val", "valid", "validation"];

impl FolderConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        let tree = Tree::read(&self.path)?;
        let mut listing = match tree.metadata.is_empty() {
            true => by_folders(&self.path, &tree)?,
            false => metadata::listing(&self.path, &tree)?,
        };
        let unread = captions::read(&self.path, &tree, &mut listing)?;
        listing.left_out.add(["file of another kind", "files of other kinds"], unread);
        listing.left_out.add(["hidden file or folder", "hidden files or folders"], tree.hidden);
        let path = || self.path.display().to_string();
        let left_out = listing.left_out.sentence();
        match (listing.files.is_empty(), left_out) {
            (true, None) => return Err(DataError::Empty { path: path(), expected: EXPECTED }),
            (true, Some(left_out)) => {
                let reason = format!("no images found; expected {EXPECTED}; {left_out}");
                return Err(DataError::Layout { path: path(), reason });
            }
            (false, left_out) => {
                listing.notes.extend(left_out.map(|left_out| format!("{}: {left_out}", path())));
            }
        }
        let mut notes = std::mem::take(&mut listing.notes);
        notes.extend(captions::missing(&listing));
        let fingerprint = self::fingerprint(&listing, None);
        let recorded_once = self::fingerprint(&listing, Some(&self.path));
        let num_classes = match &listing.class_names {
            Some(names) => Some(names.len()),
            None => listing.labels.as_deref().map(count_classes),
        };
        let images = FolderImages { path: self.path.clone(), files: listing.files };
        let records = Records { captions: listing.captions, ..Records::new(images, listing.labels) };
        Ok(Opened {
            num_classes,
            class_names: listing.class_names,
            recorded_once: Some(recorded_once),
            notes,
            ..Opened::new(records, fingerprint)
        })
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

    fn encoded(&self, index: usize) -> Result<Vec<u8>, DataError> {
        read_encoded(&self.path.join(&self.files[index]))
    }

    fn read(&self, index: usize) -> Result<Picture, DataError> {
        decode(&self.encoded(index)?, &self.name(index))
    }

    fn name(&self, index: usize) -> String {
        self.path.join(&self.files[index]).display().to_string()
    }
}

/// The images of sub-folders as those of classes, or images alone.
fn by_folders(path: &Path, tree: &Tree) -> Result<Listing, DataError> {
    let mut left_out = LeftOut::default();
    let class_of = |file: &str| file.split_once('/').map(|(class, _)| class.to_owned());
    let mut classes: Vec<String> = tree.images.iter().filter_map(|file| class_of(file)).collect();
    classes.dedup();
    let empty = tree.folders.iter().filter(|folder| classes.binary_search(folder).is_err());
    left_out.add(["folder without pictures", "folders without pictures"], empty.cloned().collect());
    let stray = tree.images.iter().find(|file| class_of(file).is_none());
    let (Some(class), stray) = (classes.first(), stray) else {
        return Ok(Listing { files: tree.images.clone(), left_out, ..Listing::default() });
    };
    if let Some(file) = stray {
        let reason =
            format!("holds both images ({file}) and sub-folders ({class}): give every image a class or none");
        return Err(DataError::Layout { path: path.display().to_string(), reason });
    }
    let number =
        |file: &String| classes.partition_point(|class| Some(class) < class_of(file).as_ref()) as i64;
    let labels = Some(tree.images.iter().map(number).collect());
    let mut notes = Vec::new();
    if classes.len() > 1 && classes.iter().all(|class| SPLITS.contains(&class.as_str())) {
        let (path, classes) = (path.display(), classes.join(", "));
        notes.push(format!("{path}: {classes} are taken for classes: set dataset.path to one of them"));
    }
    let files = tree.images.clone();
    Ok(Listing { files, labels, class_names: Some(classes), left_out, notes, ..Listing::default() })
}

/// Names, labels and captions. With a folder also the sizes of its files, as it was recorded before fingerprints knew what
/// the files hold.
fn fingerprint(listing: &Listing, sizes_in: Option<&Path>) -> Fingerprint {
    let mut fingerprint = Fingerprint::new("folder");
    for (i, file) in listing.files.iter().enumerate() {
        // A missing file is reported when the images are checked.
        let size = sizes_in.map(|path| fs::metadata(path.join(file)).map_or(0, |metadata| metadata.len()));
        fingerprint.add(file, size.map(u64::to_le_bytes).unwrap_or_default());
        if let Some(labels) = &listing.labels {
            fingerprint.add("label", labels[i].to_le_bytes());
        }
        let captions = listing.captions.as_ref();
        if let Some(captions) = captions.filter(|_| sizes_in.is_none() || listing.captions_of_old) {
            fingerprint.add("text", &captions[i]);
        }
    }
    for name in listing.class_names.iter().flatten() {
        fingerprint.add("class", name);
    }
    fingerprint
}
