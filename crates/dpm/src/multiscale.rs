use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::bumps::{Bumps, TimeScale};
use crate::error::DpmError;
use crate::init::Init;

/// The network for images (Sohl-Dickstein et al. 2015, appendix D.2): convolutions at several scales beside dense layers,
/// then layers within each pixel, which give it the coefficients of bumps along the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiScaleConfig {
    /// Layers of convolutions; 0 leaves the dense path alone.
    pub conv_layers: usize,
    /// Their channels.
    pub conv_channels: usize,
    /// Scales of each: the image, half of it, a quarter of it...
    pub scales: usize,
    /// Side of their kernels, odd.
    pub kernel_size: usize,
    /// Hidden dense layers; 0 leaves the convolutions alone.
    pub dense_layers: usize,
    /// Their width.
    pub dense_units: usize,
    /// Values that the dense path gives to each pixel.
    pub dense_channels: usize,
    /// Layers within each pixel before the last.
    pub upper_layers: usize,
    /// Their channels.
    pub upper_channels: usize,
    /// Bumps along the chain.
    pub bumps: usize,
    /// What stands between layers.
    pub activation: Activation,
}

impl Default for MultiScaleConfig {
    /// Those of the released code for MNIST, but for the fewer scales.
    fn default() -> Self {
        Self {
            conv_layers: 4,
            conv_channels: 20,
            scales: 3,
            kernel_size: 3,
            dense_layers: 4,
            dense_units: 500,
            dense_channels: 2,
            upper_layers: 2,
            upper_channels: 20,
            bumps: 10,
            activation: Activation::LeakyRelu,
        }
    }
}

impl MultiScaleConfig {
    /// For each layer a convolution for each scale.
    fn convs(&self, channels: usize, init: &mut Init) -> Vec<Vec<Conv2d>> {
        let gain = 1.0 / (self.scales as f64).sqrt();
        let mut layer = |inputs| {
            let scale = |_| init.conv(inputs, self.conv_channels, self.kernel_size, gain);
            (0..self.scales).map(scale).collect()
        };
        (0..self.conv_layers).map(|i| layer(if i == 0 { channels } else { self.conv_channels })).collect()
    }

    /// The hidden layers and the one that gives each pixel its values.
    fn dense(&self, inputs: usize, pixels: usize, init: &mut Init) -> Vec<Linear> {
        if self.dense_layers == 0 {
            return Vec::new();
        }
        let mut widths = vec![inputs];
        widths.extend(vec![self.dense_units; self.dense_layers]);
        widths.push(self.dense_channels * pixels);
        widths.windows(2).map(|ends| init.linear(ends[0], ends[1], self.activation)).collect()
    }

    pub(crate) fn validate(&self) -> Result<(), DpmError> {
        let counts = [
            ("conv_channels", self.conv_channels, 1, 1 << 12),
            ("scales", self.scales, 1, 8),
            ("dense_units", self.dense_units, 1, 1 << 16),
            ("dense_channels", self.dense_channels, 1, 1 << 12),
            ("upper_channels", self.upper_channels, 1, 1 << 12),
            ("bumps", self.bumps, 1, 1 << 10),
            ("conv_layers", self.conv_layers, 0, 1 << 8),
            ("dense_layers", self.dense_layers, 0, 1 << 8),
            ("upper_layers", self.upper_layers, 0, 1 << 8),
        ];
        if let Some((key, value, ..)) =
            counts.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value))
        {
            return Err(DpmError::value(key, value, "it is out of range"));
        }
        if self.kernel_size.is_multiple_of(2) || self.kernel_size > 63 {
            return Err(DpmError::value("kernel_size", self.kernel_size, "it must be odd and below 64"));
        }
        if self.conv_layers == 0 && self.dense_layers == 0 {
            return Err(DpmError::value(
                "conv_layers",
                0,
                "there are no dense layers either: nothing would see the image",
            ));
        }
        Ok(())
    }
}

/// [`MultiScaleConfig`]'s network.
#[derive(Module, Debug)]
pub struct MultiScale {
    /// For each layer its scales, finest first.
    convs: Vec<Vec<Conv2d>>,
    dense: Vec<Linear>,
    upper: Vec<Conv2d>,
    last: Conv2d,
    #[module(skip)]
    bumps: Bumps,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    shape: [usize; 3],
    #[module(skip)]
    dense_channels: usize,
}

impl MultiScale {
    pub(crate) fn new(
        config: &MultiScaleConfig,
        shape: [usize; 3],
        outputs: usize,
        length: usize,
        init: &mut Init,
    ) -> Self {
        let [channels, height, width] = shape;
        let pixels = height * width;
        let convs = config.convs(channels, init);
        let dense = config.dense(channels * pixels, pixels, init);
        let conv_channels = if convs.is_empty() { 0 } else { config.conv_channels };
        let dense_channels = if dense.is_empty() { 0 } else { config.dense_channels };
        let mut inner = conv_channels + dense_channels;
        let mut upper = Vec::new();
        for _ in 0..config.upper_layers {
            upper.push(init.conv(inner, config.upper_channels, 1, 1.0));
            inner = config.upper_channels;
        }
        let last = init.conv(inner, outputs / pixels * config.bumps, 1, 0.0);
        let bumps = Bumps::new(config.bumps, length, TimeScale::Even);
        Self { convs, dense, upper, last, bumps, activation: config.activation, shape, dense_channels }
    }

    pub(crate) fn forward(&self, x: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let [groups, states, values] = x.dims();
        let [channels, height, width] = self.shape;
        let (images, pixels) = (groups * states, height * width);
        let rows = x.reshape([images, values]);
        let mut parts = Vec::new();
        if !self.convs.is_empty() {
            parts.push(self.convolve(rows.clone().reshape([images, channels, height, width])));
        }
        if !self.dense.is_empty() {
            let dense =
                self.dense.iter().fold(rows, |rows, layer| self.activation.forward(layer.forward(rows)));
            parts.push(dense.reshape([images, self.dense_channels, height, width]));
        }
        let lower = Tensor::cat(parts, 1);
        let upper =
            self.upper.iter().fold(lower, |x, layer| self.activation.forward(kernels::conv2d(layer, x)));
        let coefficients = kernels::conv2d(&self.last, upper);
        let bumps = self.bumps.at(steps, &coefficients.device().inner());
        let [_, count] = bumps.dims();
        let outputs = coefficients.dims()[1] / count;
        let coefficients = coefficients.reshape([groups, states * outputs, count, pixels]);
        let mixed = (coefficients * bumps.reshape([groups, 1, count, 1])).sum_dim(2);
        mixed.reshape([groups, states, outputs * pixels])
    }

    fn convolve(&self, x: Tensor<4>) -> Tensor<4> {
        self.convs.iter().fold(x, |x, scales| {
            let [_, _, height, width] = x.dims();
            let at = |(scale, layer): (usize, &Conv2d)| {
                if scale == 0 {
                    return kernels::conv2d(layer, x.clone());
                }
                let side = 1 << scale;
                let small = kernels::conv2d(layer, kernels::mean_pool2d(x.clone(), side));
                kernels::upsample_nearest2d(small, side, [height, width])
            };
            let sum = scales.iter().enumerate().map(at).reduce(|sum, scale| sum + scale);
            self.activation.forward(sum.unwrap_or(x))
        })
    }
}
