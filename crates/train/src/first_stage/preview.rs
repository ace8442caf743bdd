use autoencoder::Autoencoder;
use burn::prelude::*;
use data::{Captions, Grid, Picture, Splits};
use random::Seed;

use super::config::FirstStageRunConfig;
use crate::batches::validation_images;
use crate::error::TrainError;

/// Columns of a preview: half for images, each with its reconstruction to the right of it.
const COLUMNS: usize = 8;

/// Images that are not trained on and their reconstructions, side by side: the same ones every time.
///
/// # Errors
///
/// If an image cannot be read, or the device fails.
pub(super) fn draw_preview(
    autoencoder: &Autoencoder,
    config: &FirstStageRunConfig,
    splits: &Splits,
    device: &Device,
) -> Result<Picture, TrainError> {
    let set = if splits.valid.is_empty() { &splits.train } else { &splits.valid };
    let chosen = validation_images(Seed(config.seed), set, config.train.sample_images.div_ceil(2));
    let images = set.fixed(&chosen)?;
    let [number, channels, height, width] = images.shape;
    let input = Tensor::<4>::from_data(TensorData::new(images.pixels, images.shape), device);
    let output = autoencoder.decode(autoencoder.latent(input.clone()));
    let pairs = Tensor::stack::<5>(vec![input, output], 1);
    let values = pairs.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
    let shape = [channels, height, width];
    let captions = Captions::of_columns(["original", "reconstruction"]);
    let grid = Grid::new(COLUMNS.min(2 * number), shape).for_captions(&captions, shape);
    Ok(grid.draw_captioned(&values, shape, &captions))
}
