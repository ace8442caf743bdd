use burn::module::Param;
use burn::nn::Linear;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::prelude::*;
use random::Seed;

use crate::activation::Activation;

/// Makes parameters whose values depend on a seed and on the order in which they are made, and on nothing else.
pub(crate) struct Init<'a> {
    device: &'a Device,
    seed: Seed,
    next: u64,
}

impl<'a> Init<'a> {
    pub(crate) fn new(seed: u64, device: &'a Device) -> Self {
        Self { device, seed: Seed(seed), next: 0 }
    }

    /// Normal values of mean 0.
    pub(crate) fn normal<const D: usize>(&mut self, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        let mut values = self.seed.stream("init", self.next).normal(shape.iter().product());
        self.next += 1;
        values.iter_mut().for_each(|value| *value *= std as f32);
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), self.device))
    }

    pub(crate) fn full<const D: usize>(&self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::full(shape, value, self.device))
    }

    /// A linear layer between two activations that keeps the variance of its input (LeCun et al. 1998). Between sigmoids,
    /// which have a quarter of the slope of others and their middle at 1/2, it is made so that they act as hyperbolic
    /// tangents would; else three layers of them let next to nothing through.
    pub(crate) fn linear(&mut self, inputs: usize, outputs: usize, activation: Activation) -> Linear {
        let (gain, middle) = if activation == Activation::Sigmoid { (4.0, 0.5) } else { (1.0, 0.0) };
        let weight = self.normal([inputs, outputs], gain * (1.0 / inputs as f64).sqrt());
        let bias = weight.val().sum_dim(0).reshape([outputs]) * -middle;
        Linear { weight, bias: Some(Param::from_tensor(bias.detach())) }
    }

    /// A convolution that keeps height and width; `kernel_size` is odd. `gain` scales its weights.
    pub(crate) fn conv(&mut self, inputs: usize, outputs: usize, kernel_size: usize, gain: f64) -> Conv2d {
        let std = gain * (1.0 / (inputs * kernel_size * kernel_size) as f64).sqrt();
        let pad = kernel_size / 2;
        Conv2d {
            weight: self.normal([outputs, inputs, kernel_size, kernel_size], std),
            bias: Some(self.full([outputs], 0.0)),
            stride: [1, 1],
            kernel_size: [kernel_size; 2],
            dilation: [1, 1],
            groups: 1,
            padding: PaddingConfig2d::Explicit(pad, pad, pad, pad),
        }
    }
}
