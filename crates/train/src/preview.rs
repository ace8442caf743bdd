use std::ops::ControlFlow;
use std::path::Path;

use data::Grid;
use diffusion::ImageNoise;

use crate::error::TrainError;
use crate::{RunConfig, TrainedModel};

/// Draws the run's preview images: the same noise every time, the classes in turn; values in `[-1, 1]`,
/// `[N, C, H, W]` one after the other.
///
/// # Errors
///
/// If sampling fails.
pub fn draw_preview(model: &TrainedModel, config: &RunConfig) -> Result<Vec<f32>, TrainError> {
    let images = config.train.sample_images;
    let labels: Option<Vec<usize>> =
        model.num_classes.map(|classes| (0..images).map(|image| image % classes).collect());
    let denoiser = model.denoiser(labels.as_deref(), config.train.sample_guidance_scale);
    let mut noise = ImageNoise::new(config.seed, 0..images as u64, model.image_shape, &model.device);
    let x = config
        .sample
        .draw(denoiser.as_ref(), &model.schedule, &mut noise, &mut |_| ControlFlow::Continue(()))?;
    x.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))
}

/// Writes the preview grid of a step.
///
/// # Errors
///
/// If sampling or writing fails.
pub fn write_preview(
    model: &TrainedModel,
    config: &RunConfig,
    step: usize,
    path: &Path,
) -> Result<(), TrainError> {
    let values = draw_preview(model, config)?;
    let (images, shape) = (config.train.sample_images, model.image_shape);
    let grid = match model.num_classes.filter(|&classes| classes <= 16 && classes < images) {
        Some(classes) => Grid::new(classes, shape),
        None => Grid::square(images, shape),
    };
    let (step, seed) = (step.to_string(), config.seed.to_string());
    Ok(grid.draw(&values, shape).write_png(path, &[("step", &step), ("seed", &seed)])?)
}
