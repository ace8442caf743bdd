use std::ops::ControlFlow;

use burn::prelude::*;
use data::{Grid, Picture};
use diffusion::{ImageNoise, Step};

use crate::error::TrainError;
use crate::{Network, RunConfig, TrainedModel};

/// Draws the run's preview images in a grid: the same noise every time, the classes in turn.
///
/// # Errors
///
/// If sampling fails.
pub fn draw_preview(model: &TrainedModel, config: &RunConfig) -> Result<Picture, TrainError> {
    let classes = model.shown_classes().map(|classes| classes.len());
    preview_grid(preview_images(model, config)?, model.image_shape, classes)
}

/// The images of a preview, `[B, C, H, W]`.
///
/// # Errors
///
/// If sampling fails.
pub fn preview_images<N: Network>(
    model: &TrainedModel<N>,
    config: &RunConfig,
) -> Result<Tensor<4>, TrainError> {
    let (images, shape) = (config.train.sample_images, model.image_shape);
    let labels: Option<Vec<usize>> =
        model.shown_classes().map(|classes| classes.iter().copied().cycle().take(images).collect());
    let denoiser = model.denoiser(labels.as_deref(), config.train.sample_guidance_scale);
    let mut noise = ImageNoise::new(config.seed, 0..images as u64, shape, &model.device);
    let mut observer = |_: Step| ControlFlow::Continue(());
    Ok(config.sample.draw(denoiser.as_ref(), &model.curve, &mut noise, &mut observer)?)
}

/// Images `[B, C, H, W]` in a grid, with a column for each of the `classes` that they show in turn if these are few.
///
/// # Errors
///
/// If the device fails.
pub fn preview_grid(
    images: Tensor<4>,
    shape: [usize; 3],
    classes: Option<usize>,
) -> Result<Picture, TrainError> {
    let number = images.dims()[0];
    let values = images.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
    let grid = match classes.filter(|&classes| classes <= 16 && classes < number) {
        Some(classes) => Grid::new(classes, shape),
        None => Grid::square(number, shape),
    };
    Ok(grid.draw(&values, shape))
}
