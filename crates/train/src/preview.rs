use std::ops::ControlFlow;

use data::{Grid, Picture};
use diffusion::ImageNoise;

use crate::error::TrainError;
use crate::{RunConfig, TrainedModel};

/// Draws the run's preview images in a grid: the same noise every time, the classes in turn.
///
/// # Errors
///
/// If sampling fails.
pub fn draw_preview(model: &TrainedModel, config: &RunConfig) -> Result<Picture, TrainError> {
    let (images, shape) = (config.train.sample_images, model.image_shape);
    let labels: Option<Vec<usize>> =
        model.num_classes.map(|classes| (0..images).map(|image| image % classes).collect());
    let denoiser = model.denoiser(labels.as_deref(), config.train.sample_guidance_scale);
    let mut noise = ImageNoise::new(config.seed, 0..images as u64, shape, &model.device);
    let x = config
        .sample
        .draw(denoiser.as_ref(), &model.schedule, &mut noise, &mut |_| ControlFlow::Continue(()))?;
    let values = x.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
    let grid = match model.num_classes.filter(|&classes| classes <= 16 && classes < images) {
        Some(classes) => Grid::new(classes, shape),
        None => Grid::square(images, shape),
    };
    Ok(grid.draw(&values, shape))
}
