use burn::prelude::*;
use data::{Captions, Grid, Picture, Splits};
use diffusion::{Levels, q_sample};
use random::Seed;
use unet::NoisyClassifier;

use super::config::ClassifierRunConfig;
use super::system::COORDINATE;
use crate::batches::validation_images;
use crate::error::TrainError;
use crate::training_levels::training_levels;

/// Rows of a preview: noise from little to all.
const ROWS: usize = 8;

/// Images that are not trained on, in columns, with the noise of a row; where the class is not found, the negative. The same
/// images and noises every time.
///
/// # Errors
///
/// If an image cannot be read, or the device fails.
pub(super) fn draw_preview(
    net: &NoisyClassifier,
    config: &ClassifierRunConfig,
    splits: &Splits,
    device: &Device,
) -> Result<Picture, TrainError> {
    let (set, seed) =
        (if splits.valid.is_empty() { &splits.train } else { &splits.valid }, Seed(config.seed));
    let columns = config.train.sample_images.div_ceil(ROWS);
    let images = set.fixed(&validation_images(seed, set, columns))?;
    let [columns, channels, height, width] = images.shape;
    let labels: Vec<usize> = images.labels.unwrap_or_default();
    let x0 = Tensor::<4>::from_data(TensorData::new(images.pixels, images.shape), device);
    let length = config.diffusion.num_train_timesteps;
    let read = |error: burn::tensor::TensorReadError| TrainError::Device(error.to_string());
    let mut values = Vec::new();
    let timestep = |row: usize| (2 * row + 1) * length / (2 * ROWS);
    for row in 0..ROWS {
        let timesteps = vec![timestep(row); columns];
        let (levels, told) = training_levels(&config.curve()?, length, false, &timesteps, &[]);
        let levels: Vec<_> = levels.into_iter().map(|level| COORDINATE.input(level).1).collect();
        let noise = seed.stream("preview/noise", row as u64).normal(columns * channels * height * width);
        let noise = Tensor::from_data(TensorData::new(noise, images.shape), device);
        let x = q_sample(x0.clone(), noise, &Levels::new(&levels, device));
        let logits = net.forward(x.clone(), Tensor::from_data(TensorData::new(told, [columns]), device));
        let guessed = logits.argmax(1).reshape([columns]).try_into_vec_as::<i64>().map_err(read)?;
        let shown = x.try_into_vec_as::<f32>().map_err(read)?;
        for ((image, guess), label) in shown.chunks(channels * height * width).zip(guessed).zip(&labels) {
            let sign = if guess == *label as i64 { 1.0 } else { -1.0 };
            values.extend(image.iter().map(|value| sign * value));
        }
    }
    let shape = [channels, height, width];
    let names = config.class_names.as_deref().unwrap_or_default();
    let captions = Captions {
        title: "by timestep; not recognised: negative".into(),
        columns: labels.iter().map(|label| names.get(*label).cloned().unwrap_or(label.to_string())).collect(),
        rows: (0..ROWS).map(|row| format!("t = {}", timestep(row))).collect(),
        ..Captions::default()
    };
    let grid = Grid::new(columns, shape).for_captions(&captions, shape);
    Ok(grid.draw_captioned(&values, shape, &captions))
}
