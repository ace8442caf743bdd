use burn::module::{Param, ParamId};
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
        let draw = self.next_draw(shape, std);
        self.lazy(shape, draw)
    }

    pub(crate) fn full<const D: usize>(&self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        self.lazy(shape, move |device| Tensor::full(shape, value, device))
    }

    /// What draws the next parameter on a device.
    fn next_draw<const D: usize>(
        &mut self,
        shape: [usize; D],
        std: f64,
    ) -> impl Fn(&Device) -> Tensor<D> + Copy + Send + Sync + use<D> {
        let (seed, index) = (self.seed, self.next);
        self.next += 1;
        move |device| {
            let mut values = seed.stream("init", index).normal(shape.iter().product());
            values.iter_mut().for_each(|value| *value *= std as f32);
            Tensor::from_data(TensorData::new(values, shape), device)
        }
    }

    /// A parameter whose values are made when they are first asked for: a network's size is known before it takes memory.
    fn lazy<const D: usize>(
        &self,
        shape: [usize; D],
        make: impl Fn(&Device) -> Tensor<D> + Send + Sync + 'static,
    ) -> Param<Tensor<D>> {
        let make = move |device: &Device, require_grad: bool| match require_grad {
            true => make(device).require_grad(),
            false => make(device),
        };
        Param::uninitialized(ParamId::new(), make, self.device.clone(), true, shape.into())
    }

    /// A linear layer between two activations that keeps the variance of its input (LeCun et al. 1998). Between sigmoids,
    /// which have a quarter of the slope of others and their middle at 1/2, it is made so that they act as hyperbolic
    /// tangents would; else three layers of them let next to nothing through.
    pub(crate) fn linear(&mut self, inputs: usize, outputs: usize, activation: Activation) -> Linear {
        let (gain, middle) = if activation == Activation::Sigmoid { (4.0, 0.5) } else { (1.0, 0.0) };
        let draw = self.next_draw([inputs, outputs], gain * (1.0 / inputs as f64).sqrt());
        let bias = move |device: &Device| draw(device).sum_dim(0).reshape([outputs]) * -middle;
        Linear { weight: self.lazy([inputs, outputs], draw), bias: Some(self.lazy([outputs], bias)) }
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
