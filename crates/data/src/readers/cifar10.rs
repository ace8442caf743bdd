//! CIFAR-10, binary version (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009).

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::records::{Opened, Records, StoredImages};

const SHAPE: [usize; 3] = [3, 32, 32];
/// One byte of label, then the red, green and blue planes.
const RECORD: usize = 1 + 3 * 32 * 32;
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const VALID: [&str; 1] = ["test_batch.bin"];
const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The files of `cifar-10-binary.tar.gz`; the test batch serves for validation. They are kept in memory (184 MB).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cifar10Config {
    /// The folder with `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
    pub path: PathBuf,
}

impl Cifar10Config {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        let mut fingerprint = Fingerprint::new("cifar10");
        let train = read(&self.path, &TRAIN, &mut fingerprint)?;
        let valid = read(&self.path, &VALID, &mut fingerprint)?;
        Ok(Opened {
            valid: Some(valid),
            num_classes: Some(CLASSES.len()),
            class_names: Some(CLASSES.map(String::from).to_vec()),
            ..Opened::new(train, fingerprint)
        })
    }
}

fn read(folder: &Path, names: &[&str], fingerprint: &mut Fingerprint) -> Result<Records, DataError> {
    let mut images = StoredImages { files: Vec::new(), bytes: Vec::new(), skip: 1, shape: SHAPE };
    for name in names {
        let path = folder.join(name);
        let batch = fs::read(&path).map_err(|e| DataError::read(&path, e))?;
        if batch.is_empty() || batch.len() % RECORD != 0 {
            let expected = format!("a multiple of {RECORD} (label and 32x32 rgb pixels)");
            return Err(DataError::Length { path, found: batch.len() as u64, expected });
        }
        fingerprint.add(name, &batch);
        images.files.push((path.display().to_string(), batch.len() / RECORD));
        images.bytes.extend_from_slice(&batch);
    }
    let labels = images.bytes.iter().step_by(RECORD).map(|&label| i64::from(label)).collect();
    Ok(Records::new(images, Some(labels)))
}
