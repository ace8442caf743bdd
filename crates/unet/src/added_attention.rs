use burn::module::Module;
use burn::nn::{GroupNorm, Linear};
use burn::tensor::Tensor;

use crate::context::Context;
use crate::cross_attention::CONTEXT_GROUPS;
use crate::init::Init;
use crate::{UNetConfig, ops};

/// Added to the variance in its norms.
const NORM_EPS: f64 = 1e-5;

/// Attention of pixels to a context and to each other at once, added to the image (Saharia et al. 2022, appendix B).
#[derive(Module, Debug)]
pub(crate) struct AddedAttention {
    group_norm: GroupNorm,
    norm_cross: Option<GroupNorm>,
    to_q: Linear,
    /// None where pixels attend to the context only.
    to_k: Option<Linear>,
    to_v: Option<Linear>,
    add_k_proj: Linear,
    add_v_proj: Linear,
    to_out: Linear,
    heads: usize,
}

impl AddedAttention {
    pub(crate) fn new(
        config: &UNetConfig,
        channels: usize,
        heads: usize,
        [context_only, norm_context]: [bool; 2],
        init: &mut Init<'_>,
    ) -> Self {
        let context_channels = config.context.map_or(channels, |context| context.channels);
        let norm = |groups, channels| init.group_norm_with(NORM_EPS, groups, channels);
        let (group_norm, norm_cross) = (
            norm(config.groups_of(channels), channels),
            norm_context.then(|| norm(CONTEXT_GROUPS, context_channels)),
        );
        Self {
            group_norm,
            norm_cross,
            to_q: init.linear(channels, channels),
            to_k: (!context_only).then(|| init.linear(channels, channels)),
            to_v: (!context_only).then(|| init.linear(channels, channels)),
            add_k_proj: init.linear(context_channels, channels),
            add_v_proj: init.linear(context_channels, channels),
            to_out: init.zero_linear(channels, channels),
            heads,
        }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    pub(crate) fn forward(&self, x: Tensor<4>, context: &Context) -> Tensor<4> {
        let shape = x.dims();
        let pixels = ops::group_norm(&self.group_norm, x.clone()).flatten::<3>(2, 3);
        let tokens = match &self.norm_cross {
            Some(norm) => ops::group_norm(norm, context.tokens.clone().unsqueeze_dim(3)).squeeze_dim(3),
            None => context.tokens.clone(),
        };
        let with_own = |added: &Linear, own: &Option<Linear>| {
            let added = ops::project(added, tokens.clone());
            match own {
                Some(own) => Tensor::cat(vec![added, ops::project(own, pixels.clone())], 2),
                None => added,
            }
        };
        let k = with_own(&self.add_k_proj, &self.to_k);
        let v = with_own(&self.add_v_proj, &self.to_v);
        let bias = context.bias.clone().map(|bias| {
            let own = k.dims()[2] - tokens.dims()[2];
            bias.pad((0, own, 0, 0), 0.0)
        });
        let mixed = ops::biased_attention(ops::project(&self.to_q, pixels), k, v, bias, self.heads);
        x + ops::project(&self.to_out, mixed).reshape(shape)
    }
}
