use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::prelude::*;
use data::{HostBatch, ImageSet, Splits, write_atomically};

use super::config::LatentRunConfig;
use super::first_stage::FrozenFirstStage;
use super::latent_file::{Content, LatentFile, Latents, Part};
use crate::RunDir;
use crate::error::TrainError;

/// Images that are encoded at once.
const BATCH: usize = 16;
/// By what a scale may differ that was measured on another device.
const TOLERANCE: f64 = 1e-3;

/// The data as latents of unit variance, and the configuration with their scale.
///
/// The latents are kept in the run's folder. They are made once, and made anew where the images or the first stage are
/// others than those that they are of, unless the run goes on from a checkpoint.
pub(super) fn encode(
    mut config: LatentRunConfig,
    splits: Splits,
    start: Option<&LatentRunConfig>,
    run: &RunDir,
    device: &Device,
) -> Result<(LatentRunConfig, Splits), TrainError> {
    let stage = FrozenFirstStage::load(&config, device)?;
    let measured = stage.measured_scale(&splits)?;
    let scale = settled(measured.scale[0], config.first_stage.scale, start)?;
    config.first_stage.scale = Some(scale);
    let shape = config
        .first_stage
        .latent_shape(splits.image_shape())
        .map_err(|reason| TrainError::Config { origin: "[first_stage]".into(), reason })?;
    let content = Content {
        images: splits.content()?,
        first_stage: config.first_stage.weights.clone().unwrap_or_default(),
    };
    let path = run.path().join("latents.safetensors");
    let parts = parts(&splits, shape);
    let file = match LatentFile::open(&path) {
        Ok(file) if file.content == content && file.holds(&parts) => file,
        old => {
            if let Ok(old) = old {
                if start.is_some() && old.content.images != content.images {
                    return Err(TrainError::DatasetChanged);
                }
                terminal::note(format_args!(
                    "{}: {}: made anew",
                    path.display(),
                    old.content.difference(&content)
                ));
            }
            fs::create_dir_all(run.path()).map_err(TrainError::io("create", run.path()))?;
            write(&path, &stage, &splits, &parts, &content)?;
            LatentFile::open(&path).map_err(TrainError::io("read", &path))?
        }
    };
    let file = Arc::new(file);
    let latents = |set: &ImageSet, parts| {
        let size = shape.iter().product();
        set.encoded(Arc::new(Latents { file: file.clone(), parts, size, scale }), shape)
    };
    let train = latents(&splits.train, ["train", "train_mirrored"])?;
    let valid = latents(&splits.valid, ["valid", "valid"])?;
    Ok((config, splits.with_sets(train, valid)))
}

/// The scale of a run: that of the checkpoint it goes on from, or of its configuration, if it is the one measured; else
/// that.
fn settled(measured: f64, given: Option<f64>, start: Option<&LatentRunConfig>) -> Result<f64, TrainError> {
    let begun = start.and_then(|config| config.first_stage.scale);
    let wanted = [("the checkpoint", begun), ("first_stage.scale", given)];
    for (origin, scale) in wanted {
        let Some(scale) = scale else { continue };
        if (scale / measured - 1.0).abs() > TOLERANCE || !scale.is_finite() {
            return Err(TrainError::LatentScale { origin: origin.into(), scale, measured });
        }
    }
    Ok(begun.or(given).unwrap_or(measured))
}

/// What is written, in this order.
fn parts(splits: &Splits, [channels, height, width]: [usize; 3]) -> Vec<Part> {
    let part = |name, set: &ImageSet| (name, [set.len(), channels, height, width]);
    let mirrored = splits.train.flip().then(|| part("train_mirrored", &splits.train));
    let sets = [Some(part("train", &splits.train)), mirrored, Some(part("valid", &splits.valid))];
    sets.into_iter().flatten().collect()
}

fn write(
    path: &Path,
    stage: &FrozenFirstStage,
    splits: &Splits,
    parts: &[Part],
    content: &Content,
) -> Result<(), TrainError> {
    let mut progress = Encoding::new(parts.iter().map(|(_, [images, ..])| images).sum());
    Ok(write_atomically(path, |file| -> Result<(), TrainError> {
        let failed = |error| TrainError::io("write", path)(error);
        LatentFile::write_header(file, content, parts).map_err(failed)?;
        for (name, [images, ..]) in parts {
            let set = if *name == "valid" { &splits.valid } else { &splits.train };
            for first in (0..*images).step_by(BATCH) {
                let chosen: Vec<usize> = (first..(*images).min(first + BATCH)).collect();
                let images =
                    if *name == "train_mirrored" { set.mirrored(&chosen)? } else { set.fixed(&chosen)? };
                for value in latents(stage, images)? {
                    file.write_all(&value.to_le_bytes()).map_err(failed)?;
                }
                progress.add(chosen.len());
            }
        }
        Ok(())
    })?)
}

fn latents(stage: &FrozenFirstStage, images: HostBatch) -> Result<Vec<f32>, TrainError> {
    let autoencoder = &stage.autoencoder;
    let device = &stage.device;
    let images = Tensor::<4>::from_data(TensorData::new(images.pixels, images.shape), device);
    let latents = autoencoder.latent(images).try_into_vec_as::<f32>();
    latents.map_err(|error| TrainError::Device(error.to_string()))
}

/// Says how far the encoding is, every few seconds.
struct Encoding {
    done: usize,
    total: usize,
    said: Instant,
}

impl Encoding {
    fn new(total: usize) -> Self {
        terminal::note(format_args!("encoding {total} images once"));
        Self { done: 0, total, said: Instant::now() }
    }

    fn add(&mut self, images: usize) {
        self.done += images;
        if self.said.elapsed() >= Duration::from_secs(5) {
            terminal::note(format_args!("encoded {} of {} images", self.done, self.total));
            self.said = Instant::now();
        }
    }
}
