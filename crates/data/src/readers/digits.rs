//! The embedded data set, so that a fresh clone can train.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::idx::{gunzip, parse_images, parse_labels};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::records::{Opened, Records, StoredImages};

const IMAGES: &[u8] = include_bytes!("../../../../datasets/digits/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../../../datasets/digits/digits-labels-idx1-ubyte.gz");
/// The greatest value of a pixel: a count of dots in a 4x4 block.
const WHITE: u32 = 16;

/// The 1,797 grey 8x8 digits of the UCI set "Optical Recognition of Handwritten Digits" (E. Alpaydin and
/// C. Kaynak, 1998, doi:10.24432/C50P49, CC BY 4.0), which are part of the program. Values 0 to 16 become
/// 0 to 255.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitsConfig {}

impl DigitsConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        let (images_path, labels_path) = (Path::new("digits (images)"), Path::new("digits (labels)"));
        let images = gunzip(images_path, IMAGES)?;
        let labels = gunzip(labels_path, LABELS)?;
        let mut fingerprint = Fingerprint::new("digits");
        fingerprint.add("images", &images);
        fingerprint.add("labels", &labels);

        let mut images = parse_images(images_path, images)?;
        for value in &mut images.bytes {
            *value = ((u32::from(*value) * 255 + WHITE / 2) / WHITE) as u8;
        }
        let images = StoredImages { files: vec![("digits".into(), usize::MAX)], ..images };
        let train = Records::new(images, Some(parse_labels(labels_path, &labels)?));
        Ok(Opened {
            num_classes: Some(10),
            class_names: Some((0..10).map(|digit| digit.to_string()).collect()),
            ..Opened::new(train, fingerprint)
        })
    }
}
