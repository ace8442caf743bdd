use data::{Picture, Splits};
use random::Seed;

use super::model::TrainedLatent;
use crate::batches::validation_images;
use crate::error::TrainError;
use crate::preview::{preview_grid, preview_images};

/// Prompts of a preview, if they are captions: as many as the columns of its grid.
const CAPTIONS: usize = 8;

/// Draws the run's preview images in a grid: the same noise every time, classes or prompts in turn.
///
/// # Errors
///
/// If sampling fails.
pub(super) fn draw_preview(trained: TrainedLatent, splits: &Splits) -> Result<Picture, TrainError> {
    let config = trained.config.of_latents();
    let model = trained.told(&prompts(&trained, splits), "")?;
    let images = trained.first_stage.decode(preview_images(&model, &config)?);
    let shape = trained.first_stage.image_shape(model.image_shape);
    preview_grid(images, shape, model.num_classes)
}

/// What a preview shows, where the network knows words.
fn prompts(trained: &TrainedLatent, splits: &Splits) -> Vec<String> {
    let Some(text) = &trained.config.text else { return Vec::new() };
    if !text.preview.is_empty() {
        return text.preview.clone();
    }
    let set = if splits.valid.is_empty() { &splits.train } else { &splits.valid };
    let chosen = validation_images(Seed(trained.config.seed), set, CAPTIONS);
    chosen.into_iter().filter_map(|number| set.caption(number)).map(String::from).collect()
}
