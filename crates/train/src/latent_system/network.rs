use std::borrow::Borrow;

use burn::module::{Module, Param};
use burn::prelude::*;
use layout::TextReader;
use text::{Tokens, WordEncoder};
use unet::{Condition, Conditions, UNet};

use super::config::LatentRunConfig;
use crate::Network;
use crate::error::TrainError;

/// What latent diffusion trains.
#[derive(Module, Debug)]
pub struct LatentNet {
    /// The network on latents.
    pub unet: UNet,
    /// What encodes the words that it attends to.
    pub words: Option<WordEncoder>,
    /// What the first stage's latents were multiplied by, which is not trained: `[1]`.
    pub latent_scale: Param<Tensor<1>>,
}

/// Encoded texts, which pixels attend to.
#[derive(Clone, Debug)]
pub struct Texts {
    /// `[N, T, C]`
    states: Tensor<3>,
    /// 1 for a word and 0 for padding, `[N, T]`; none where padding is attended to, as pretrained encoders have it.
    mask: Option<Tensor<2>>,
}

/// A network and the texts that it is told: label i stands for text i, and the class that means none for the last of them.
/// Without labels, the texts are those of the images, in order.
#[derive(Clone, Debug)]
pub struct Told<U> {
    /// The network.
    pub unet: U,
    /// The texts, if it was trained with them; else labels are classes.
    pub texts: Option<Texts>,
    /// What it is shown beside the latents, of one image or of each: `[1 or B, channels, h, w]`.
    pub beside: Option<Tensor<4>>,
}

impl LatentNet {
    /// The untrained network of a configuration, a function of its seed.
    pub(super) fn new(config: &LatentRunConfig, device: &Device) -> Result<Self, TrainError> {
        let unfit = |section: &str, reason: String| TrainError::Config { origin: section.into(), reason };
        let unet = config.model.init(device, config.seed);
        let words = config.text.as_ref().filter(|text| text.model.is_none()).map(|text| {
            let seed = random::Seed(config.seed).derive("words", 0);
            text.encoder.init(text.vocabulary.unwrap_or(0), text.words_context(), device, seed)
        });
        let scale = Tensor::from_floats([config.first_stage.scale.unwrap_or(1.0) as f32], device);
        Ok(Self {
            unet: unet.map_err(|error| unfit("[model]", error.to_string()))?,
            words: words.transpose().map_err(|error| unfit("[text]", error.to_string()))?,
            latent_scale: Param::from_tensor(scale).set_require_grad(false),
        })
    }

    /// Texts as the network attends to them, encoded by its own encoder of words or by the pretrained one; none for a network
    /// that was not trained with any.
    pub fn texts(&self, tokens: &[Tokens], pretrained: Option<&TextReader>) -> Option<Texts> {
        let device = self.latent_scale.val().device();
        let (ids, mask) = (Tokens::upload(tokens, &device), Tokens::masks(tokens, &device));
        self.encoded(ids, mask, pretrained)
    }

    /// # Shapes
    ///
    /// - `ids`, `mask`: `[N, T]`
    pub(super) fn encoded(
        &self,
        ids: Tensor<2, Int>,
        mask: Tensor<2, Int>,
        pretrained: Option<&TextReader>,
    ) -> Option<Texts> {
        if let Some(reader) = pretrained {
            return Some(Texts { states: reader.states(ids, mask), mask: None });
        }
        let words = self.words.as_ref()?;
        Some(Texts { states: words.forward(ids, mask.clone()), mask: Some(mask.float()) })
    }
}

impl Texts {
    /// How many numbers one of them is.
    pub fn floats(&self) -> usize {
        let [_, tokens, channels] = self.states.dims();
        tokens * (channels + 1)
    }

    /// A share of the way from the first of them to the second, in `steps` from one to the other; the last of them, which is
    /// guided away from, stays.
    pub fn between(&self, steps: usize) -> Self {
        let shares: Vec<f32> = (0..steps).map(|step| step as f32 / (steps - 1).max(1) as f32).collect();
        let share = Tensor::<1>::from_floats(shares.as_slice(), &self.states.device()).reshape([-1, 1, 1]);
        let row = |number: i64| self.states.clone().narrow(0, number as usize, 1);
        let last = self.states.dims()[0] - 1;
        let walked = row(0) * (share.clone() * -1.0 + 1.0) + row(1) * share;
        // A word of either is attended to.
        let mask = self.mask.as_ref().map(|mask| {
            let either = mask.clone().narrow(0, 0, 1).max_pair(mask.clone().narrow(0, 1, 1));
            Tensor::cat(vec![either.repeat_dim(0, steps), mask.clone().narrow(0, last, 1)], 0)
        });
        Self { states: Tensor::cat(vec![walked, row(last as i64)], 0), mask }
    }

    /// Those that are numbered so: `[B]`.
    fn select(&self, numbers: Tensor<1, Int>) -> Self {
        Self {
            states: self.states.clone().select(0, numbers.clone()),
            mask: self.mask.clone().map(|mask| mask.select(0, numbers)),
        }
    }
}

impl<U: Borrow<UNet>> Network for Told<U> {
    fn predict(&self, x: Tensor<4>, timesteps: Tensor<1>, labels: Option<Tensor<1, Int>>) -> Tensor<4> {
        let conditions = match &self.texts {
            None => Conditions { class: labels.map(Condition::Labels), ..Conditions::default() },
            Some(texts) => {
                let texts = labels.map_or_else(|| texts.clone(), |labels| texts.select(labels));
                Conditions { text: Some(texts.states), text_mask: texts.mask, ..Conditions::default() }
            }
        };
        let x = match &self.beside {
            Some(beside) => {
                let [_, channels, height, width] = beside.dims();
                let beside = beside.clone().expand([x.dims()[0], channels, height, width]);
                Tensor::cat(vec![x, beside], 1)
            }
            None => x,
        };
        self.unet.borrow().forward_or_nan(x, timesteps, conditions)
    }

    fn null_class(&self) -> Option<usize> {
        match &self.texts {
            None => self.unet.borrow().null_class(),
            Some(texts) => texts.states.dims()[0].checked_sub(1),
        }
    }
}
