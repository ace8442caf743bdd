use std::f64::consts::SQRT_2;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Dropout, DropoutConfig, GroupNorm, Linear};
use burn::tensor::Tensor;

use crate::init::Init;
use crate::resample::{Filter, Scale};
use crate::{Activation, Resample, UNetConfig, ops};

/// Groups of the norm before attention in a level with [`Resample::Skip`].
pub(crate) const SKIP_ATTENTION_GROUPS: usize = 32;

/// Groups of a norm in a residual block of a level with [`Resample::Skip`]: of four channels, up to 32 of them.
pub(crate) fn skip_groups(channels: usize) -> usize {
    (channels / 4).clamp(1, 32)
}

/// What distinguishes one [`ResBlock`] of a network from the others.
pub(crate) struct ResBlockConfig {
    channels: [usize; 2],
    scale: Scale,
    divisor: f64,
    skip: bool,
    /// Groups of the first norm, where they do not follow from its channels.
    groups: Option<usize>,
}

impl ResBlockConfig {
    /// From `inputs` to `outputs` channels.
    pub(crate) fn new(inputs: usize, outputs: usize) -> Self {
        Self { channels: [inputs, outputs], scale: Scale::Same, divisor: 1.0, skip: false, groups: None }
    }

    /// With so many groups of the first norm.
    pub(crate) fn with_groups(self, groups: Option<usize>) -> Self {
        Self { groups, ..self }
    }

    /// Changes the resolution within the block, in both of its branches.
    pub(crate) fn with_scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// Divides the sum of the two branches.
    pub(crate) fn with_divisor(self, divisor: f64) -> Self {
        Self { divisor, ..self }
    }

    /// As the levels with `resample` have it.
    pub(crate) fn with_resample(self, config: &UNetConfig, resample: Resample) -> Self {
        match resample {
            Resample::Skip => Self { divisor: SQRT_2, skip: true, ..self },
            Resample::Block => Self { divisor: config.block_divisor, ..self },
            Resample::Conv | Resample::Pool => self,
        }
    }

    pub(crate) fn init(&self, config: &UNetConfig, init: &mut Init<'_>) -> ResBlock {
        let [inputs, outputs] = self.channels;
        let groups = |channels| if self.skip { skip_groups(channels) } else { config.groups_of(channels) };
        let projected = if config.scale_shift { 2 * outputs } else { outputs };
        let filtered = matches!(self.scale, Scale::Half(Filter::Fir) | Scale::Double(Filter::Fir));
        ResBlock {
            norm1: init.group_norm_of(config, self.groups.unwrap_or(groups(inputs)), inputs),
            conv1: init.conv([inputs, outputs], 3),
            time_emb_proj: init.linear(config.block_time_channels(), projected),
            norm2: init.group_norm_of(config, groups(outputs), outputs),
            dropout: DropoutConfig::new(config.dropout).init(),
            conv2: init.zero_conv([outputs, outputs], 3),
            conv_shortcut: (inputs != outputs || filtered).then(|| init.conv([inputs, outputs], 1)),
            scale_shift: config.scale_shift,
            divisor: self.divisor,
            activation: config.activation,
            scale: self.scale,
        }
    }
}

/// A residual block: two 3x3 convolutions, each behind group norm and an activation, with the time embedding between
/// them (Ho et al. 2020, appendix B).
#[derive(Module, Debug)]
pub(crate) struct ResBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    dropout: Dropout,
    conv2: Conv2d,
    /// 1x1, where the number of channels changes and where the resolution is filtered.
    conv_shortcut: Option<Conv2d>,
    scale_shift: bool,
    divisor: f64,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    scale: Scale,
}

impl ResBlock {
    /// # Shapes
    ///
    /// - `x`: `[B, inputs, H, W]`
    /// - `emb`: `[B, time_channels]`, activated unless the configuration says otherwise
    /// - output: `[B, outputs, H, W]`, or half or double the height and width
    pub(crate) fn forward(&self, x: Tensor<4>, emb: Tensor<2>) -> Tensor<4> {
        ops::recomputed(self, [x, ops::as_image(emb)], self.draws(), |block, [x, emb]| {
            block.apply(x, emb.flatten(1, 3))
        })
    }

    /// The same of `x` with the channels of `skip` behind its own.
    pub(crate) fn forward_joined(&self, x: Tensor<4>, skip: Tensor<4>, emb: Tensor<2>) -> Tensor<4> {
        ops::recomputed(self, [x, skip, ops::as_image(emb)], self.draws(), |block, [x, skip, emb]| {
            block.apply(Tensor::cat(vec![x, skip], 1), emb.flatten(1, 3))
        })
    }

    fn draws(&self) -> bool {
        self.dropout.prob > 0.0
    }

    fn apply(&self, x: Tensor<4>, emb: Tensor<2>) -> Tensor<4> {
        let h = self.scale.apply(self.activation.group_norm(&self.norm1, x.clone()));
        let h = ops::conv(&self.conv1, h);
        let h = self.condition(h, self.time_emb_proj.forward(emb));
        let h = ops::conv(&self.conv2, self.dropout.forward(h));
        let x = self.scale.apply(x);
        let sum = match &self.conv_shortcut {
            Some(conv) => ops::conv(conv, x) + h,
            None => x + h,
        };
        ops::divide(sum, self.divisor)
    }

    fn condition(&self, h: Tensor<4>, projected: Tensor<2>) -> Tensor<4> {
        if !self.scale_shift {
            return self.activation.bias_group_norm(&self.norm2, h, projected);
        }
        let channels = h.dims()[1];
        let scale = projected.clone().narrow(1, 0, channels);
        let shift = projected.narrow(1, channels, channels);
        self.activation.group_norm_modulate(&self.norm2, h, scale, shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    /// The second convolution starts at zero, so that a new block only divides what its shortcut lets through.
    #[test]
    fn a_new_block_divides_its_input() {
        let device = Device::flex();
        let config = UNetConfig { channels: 8, channel_mult: vec![1], ..UNetConfig::default() };
        let x = Tensor::<1>::from_floats([1.0, -2.0, 3.0, 0.5], &device);
        let x = x.reshape([1, 1, 2, 2]).repeat_dim(1, 8);
        let emb = Tensor::<2>::ones([1, config.resolved_time_channels()], &device);
        let blocks = UNetConfig { block_divisor: 3.0, ..config.clone() };
        let new = || ResBlockConfig::new(8, 8);
        for (block, divisor) in [
            (new().with_resample(&config, Resample::Conv), 1.0),
            (new().with_divisor(2.0), 2.0),
            (new().with_resample(&config, Resample::Skip), SQRT_2),
            (new().with_resample(&blocks, Resample::Block), 3.0),
        ] {
            let block = block.init(&config, &mut Init::new(&device, 0));
            let expected = (x.clone() / divisor).into_data();
            let output = block.forward(x.clone(), emb.clone()).into_data();
            output.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
        }
    }
}
