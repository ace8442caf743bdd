use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::init::Init;
use crate::{UNetConfig, ops};

/// Makes one vector of a picture: the mean of its pixels attends to them and to itself, each at a learnt position (Radford et
/// al. 2021, arXiv 2103.00020, section 2.4; the head of ADM's classifiers).
#[derive(Module, Debug)]
pub(crate) struct AttentionPool {
    /// `[C, 1 + pixels]`, the mean's first.
    position: Param<Tensor<2>>,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

impl AttentionPool {
    /// Of pictures with so many pixels.
    pub(crate) fn new(config: &UNetConfig, channels: usize, pixels: usize, init: &mut Init<'_>) -> Self {
        Self {
            position: init.positions(channels, 1 + pixels),
            to_q: init.linear(channels, channels),
            to_k: init.linear(channels, channels),
            to_v: init.linear(channels, channels),
            to_out: init.linear(channels, config.out_channels),
            heads: config.heads(channels),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, C, H, W]`, of as many pixels as it was made for
    /// - output: `[B, out_channels]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let pixels = x.flatten::<3>(2, 3);
        let tokens = Tensor::cat(vec![pixels.clone().mean_dim(2), pixels], 2);
        let tokens = tokens + self.position.val().unsqueeze_dim(0);
        let q = ops::project(&self.to_q, tokens.clone().narrow(2, 0, 1));
        let [k, v] = [&self.to_k, &self.to_v].map(|layer| ops::project(layer, tokens.clone()));
        ops::project(&self.to_out, ops::attention(q, k, v, self.heads)).squeeze_dim(2)
    }
}
