use burn::module::{Param, ParamId};
use burn::nn::conv::Conv2d;
use burn::nn::{Embedding, GroupNorm, GroupNormConfig, LayerNorm, LayerNormConfig, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};
use random::Seed;

use crate::UNetConfig;
use crate::ops::LAYER_NORM_EPS;

/// Makes layers whose weights depend on a seed and on the order in which they are made, and on nothing else.
///
/// Burn's own initializers draw from the device when a parameter is first used, so that a weight would depend on
/// the backend and on what was drawn before. The laws are PyTorch's defaults.
pub struct Init<'a> {
    device: &'a Device,
    seed: Seed,
    next: u64,
}

#[derive(Clone, Copy)]
enum Law {
    Zeros,
    /// Uniform in `[-bound, bound)`.
    Uniform {
        bound: f64,
    },
    Normal {
        std: f64,
    },
}

impl Law {
    fn of_fan_in(fan_in: usize) -> Self {
        Self::Uniform { bound: 1.0 / (fan_in as f64).sqrt() }
    }

    fn draw(self, n: usize, seed: Seed, index: u64) -> Vec<f32> {
        let mut stream = seed.stream("unet/init", index);
        match self {
            Self::Zeros => vec![0.0; n],
            Self::Uniform { bound } => {
                (0..n).map(|_| (bound * (2.0 * stream.uniform() - 1.0)) as f32).collect()
            }
            Self::Normal { std } => {
                stream.normal(n).into_iter().map(|z| (std * f64::from(z)) as f32).collect()
            }
        }
    }
}

impl<'a> Init<'a> {
    /// The seed is that of the network; the layers are numbered in the order in which they are made.
    pub fn new(device: &'a Device, seed: u64) -> Self {
        Self { device, seed: Seed(seed), next: 0 }
    }

    /// A convolution of odd kernel size and stride 1 that keeps height and width.
    pub fn conv(&mut self, channels: [usize; 2], kernel: usize) -> Conv2d {
        self.conv_by(Law::of_fan_in(channels[0] * kernel * kernel), channels, kernel)
    }

    /// The same whose output starts at zero.
    pub(crate) fn zero_conv(&mut self, channels: [usize; 2], kernel: usize) -> Conv2d {
        self.conv_by(Law::Zeros, channels, kernel)
    }

    /// A linear layer.
    pub fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        self.linear_by(Law::of_fan_in(inputs), inputs, outputs)
    }

    /// A linear layer whose output starts at zero.
    pub fn zero_linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        self.linear_by(Law::Zeros, inputs, outputs)
    }

    /// A linear layer without a bias.
    pub fn linear_without_bias(&mut self, inputs: usize, outputs: usize) -> Linear {
        Linear { weight: self.param(Law::of_fan_in(inputs), [inputs, outputs]), bias: None }
    }

    /// A table of vectors of standard normal numbers.
    pub fn embedding(&mut self, rows: usize, channels: usize) -> Embedding {
        Embedding { weight: self.param(Law::Normal { std: 1.0 }, [rows, channels]) }
    }

    /// A table of vectors of uniform numbers in `[-bound, bound)`.
    pub fn uniform_embedding(&mut self, rows: usize, channels: usize, bound: f64) -> Embedding {
        Embedding { weight: self.param(Law::Uniform { bound }, [rows, channels]) }
    }

    /// The device of the layers.
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// Frequencies that are not trained, of standard deviation 16 as in Song et al. 2021.
    pub(crate) fn frequencies(&mut self, n: usize) -> Param<Tensor<1>> {
        self.param(Law::Normal { std: 16.0 }, [n]).set_require_grad(false)
    }

    /// A group norm with the configuration's groups; ones and zeros need no draw.
    pub(crate) fn group_norm(&self, config: &UNetConfig, channels: usize) -> GroupNorm {
        self.group_norm_of(config, config.groups_of(channels), channels)
    }

    /// A group norm with groups of its own.
    pub(crate) fn group_norm_of(&self, config: &UNetConfig, groups: usize, channels: usize) -> GroupNorm {
        self.group_norm_with(config.norm_eps, groups, channels)
    }

    /// A group norm with groups and an epsilon of its own.
    pub(crate) fn group_norm_with(&self, epsilon: f64, groups: usize, channels: usize) -> GroupNorm {
        GroupNormConfig::new(groups, channels).with_epsilon(epsilon).init(self.device)
    }

    /// A norm of all channels of a position.
    pub(crate) fn layer_norm(&self, channels: usize) -> LayerNorm {
        LayerNormConfig::new(channels).with_epsilon(LAYER_NORM_EPS).init(self.device)
    }

    /// One learnt vector, of standard deviation `1/sqrt(channels)`.
    pub(crate) fn vector(&mut self, channels: usize) -> Param<Tensor<2>> {
        self.param(Law::Normal { std: 1.0 / (channels as f64).sqrt() }, [1, channels])
    }

    /// Learnt positions `[channels, count]`, of the same deviation.
    pub(crate) fn positions(&mut self, channels: usize, count: usize) -> Param<Tensor<2>> {
        self.param(Law::Normal { std: 1.0 / (channels as f64).sqrt() }, [channels, count])
    }

    fn conv_by(&mut self, law: Law, [inputs, outputs]: [usize; 2], kernel: usize) -> Conv2d {
        let pad = kernel / 2;
        Conv2d {
            weight: self.param(law, [outputs, inputs, kernel, kernel]),
            bias: Some(self.param(law, [outputs])),
            stride: [1, 1],
            kernel_size: [kernel, kernel],
            dilation: [1, 1],
            groups: 1,
            padding: PaddingConfig2d::Explicit(pad, pad, pad, pad),
        }
    }

    fn linear_by(&mut self, law: Law, inputs: usize, outputs: usize) -> Linear {
        Linear { weight: self.param(law, [inputs, outputs]), bias: Some(self.param(law, [outputs])) }
    }

    fn param<const D: usize>(&mut self, law: Law, shape: [usize; D]) -> Param<Tensor<D>> {
        let (seed, index) = (self.seed, self.next);
        self.next += 1;
        let draw = move |device: &Device, require_grad: bool| {
            let values = TensorData::new(law.draw(shape.iter().product(), seed, index), shape);
            // As Burn's initializers do: weights outlive the step, so they are kept out of its memory pool.
            let tensor =
                device.memory_persistent_allocations((), |()| Tensor::<D>::from_data(values.clone(), device));
            if require_grad { tensor.require_grad() } else { tensor }
        };
        Param::uninitialized(ParamId::new(), draw, self.device.clone(), true, shape.into())
    }
}
