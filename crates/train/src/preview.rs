use std::ops::ControlFlow;

use burn::prelude::*;
use data::{Captions, Grid, Picture};
use diffusion::{ImageNoise, Step};

use crate::error::TrainError;
use crate::{Network, RunConfig, TrainedModel};

/// Draws the run's preview images in a grid: the same noise every time, the classes in turn.
///
/// # Errors
///
/// If sampling fails.
pub fn draw_preview(model: &TrainedModel, config: &RunConfig) -> Result<Picture, TrainError> {
    preview_grid(preview_images(model, config)?, model.image_shape, &model.subjects())
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

/// The most subjects that each have a column of a grid.
const MAX_COLUMNS: usize = 16;

/// Images `[B, C, H, W]` in a grid, which show `subjects` in turn: each in a column of its own if these are few.
///
/// # Errors
///
/// If the device fails.
pub fn preview_grid(
    images: Tensor<4>,
    shape: [usize; 3],
    subjects: &[String],
) -> Result<Picture, TrainError> {
    let number = images.dims()[0];
    let values = images.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
    let in_turn = || subjects.iter().cycle().take(number).cloned();
    let (grid, captions) = if subjects.is_empty() {
        (Grid::square(number, shape), Captions::default())
    } else if subjects.len() <= MAX_COLUMNS {
        let columns = Grid::columns_in_turn(number, subjects.len()).min(number);
        (Grid::new(columns, shape), Captions::of_columns(in_turn().take(columns)))
    } else {
        (Grid::square(number, shape), Captions { images: in_turn().collect(), ..Captions::default() })
    };
    Ok(grid.for_captions(&captions, shape).draw_captioned(&values, shape, &captions))
}
