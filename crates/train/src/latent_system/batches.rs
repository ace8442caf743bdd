use burn::prelude::*;
use data::{DataError, HostBatch, ImageSet};
use text::{Tokens, WordTokenizer};

use crate::Batch;
use crate::batches::{HostImages, Noising, validation_images};
use crate::loader::HostStep;

/// What a step of latent diffusion learns from.
#[derive(Clone, Debug)]
pub struct LatentBatch {
    /// Latents, as images.
    pub images: Batch,
    /// The tokens of their captions and which are no padding, `[B, T]` each; those of no words where they are hidden.
    pub captions: Option<[Tensor<2, Int>; 2]>,
}

/// A batch on the host.
#[derive(Clone)]
pub struct HostLatents {
    images: HostImages,
    captions: Option<Vec<Tokens>>,
}

impl HostStep for HostLatents {
    type Batch = LatentBatch;

    fn upload(self, device: &Device) -> LatentBatch {
        let captions =
            self.captions.map(|tokens| [Tokens::upload(&tokens, device), Tokens::masks(&tokens, device)]);
        LatentBatch { images: self.images.upload(device), captions }
    }
}

/// How latents and captions become batches.
#[derive(Clone, Debug)]
pub struct Telling {
    /// How latents are noised and classes hidden.
    pub noising: Noising,
    /// The words of captions; none where the network is told classes.
    pub tokenizer: Option<WordTokenizer>,
}

impl Telling {
    /// A training batch of the images `numbers` of a set: a function of `index` alone.
    pub fn train(&self, set: &ImageSet, numbers: &[usize], images: HostBatch, index: u64) -> HostLatents {
        let mut hide = self.noising.seed.stream("train/hide", index);
        let hidden = || hide.chance(self.noising.cond_drop_prob);
        HostLatents {
            captions: self.captions(set, numbers, hidden),
            images: self.noising.train(images, index),
        }
    }

    /// The validation batches: the same images, noise and timesteps always, and no caption hidden.
    ///
    /// # Errors
    ///
    /// If a latent cannot be read.
    pub fn valid_batches(
        &self,
        set: &ImageSet,
        images: usize,
        batch_size: usize,
    ) -> Result<Vec<HostLatents>, DataError> {
        let noised = self.noising.valid_batches(set, images, batch_size)?;
        let chosen = validation_images(self.noising.seed, set, images);
        let batches = noised.into_iter().zip(chosen.chunks(batch_size));
        Ok(batches
            .map(|(images, numbers)| HostLatents { images, captions: self.captions(set, numbers, || false) })
            .collect())
    }

    fn captions(
        &self,
        set: &ImageSet,
        numbers: &[usize],
        mut hidden: impl FnMut() -> bool,
    ) -> Option<Vec<Tokens>> {
        let tokenizer = self.tokenizer.as_ref()?;
        let caption = |&number: &usize| if hidden() { "" } else { set.caption(number).unwrap_or_default() };
        Some(numbers.iter().map(caption).map(|caption| tokenizer.encode(caption)).collect())
    }
}
