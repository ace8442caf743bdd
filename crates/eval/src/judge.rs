use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use burn::prelude::*;
use data::write_atomically;
use metrics::Features;
use sha2::{Digest, Sha256};

use crate::bench::Bench;
use crate::images::Images;
use crate::keyed::create_folder_of;
use crate::progress::Progress;

/// Where Inception's features are kept, for all runs: it takes a fifth of a second of two cores for an image.
const KEPT: &str = "runs/inception";

/// The network whose features are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The small classifier that this tool trains.
    InHouse,
    /// Inception, with weights that the user supplies.
    Inception,
}

impl Judge {
    /// What the network says of each image; asked once.
    ///
    /// # Errors
    ///
    /// If the network cannot be had, or says what is no number.
    pub fn features<'a>(self, bench: &Bench, images: &'a Images) -> Result<&'a Features> {
        let known = &images.known[self as usize];
        if let Some(features) = known.get() {
            return Ok(features);
        }
        let (name, batch) = match self {
            Self::InHouse => ("in-house features", 500),
            Self::Inception => ("Inception's features", 20),
        };
        let mut progress = Progress::new(name, 0, images.len());
        let indices: Vec<usize> = (0..images.len()).collect();
        let mut values = Vec::new();
        for block in indices.chunks(batch) {
            values.extend(match self {
                Self::InHouse => {
                    read(bench.classifier()?.network.features(images.upload(block, &bench.device)))?
                }
                Self::Inception => kept_features(bench, &images.select(block))?,
            });
            progress.advance(block.len());
        }
        let width = values.len() / images.len().max(1);
        let features = Features::new(values, width)?;
        Ok(known.get_or_init(|| features))
    }
}

/// Inception's features of a few images, which are computed once for all runs.
fn kept_features(bench: &Bench, images: &Images) -> Result<Vec<f32>> {
    let mut hash = Sha256::new();
    hash.update(bench.inception_hash());
    hash.update(format!("{:?}", images.shape));
    hash.update(&images.bytes);
    let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let file = PathBuf::from(KEPT).join(format!("{name}.f32"));
    let bytes = fs::read(&file).unwrap_or_default();
    let (values, rest) = bytes.as_chunks::<4>();
    if rest.is_empty() && !values.is_empty() && values.len().is_multiple_of(images.len()) {
        return Ok(values.iter().map(|&value| f32::from_le_bytes(value)).collect());
    }
    let all: Vec<usize> = (0..images.len()).collect();
    let values = read(bench.inception()?.features(images.upload(&all, &bench.device)))?;
    create_folder_of(&file)?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    write_atomically(&file, |out| out.write_all(&bytes))?;
    Ok(values)
}

fn read(features: Tensor<2>) -> Result<Vec<f32>> {
    features.try_into_vec_as::<f32>().context("failed to read features from the device")
}
