use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::UNetConfig;
use crate::init::Init;

/// What pixels attend to, besides each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextConfig {
    /// Channels of each of its positions.
    pub channels: usize,
    /// What it is made of.
    #[serde(default)]
    pub input: ContextInput,
}

/// What a context is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextInput {
    /// An encoded text, as it is.
    #[default]
    Text,
    /// An encoded text of so many channels, projected.
    ProjectedText(usize),
    /// The embedding of an image, of so many channels, projected to 32 positions (Kandinsky 2.2).
    Image(usize),
    /// The embedding of an image, of the context's channels, projected to ten positions, and an encoded text of so many
    /// channels, projected (Kandinsky 2.1).
    ImageAndText(usize),
}

/// A context, ready to be attended to.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// `[B, channels, S]`
    pub(crate) tokens: Tensor<3>,
    /// Added to the logits of each position, `[B, S]`.
    pub(crate) bias: Option<Tensor<2>>,
}

/// What hides a position from attention; finite, so that hiding all of them hides none.
const HIDDEN: f64 = -10_000.0;

impl Context {
    /// # Shapes
    ///
    /// - `tokens`: `[B, S, channels]`
    /// - `mask`: `[B, S]`, 0 where a position is hidden, 1 elsewhere
    pub(crate) fn new(tokens: Tensor<3>, mask: Option<Tensor<2>>) -> Self {
        let bias = mask.map(|mask| (mask.cast(tokens.dtype()) * -1.0 + 1.0) * HIDDEN);
        Self { tokens: tokens.swap_dims(1, 2), bias }
    }
}

/// Makes the context's positions of what the network is given.
#[derive(Module, Debug)]
pub(crate) struct ContextProjection {
    text: Option<Linear>,
    image: Option<Linear>,
    image_norm: Option<LayerNorm>,
    /// That the image becomes.
    image_positions: usize,
}

impl ContextProjection {
    /// None where the text is taken as it is.
    pub(crate) fn new(config: &UNetConfig, init: &mut Init<'_>) -> Option<Self> {
        let ContextConfig { channels, input } = config.context?;
        let (text, image, image_positions) = match input {
            ContextInput::Text => return None,
            ContextInput::ProjectedText(text) => (Some(text), None, 0),
            ContextInput::Image(image) => (None, Some(image), 32),
            ContextInput::ImageAndText(text) => (Some(text), Some(channels), 10),
        };
        let alone = text.is_none();
        Some(Self {
            image: image.map(|inputs| init.linear(inputs, image_positions * channels)),
            text: text.map(|text| init.linear(text, channels)),
            image_norm: alone.then(|| init.layer_norm(channels)),
            image_positions,
        })
    }

    /// # Shapes
    ///
    /// - `text`: `[B, S, text channels]`
    /// - `image`: `[B, image channels]`
    /// - output: `[B, positions, channels]`, those of the image first
    pub(crate) fn forward(&self, text: Option<Tensor<3>>, image: Option<Tensor<2>>) -> Option<Tensor<3>> {
        let text = self.text.as_ref().zip(text).map(|(layer, text)| layer.forward(text));
        let image = self.image.as_ref().zip(image).map(|(layer, image)| {
            let (batch, positions) = (image.dims()[0], self.image_positions);
            let tokens = layer.forward(image).reshape([batch as i32, positions as i32, -1]);
            match &self.image_norm {
                Some(norm) => norm.forward(tokens),
                None => tokens,
            }
        });
        match (image, text) {
            (Some(image), Some(text)) => Some(Tensor::cat(vec![image, text], 1)),
            (image, text) => image.or(text),
        }
    }
}
