use burn::prelude::*;
use data::{Captions, Grid, HostBatch, Picture, Splits};
use random::Seed;

use super::concat::{ConcatConfig, Shown};
use super::masks::masks;
use super::model::TrainedLatent;
use crate::batches::validation_images;
use crate::error::TrainError;
use crate::preview::{preview_grid, preview_images};

/// Prompts of a preview, if they are captions: as many as the columns of its grid.
const CAPTIONS: usize = 8;
/// Columns of a preview where a network is shown images: half for what it is shown, each with what it drew to the right.
const PAIRS: usize = 8;

/// Draws the run's preview images in a grid: the same noise every time, classes or prompts in turn.
///
/// # Errors
///
/// If sampling fails.
pub(super) fn draw_preview(trained: TrainedLatent, splits: &Splits) -> Result<Picture, TrainError> {
    let config = trained.config.of_latents();
    let mut model = trained.told(&prompts(&trained, splits), "")?;
    let shown = shown(&trained, splits)?;
    model.net.beside = shown.clone().map(|shown| shown.encoded(&trained.first_stage));
    let images = trained.first_stage.decode(preview_images(&model, &config)?);
    let shape = trained.first_stage.image_shape(model.image_shape);
    match shown {
        None => preview_grid(images, shape, &model.subjects()),
        Some(shown) => {
            let (factor, number) = (trained.first_stage.model.trunk().factor(), images.dims()[0]);
            let pairs = Tensor::stack::<5>(vec![shown.picture(factor), images], 1);
            let values =
                pairs.try_into_vec_as::<f32>().map_err(|error| TrainError::Device(error.to_string()))?;
            let captions = Captions::of_columns(["shown", "drawn"]);
            let columns = PAIRS.min(2 * number);
            Ok(Grid::new(columns, shape)
                .for_captions(&captions, shape)
                .draw_captioned(&values, shape, &captions))
        }
    }
}

/// Images of which the network is shown something: the same ones and the same masks every time.
fn shown(trained: &TrainedLatent, splits: &Splits) -> Result<Option<Shown>, TrainError> {
    let Some(concat) = trained.config.concat else { return Ok(None) };
    let set = if splits.valid.is_empty() { &splits.train } else { &splits.valid };
    let seed = Seed(trained.config.seed);
    let Some(pictures) = set.pictures() else { return Ok(None) };
    let numbers = validation_images(seed, set, pictures.len());
    let images = trained.config.train.sample_images;
    let chosen: Vec<usize> = numbers.into_iter().cycle().take(images).collect();
    let HostBatch { pixels, shape: [_, channels, height, width], .. } = pictures.fixed(&chosen)?;
    let upload = |values: Vec<f32>, channels| {
        Tensor::from_data(TensorData::new(values, [images, channels, height, width]), &trained.device)
    };
    let masks = (concat == ConcatConfig::Inpainting)
        .then(|| upload(masks(seed, "preview/mask", 0, images, [height, width]), 1));
    Ok(Some(Shown { images: upload(pixels, channels), masks }))
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
