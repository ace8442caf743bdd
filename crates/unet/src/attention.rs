use std::f64::consts::SQRT_2;

use burn::module::Module;
use burn::nn::{GroupNorm, Linear};
use burn::tensor::Tensor;

use crate::init::Init;
use crate::resblock::SKIP_ATTENTION_GROUPS;
use crate::{Resample, UNetConfig, ops};

/// Self-attention of an image's pixels, added to the image (Ho et al. 2020, appendix B).
#[derive(Module, Debug)]
pub(crate) struct Attention {
    group_norm: Option<GroupNorm>,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
    divisor: f64,
}

impl Attention {
    /// The norm has `groups` groups, if there is one; the sum is divided by `divisor`.
    pub(crate) fn new(
        config: &UNetConfig,
        channels: usize,
        groups: Option<usize>,
        divisor: f64,
        init: &mut Init<'_>,
    ) -> Self {
        Self {
            group_norm: groups.map(|groups| init.group_norm_of(config, groups, channels)),
            to_q: init.linear(channels, channels),
            to_k: init.linear(channels, channels),
            to_v: init.linear(channels, channels),
            to_out: init.zero_linear(channels, channels),
            heads: config.heads(channels),
            divisor,
        }
    }

    /// That of a level with the given `resample`.
    pub(crate) fn of_level(
        config: &UNetConfig,
        channels: usize,
        resample: Resample,
        init: &mut Init<'_>,
    ) -> Self {
        let (groups, divisor) = match resample {
            Resample::Skip => (SKIP_ATTENTION_GROUPS, SQRT_2),
            Resample::Conv | Resample::Pool | Resample::Block => (config.groups_of(channels), 1.0),
        };
        Self::new(config, channels, Some(groups), divisor, init)
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::recomputed(self, [x], false, |attention, [x]| attention.apply(x))
    }

    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let shape = x.dims();
        let normed = match &self.group_norm {
            Some(norm) => ops::group_norm(norm, x.clone()),
            None => x.clone(),
        };
        let pixels = normed.flatten::<3>(2, 3);
        let [q, k, v] = [&self.to_q, &self.to_k, &self.to_v].map(|layer| ops::project(layer, pixels.clone()));
        let added = ops::project(&self.to_out, ops::attention(q, k, v, self.heads)).reshape(shape);
        ops::divide(x + added, self.divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    /// The last layer starts at zero, so that new attention only divides.
    #[test]
    fn new_attention_divides_its_input() {
        let device = Device::flex();
        let config = UNetConfig { channels: 32, channel_mult: vec![1], ..UNetConfig::default() };
        let x = Tensor::<1>::from_floats([1.0, -2.0, 3.0, 0.5], &device);
        let x = x.reshape([1, 1, 2, 2]).repeat_dim(1, 32);
        for (resample, divisor) in [(Resample::Conv, 1.0), (Resample::Skip, SQRT_2)] {
            let attention = Attention::of_level(&config, 32, resample, &mut Init::new(&device, 0));
            let expected = (x.clone() / divisor).into_data();
            let output = attention.forward(x.clone()).into_data();
            output.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
        }
    }
}
