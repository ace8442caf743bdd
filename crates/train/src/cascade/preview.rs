use std::ops::ControlFlow;

use data::resample::repeat;
use data::{Captions, Grid, Picture, Splits};
use diffusion::ImageNoise;
use random::Seed;

use super::{StageWalk, SuperResolutionModel};
use crate::batches::validation_images;
use crate::error::TrainError;

/// Draws some validation images (training images, where there are none) at low resolution, enlarged by the network, and
/// as they are, side by side: the same ones with the same noise every time.
///
/// # Errors
///
/// If an image cannot be read, or sampling fails.
pub(crate) fn draw_preview(model: &SuperResolutionModel, splits: &Splits) -> Result<Picture, TrainError> {
    let run = &model.config.run;
    let set = if splits.valid.is_empty() { &splits.train } else { &splits.valid };
    let chosen = validation_images(Seed(run.seed), set, run.train.sample_images);
    let truth = set.fixed(&chosen)?;
    let labels = truth.labels.filter(|_| run.model.num_classes.is_some());

    let s = model.config.low_resolution.level;
    let reduced = model.low.reduce(&truth.pixels);
    let numbers = || chosen.iter().map(|&image| image as u64);
    let low = model.augmented(reduced.clone(), s, run.seed, numbers())?;
    let shown = model.shown(&low, s)?;
    let scale = run.train.sample_guidance_scale;
    let walk = StageWalk { guidance_scale: scale, ..StageWalk::new(run.sample.clone(), &shown.curve)? };
    let mut noise = ImageNoise::new(run.seed, numbers(), shown.image_shape, &shown.device);
    let labels = labels.as_deref();
    let drawn = walk.run(&shown, labels, &mut || noise.draw(), &mut |_| ControlFlow::Continue(()))?;

    let shape @ [_, height, _] = shown.image_shape;
    let low_shape = model.low_shape();
    let low = repeat(&reduced, [low_shape[1], low_shape[2]], height / low_shape[1]);
    let size: usize = shape.iter().product();
    let image = |i: usize| [&low, &drawn.images, &truth.pixels].map(|values| &values[i * size..][..size]);
    let values: Vec<f32> = (0..chosen.len()).flat_map(|i| image(i).concat()).collect();
    let captions = Captions::of_columns(["given", "drawn", "original"]);
    let columns = Grid::columns_in_turn(3 * chosen.len(), 3);
    let grid = Grid::new(columns, shape).for_captions(&captions, shape);
    Ok(grid.draw_captioned(&values, shape, &captions))
}
