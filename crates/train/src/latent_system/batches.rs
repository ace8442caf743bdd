use burn::prelude::*;
use data::{Batches, DataError, HostBatch, ImageSet};
use text::Tokens;

use super::captions::CaptionTokenizer;
use super::concat::{ConcatConfig, Shown};
use super::masks::masks;
use super::phrases::Phrases;
use crate::Batch;
use crate::batches::{HostImages, Noising, ValidationBatch, validation_batches};
use crate::loader::HostStep;

/// What a step of latent diffusion learns from.
#[derive(Clone, Debug)]
pub struct LatentBatch {
    /// Latents, as images.
    pub images: Batch,
    /// The tokens of their captions and which are no padding, `[B, T]` each; those of no words where they are hidden.
    pub captions: Option<[Tensor<2, Int>; 2]>,
    /// What the network is shown beside them.
    pub shown: Option<Shown>,
}

/// A batch on the host.
#[derive(Clone)]
pub struct HostLatents {
    images: HostImages,
    captions: Option<Vec<Tokens>>,
    shown: Option<HostShown>,
}

/// Pictures, and a mask of each for inpainting.
#[derive(Clone)]
struct HostShown {
    pictures: HostBatch,
    masks: Option<Vec<f32>>,
}

impl HostStep for HostLatents {
    type Batch = LatentBatch;

    fn upload(self, device: &Device) -> LatentBatch {
        let captions =
            self.captions.map(|tokens| [Tokens::upload(&tokens, device), Tokens::masks(&tokens, device)]);
        let shown = self.shown.map(|HostShown { pictures, masks }| {
            let [batch, _, height, width] = pictures.shape;
            let upload = |values, shape| Tensor::from_data(TensorData::new(values, shape), device);
            Shown {
                masks: masks.map(|masks| upload(masks, [batch, 1, height, width])),
                images: upload(pictures.pixels, pictures.shape),
            }
        });
        LatentBatch { images: self.images.upload(device), captions, shown }
    }
}

/// How latents, captions and pictures become batches.
#[derive(Debug)]
pub struct Telling {
    /// How latents are noised and classes hidden.
    pub noising: Noising,
    /// The tokens of captions; none where the network is told classes.
    pub tokenizer: Option<CaptionTokenizer>,
    /// Which phrases of captions are shown.
    pub phrases: Phrases,
    /// What the network is shown beside latents.
    pub concat: Option<ConcatConfig>,
}

impl Telling {
    /// A training batch of the images of a set: a function of `index` alone. `pictures` are the batches of the same set before
    /// it was encoded.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn train(
        &self,
        batches: &Batches,
        set: &ImageSet,
        pictures: Option<&Batches>,
        index: u64,
    ) -> Result<HostLatents, DataError> {
        let seed = self.noising.seed;
        let (mut hide, mut draw) = (seed.stream("train/hide", index), seed.stream("train/phrase", index));
        let shown_caption = |caption| {
            let shown = self.phrases.drawn(caption, &mut draw);
            if hide.chance(self.noising.cond_drop_prob) { "" } else { shown }
        };
        let shown = match (self.concat, pictures) {
            (Some(concat), Some(pictures)) => {
                Some(Self::shown(concat, pictures.batch(index)?, |count, size| {
                    masks(seed, "train/mask", index, count, size)
                }))
            }
            _ => None,
        };
        Ok(HostLatents {
            captions: self.captions(set, &batches.indices(index), shown_caption),
            images: self.noising.train(batches.batch(index)?, index),
            shown,
        })
    }

    /// The validation batches: the same images, noise, timesteps and masks always, and no caption hidden.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn valid_batches(
        &self,
        set: &ImageSet,
        images: usize,
        batch_size: usize,
    ) -> Result<Vec<HostLatents>, DataError> {
        let noised = self.noising.valid_batches(set, images, batch_size)?;
        let batches = validation_batches(self.noising.seed, set, images, batch_size);
        noised
            .into_iter()
            .zip(batches)
            .map(|(images, ValidationBatch { numbers, .. })| {
                let captions = self.captions(set, &numbers, |caption| self.phrases.first(caption));
                Ok(HostLatents { images, captions, shown: self.valid_shown(set, &numbers)? })
            })
            .collect()
    }

    fn valid_shown(&self, set: &ImageSet, numbers: &[usize]) -> Result<Option<HostShown>, DataError> {
        let (Some(concat), Some(pictures)) = (self.concat, set.pictures()) else { return Ok(None) };
        let seed = self.noising.seed;
        let each = |_, size| {
            numbers.iter().flat_map(|&number| masks(seed, "valid/mask", number as u64, 1, size)).collect()
        };
        Ok(Some(Self::shown(concat, pictures.fixed(numbers)?, each)))
    }

    /// Pictures with the masks that `masks` makes for so many of them, of height and width.
    fn shown(
        concat: ConcatConfig,
        pictures: HostBatch,
        masks: impl Fn(usize, [usize; 2]) -> Vec<f32>,
    ) -> HostShown {
        let [batch, _, height, width] = pictures.shape;
        let masks = (concat == ConcatConfig::Inpainting).then(|| masks(batch, [height, width]));
        HostShown { pictures, masks }
    }

    /// The tokens of what is shown of each caption.
    fn captions<'a>(
        &self,
        set: &'a ImageSet,
        numbers: &[usize],
        mut shown: impl FnMut(&'a str) -> &'a str,
    ) -> Option<Vec<Tokens>> {
        let tokenizer = self.tokenizer.as_ref()?;
        let caption = |&number: &usize| shown(set.caption(number).unwrap_or_default());
        Some(numbers.iter().map(caption).map(|caption| tokenizer.encode(caption)).collect())
    }
}
