use burn::tensor::{Tensor, activation};

use crate::cpu::activation::{Activation, gradient, values};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};

/// `x`, below 0 times `slope`.
pub fn leaky_relu<const D: usize>(x: Tensor<D>, slope: f32) -> Tensor<D> {
    run(Activation::LeakyRelu { slope }, x, |x| activation::leaky_relu(x, f64::from(slope)))
}

/// `ln(1 + eˣ)`
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    run(Activation::Softplus, x, |x| activation::softplus(x, 1.0))
}

fn run<const D: usize>(
    kernel: Activation,
    x: Tensor<D>,
    burns: impl Fn(Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    if !graph::runs_on(&x) || x.shape().num_elements() == 0 {
        return burns(x);
    }
    let shape = x.dims();
    graph::run(kernel, [x.into_dispatch()], shape)
}

impl Kernel<1> for Activation {
    const NEEDED: [bool; 1] = [true];
    type Kept = ();

    fn forward(&self, [x]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        (values(Simd::best(), *self, x), ())
    }

    fn backward(&self, [x]: [&[f32]; 1], _: &(), dy: &[f32], _: [bool; 1]) -> [Option<Vec<f32>>; 1] {
        [Some(gradient(Simd::best(), *self, x, dy))]
    }
}
