use std::ops::ControlFlow;
use std::path::Path;

use data::Grid;
use diffusion::ImageNoise;

use crate::error::TrainError;
use crate::{RunConfig, TrainedModel};

/// Draws the run's preview grid: the same noise every time, the classes in turn.
///
/// # Errors
///
/// If sampling or writing fails.
pub fn draw_preview(
    model: &TrainedModel,
    config: &RunConfig,
    step: usize,
    path: &Path,
) -> Result<(), TrainError> {
    let images = config.train.sample_images;
    let labels: Option<Vec<usize>> =
        model.num_classes.map(|classes| (0..images).map(|image| image % classes).collect());
    let denoiser = model.denoiser(labels.as_deref(), config.train.sample_guidance_scale);
    let levels = config
        .sample
        .levels(&model.schedule)
        .map_err(|error| TrainError::Config { origin: "[sample]".into(), reason: error.to_string() })?;
    let mut noise = ImageNoise::new(config.seed, 0..images as u64, model.image_shape, &model.device);
    let x = config.sample.draw(denoiser.as_ref(), &levels, &mut noise, &mut |_| ControlFlow::Continue(()))?;
    let values = x.try_into_vec_as::<f32>().map_err(|error| TrainError::Training(error.to_string()))?;
    let columns = model.num_classes.filter(|&classes| classes <= 16 && classes < images);
    let grid = match columns {
        Some(columns) => Grid::new(columns, model.image_shape),
        None => Grid::square(images, model.image_shape),
    };
    let text = [("step", step.to_string()), ("seed", config.seed.to_string())];
    let text: Vec<(&str, &str)> = text.iter().map(|(key, value)| (*key, value.as_str())).collect();
    grid.draw(&values, model.image_shape).write_png(path, &text)?;
    Ok(())
}
