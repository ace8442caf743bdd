//! What a reader hands over: images that can be read by number, and what is known of each.

use std::sync::Arc;

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::picture::Picture;

/// Random access to the images of a source, from any thread.
pub(crate) trait ReadImages: Send + Sync {
    fn len(&self) -> usize;

    /// Reads and decodes image `index < len()`.
    fn read(&self, index: usize) -> Result<Picture, DataError>;

    /// The bytes that image `index` is decoded from; nothing where the format has a shape, of which its reader takes the
    /// fingerprint.
    fn encoded(&self, _index: usize) -> Result<Vec<u8>, DataError> {
        Ok(Vec::new())
    }

    /// What image `index` is called in messages.
    fn name(&self, index: usize) -> String;

    /// The `[C, H, W]` of all images where the format has one; such images need no check before use.
    fn stored_shape(&self) -> Option<[usize; 3]> {
        None
    }
}

/// The images of one split, unchecked.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) images: Arc<dyn ReadImages>,
    /// One per image; may lie outside the classes.
    pub(crate) labels: Option<Vec<i64>>,
    /// One per image, empty where there is none.
    pub(crate) captions: Option<Vec<String>>,
}

impl Records {
    pub(crate) fn new(images: impl ReadImages + 'static, labels: Option<Vec<i64>>) -> Self {
        Self { images: Arc::new(images), labels, captions: None }
    }
}

/// A source as its reader found it.
pub(crate) struct Opened {
    pub(crate) train: Records,
    /// Where the source has a validation set of its own.
    pub(crate) valid: Option<Records>,
    pub(crate) num_classes: Option<usize>,
    pub(crate) class_names: Option<Vec<String>>,
    /// Of everything but the bytes of images that are decoded one by one.
    pub(crate) fingerprint: Fingerprint,
    /// What runs recorded before fingerprints knew these bytes.
    pub(crate) recorded_once: Option<Fingerprint>,
    /// Lines about what is not used, or not as it might be expected.
    pub(crate) notes: Vec<String>,
}

impl Opened {
    /// Images without validation images and classes.
    pub(crate) fn new(train: Records, fingerprint: Fingerprint) -> Self {
        Self {
            train,
            valid: None,
            num_classes: None,
            class_names: None,
            fingerprint,
            recorded_once: None,
            notes: Vec::new(),
        }
    }
}

/// The number of classes when the source does not state it: one more than the greatest label, but in large sets no
/// more than there are labels, so that an identifier taken for a label is out of range.
pub(crate) fn count_classes(labels: &[i64]) -> usize {
    let most = labels.len().max(1000) as i64;
    labels.iter().max().map_or(0, |&max| max.max(0).saturating_add(1).min(most) as usize)
}

/// Images kept in memory as bytes, one after the other: `skip` bytes to pass over, then the planes `[C, H, W]`.
pub(crate) struct StoredImages {
    /// The files that the bytes were read from and the number of images in each.
    pub(crate) files: Vec<(String, usize)>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) skip: usize,
    pub(crate) shape: [usize; 3],
}

impl StoredImages {
    fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

impl ReadImages for StoredImages {
    fn len(&self) -> usize {
        self.bytes.len() / (self.skip + self.size())
    }

    fn read(&self, index: usize) -> Result<Picture, DataError> {
        let start = index * (self.skip + self.size()) + self.skip;
        Ok(Picture::from_planes(&self.bytes[start..start + self.size()], self.shape))
    }

    fn name(&self, mut index: usize) -> String {
        for (file, count) in &self.files {
            if index < *count {
                return format!("{file}, image {index}");
            }
            index -= count;
        }
        format!("image {index}")
    }

    fn stored_shape(&self) -> Option<[usize; 3]> {
        Some(self.shape)
    }
}
