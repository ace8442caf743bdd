//! IDX files, the format of MNIST (Y. LeCun, C. Cortes and C. Burges, "The MNIST database", file formats).
//!
//! Big-endian: a magic number (0x801 for labels, 0x803 for images), one 32-bit length per dimension, then the
//! bytes. Files may be compressed with gzip, whatever they are called.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::records::{Opened, Records, StoredImages, count_classes};

const IMAGES_MAGIC: u32 = 0x803;
const LABELS_MAGIC: u32 = 0x801;
/// Of images; that of labels is half as long.
const LONGEST_HEADER: u64 = 16;

/// IDX files of grey images and labels, plain or gzip. They are kept in memory (one byte a pixel).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdxConfig {
    /// The file of images.
    pub images: PathBuf,
    /// The file of labels; the set has no classes without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// The validation images; a share of `images` serves without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_images: Option<PathBuf>,
    /// The labels of the validation images, needed when there are `labels`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_labels: Option<PathBuf>,
}

impl IdxConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        if self.valid_images.is_some() && self.labels.is_some() != self.valid_labels.is_some() {
            let reason = "labels and valid_labels must both be given or both be left out".into();
            return Err(DataError::Config { key: "valid_labels", reason });
        }
        if self.valid_images.is_none() && self.valid_labels.is_some() {
            let reason = "valid_labels are given without valid_images".into();
            return Err(DataError::Config { key: "valid_images", reason });
        }
        let mut fingerprint = Fingerprint::new("idx");
        let train = read_split(&self.images, self.labels.as_deref(), &mut fingerprint)?;
        let valid = self.valid_images.as_deref();
        let valid = valid
            .map(|images| read_split(images, self.valid_labels.as_deref(), &mut fingerprint))
            .transpose()?;
        let num_classes = train.labels.as_deref().map(count_classes);
        Ok(Opened { valid, num_classes, ..Opened::new(train, fingerprint) })
    }
}

fn read_split(
    images_path: &Path,
    labels_path: Option<&Path>,
    fingerprint: &mut Fingerprint,
) -> Result<Records, DataError> {
    let images = read(images_path)?;
    fingerprint.add("images", &images);
    let images = parse_images(images_path, images)?;
    let Some(labels_path) = labels_path else {
        return Ok(Records::new(images, None));
    };
    let labels = read(labels_path)?;
    fingerprint.add("labels", &labels);
    let labels = parse_labels(labels_path, &labels)?;
    let count = images.files[0].1;
    if labels.len() != count {
        return Err(DataError::LabelCount {
            labels_path: labels_path.into(),
            labels: labels.len(),
            images_path: images_path.into(),
            images: count,
        });
    }
    Ok(Records::new(images, Some(labels)))
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = fs::read(path).map_err(|e| DataError::read(path, e))?;
    if bytes.starts_with(&[0x1f, 0x8b]) { gunzip(path, &bytes) } else { Ok(bytes) }
}

/// Decompresses gzip data; `path` is for the error.
///
/// A few kilobytes can claim to be gigabytes: no more is decompressed than the header announces, and one byte to
/// show that there is more.
pub(super) fn gunzip(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    let mut content = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes);
    let mut header = decoder.by_ref().take(LONGEST_HEADER);
    header
        .read_to_end(&mut content)
        .and_then(|_| decoder.take(announced(&content).saturating_add(1)).read_to_end(&mut content))
        .map_err(|reason| DataError::Gzip { path: path.into(), reason })?;
    Ok(content)
}

/// The bytes that follow the first 16 of an IDX file, by its own account.
fn announced(start: &[u8]) -> u64 {
    let words: Vec<u64> =
        start.as_chunks::<4>().0.iter().map(|&word| u64::from(u32::from_be_bytes(word))).collect();
    match words[..] {
        [magic, count, height, width] if magic == u64::from(IMAGES_MAGIC) => {
            count.saturating_mul(height).saturating_mul(width)
        }
        [magic, count, ..] if magic == u64::from(LABELS_MAGIC) => count.saturating_sub(8),
        _ => 0,
    }
}

/// The images of an IDX file's content; `path` is for errors and names.
pub(super) fn parse_images(path: &Path, mut content: Vec<u8>) -> Result<StoredImages, DataError> {
    let [count, height, width] = header(path, &content, IMAGES_MAGIC, "images")?;
    if count * height * width == 0 {
        let path = path.display().to_string();
        return Err(DataError::Empty { path, expected: "at least one image of at least one pixel" });
    }
    content.drain(..16);
    Ok(StoredImages {
        files: vec![(path.display().to_string(), count)],
        bytes: content,
        skip: 0,
        shape: [1, height, width],
    })
}

/// The labels of an IDX file's content; `path` is for errors.
pub(super) fn parse_labels(path: &Path, content: &[u8]) -> Result<Vec<i64>, DataError> {
    let [_count] = header(path, content, LABELS_MAGIC, "labels")?;
    Ok(content[8..].iter().map(|&label| i64::from(label)).collect())
}

/// The lengths of the `N` dimensions, of which it is checked that the content is as long as they say.
fn header<const N: usize>(
    path: &Path,
    content: &[u8],
    magic: u32,
    kind: &'static str,
) -> Result<[usize; N], DataError> {
    let wrong_length = |expected: String| {
        Err(DataError::Length { path: path.into(), found: content.len() as u64, expected })
    };
    let (words, _) = content.as_chunks::<4>();
    let mut words = words.iter().map(|&word| u32::from_be_bytes(word));
    match words.next() {
        None => return wrong_length(format!("at least {}", 4 + 4 * N)),
        Some(found) if found != magic => {
            return Err(DataError::Magic { path: path.into(), kind, found, expected: magic });
        }
        Some(_) => {}
    }
    if content.len() < 4 + 4 * N {
        return wrong_length(format!("at least {}", 4 + 4 * N));
    }
    let mut lengths = [0; N];
    lengths.iter_mut().zip(words).for_each(|(length, word)| *length = word as usize);
    // Three lengths of 32 bits can overflow 64.
    let expected = lengths.iter().map(|&length| length as u128).product::<u128>() + 4 + 4 * N as u128;
    if content.len() as u128 != expected {
        let dimensions = lengths.map(|length| length.to_string()).join("x");
        return wrong_length(format!("{expected} (header of {dimensions} {kind})"));
    }
    Ok(lengths)
}
