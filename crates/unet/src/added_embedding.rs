use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::embedding::TimeEmbedding;
use crate::init::Init;
use crate::time_proj::Sinusoids;
use crate::{Conditions, UNetConfig, ops};

/// What else is added to the embedding of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AddedInput {
    /// Nothing.
    #[default]
    Nothing,
    /// The encoded text, pooled by attention with so many heads (DeepFloyd IF).
    Text {
        /// Channels of the encoded text.
        channels: usize,
        /// Number of heads.
        heads: usize,
    },
    /// One vector for the text and, encoded as the time is, sizes (SDXL: Podell et al. 2023, arXiv 2307.01952,
    /// section 2.2).
    TextAndSizes {
        /// Channels of both together.
        channels: usize,
        /// Channels on which each size is encoded.
        size_channels: usize,
    },
    /// The embedding of an image, of so many channels (Kandinsky 2.2).
    Image {
        /// Its channels.
        channels: usize,
    },
    /// One vector for the text and the embedding of an image, both of the context's channels (Kandinsky 2.1).
    TextAndImage,
}

/// Makes of it what is added to the embedding of the time.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few, and a box is no module")]
pub(crate) enum AddedEmbedding {
    Text(PooledText),
    TextAndSizes(TextAndSizes),
    Image(Image),
    TextAndImage(TextAndImage),
}

impl AddedEmbedding {
    pub(crate) fn new(config: &UNetConfig, init: &mut Init<'_>) -> Option<Self> {
        let outputs = config.resolved_time_channels();
        Some(match config.added_input {
            AddedInput::Nothing => return None,
            AddedInput::Text { channels, heads } => Self::Text(PooledText {
                norm1: init.layer_norm(channels),
                pool: Pool::new(channels, heads, init),
                proj: init.linear(channels, outputs),
                norm2: init.layer_norm(outputs),
            }),
            AddedInput::TextAndSizes { channels, size_channels } => Self::TextAndSizes(TextAndSizes {
                sinusoids: Sinusoids::new(size_channels, config),
                network: TimeEmbedding::of_vector(channels, config, init),
            }),
            AddedInput::Image { channels } => Self::Image(Image {
                image_proj: init.linear(channels, outputs),
                image_norm: init.layer_norm(outputs),
            }),
            AddedInput::TextAndImage => {
                let inputs = config.context.map_or(outputs, |context| context.channels);
                Self::TextAndImage(TextAndImage {
                    text_proj: init.linear(inputs, outputs),
                    text_norm: init.layer_norm(outputs),
                    image_proj: init.linear(inputs, outputs),
                })
            }
        })
    }

    /// What is added `[B, time_channels]`; none if `conditions` do not hold what it takes.
    pub(crate) fn forward(&self, conditions: &Conditions) -> Option<Tensor<2>> {
        let Conditions { text, pooled_text, sizes, image, .. } = conditions;
        match self {
            Self::Text(layers) => text.clone().map(|text| layers.forward(text)),
            Self::TextAndSizes(layers) => Some(layers.forward(pooled_text.clone()?, sizes.clone()?)),
            Self::Image(layers) => {
                image.clone().map(|image| layers.image_norm.forward(layers.image_proj.forward(image)))
            }
            Self::TextAndImage(layers) => {
                let text = layers.text_norm.forward(layers.text_proj.forward(pooled_text.clone()?));
                Some(text + layers.image_proj.forward(image.clone()?))
            }
        }
    }
}

#[derive(Module, Debug)]
pub(crate) struct Image {
    image_proj: Linear,
    image_norm: LayerNorm,
}

#[derive(Module, Debug)]
pub(crate) struct TextAndImage {
    text_proj: Linear,
    text_norm: LayerNorm,
    image_proj: Linear,
}

#[derive(Module, Debug)]
pub(crate) struct TextAndSizes {
    sinusoids: Sinusoids,
    network: TimeEmbedding,
}

impl TextAndSizes {
    /// # Shapes
    ///
    /// - `text`: `[B, C]`
    /// - `sizes`: `[B, n]`
    /// - output: `[B, time_channels]`
    fn forward(&self, text: Tensor<2>, sizes: Tensor<2>) -> Tensor<2> {
        let batch = sizes.dims()[0] as i32;
        let encoded = self.sinusoids.forward(sizes.flatten::<1>(0, 1)).reshape([batch, -1]);
        let vector = Tensor::cat(vec![text.clone(), encoded.cast(text.dtype())], 1);
        self.network.forward(vector, None)
    }
}

#[derive(Module, Debug)]
pub(crate) struct PooledText {
    norm1: LayerNorm,
    pool: Pool,
    proj: Linear,
    norm2: LayerNorm,
}

impl PooledText {
    /// # Shapes
    ///
    /// - `text`: `[B, S, C]`
    /// - output: `[B, time_channels]`
    fn forward(&self, text: Tensor<3>) -> Tensor<2> {
        self.norm2.forward(self.proj.forward(self.pool.forward(self.norm1.forward(text))))
    }
}

/// Attention of the mean of all positions to itself and them.
#[derive(Module, Debug)]
pub(crate) struct Pool {
    positional_embedding: Param<Tensor<2>>,
    k_proj: Linear,
    q_proj: Linear,
    v_proj: Linear,
    heads: usize,
}

impl Pool {
    fn new(channels: usize, heads: usize, init: &mut Init<'_>) -> Self {
        Self {
            positional_embedding: init.vector(channels),
            k_proj: init.linear(channels, channels),
            q_proj: init.linear(channels, channels),
            v_proj: init.linear(channels, channels),
            heads,
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, S, C]`
    /// - output: `[B, C]`
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let mean = x.clone().mean_dim(1) + self.positional_embedding.val().unsqueeze_dim(0);
        let mean_first = Tensor::cat(vec![mean.clone(), x], 1).swap_dims(1, 2);
        let q = ops::project(&self.q_proj, mean.swap_dims(1, 2));
        let k = ops::project(&self.k_proj, mean_first.clone());
        let v = ops::project(&self.v_proj, mean_first);
        ops::attention(q, k, v, self.heads).squeeze_dim(2)
    }
}
