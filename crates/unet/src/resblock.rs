use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Dropout, DropoutConfig, GroupNorm, Linear};
use burn::tensor::Tensor;

use crate::init::Init;
use crate::resample::Scale;
use crate::{UNetConfig, ops};

/// A residual block: two 3x3 convolutions, each behind group norm and SiLU, with the time embedding between them
/// (Ho et al. 2020, appendix B).
#[derive(Module, Debug)]
pub(crate) struct ResBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    dropout: Dropout,
    conv2: Conv2d,
    /// 1x1, where the number of channels changes.
    conv_shortcut: Option<Conv2d>,
    scale_shift: bool,
    #[module(skip)]
    scale: Scale,
}

impl ResBlock {
    /// From `inputs` to `outputs` channels; `scale` is applied within the block to both of its branches.
    pub(crate) fn new(
        config: &UNetConfig,
        [inputs, outputs]: [usize; 2],
        scale: Scale,
        init: &mut Init<'_>,
    ) -> Self {
        let projected = if config.scale_shift { 2 * outputs } else { outputs };
        Self {
            norm1: init.group_norm(config, inputs),
            conv1: init.conv([inputs, outputs], 3),
            time_emb_proj: init.linear(config.time_channels(), projected),
            norm2: init.group_norm(config, outputs),
            dropout: DropoutConfig::new(config.dropout).init(),
            conv2: init.zero_conv([outputs, outputs]),
            conv_shortcut: (inputs != outputs).then(|| init.conv([inputs, outputs], 1)),
            scale_shift: config.scale_shift,
            scale,
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, inputs, H, W]`
    /// - `emb`: `[B, time_channels]`, activated
    /// - output: `[B, outputs, H, W]`, or half or double the height and width
    pub(crate) fn forward(&self, x: Tensor<4>, emb: Tensor<2>) -> Tensor<4> {
        let h = self.scale.apply(ops::group_norm_silu(&self.norm1, x.clone()));
        let h = ops::conv(&self.conv1, h);
        let h = self.condition(h, self.time_emb_proj.forward(emb));
        let h = ops::conv(&self.conv2, self.dropout.forward(h));
        let x = self.scale.apply(x);
        match &self.conv_shortcut {
            Some(conv) => ops::conv(conv, x) + h,
            None => x + h,
        }
    }

    fn condition(&self, h: Tensor<4>, projected: Tensor<2>) -> Tensor<4> {
        if !self.scale_shift {
            return ops::bias_group_norm_silu(&self.norm2, h, projected);
        }
        let channels = h.dims()[1];
        let scale = projected.clone().narrow(1, 0, channels);
        let shift = projected.narrow(1, channels, channels);
        ops::group_norm_modulate_silu(&self.norm2, h, scale, shift)
    }
}
