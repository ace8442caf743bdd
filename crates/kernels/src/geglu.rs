use burn::tensor::Tensor;
use burn::tensor::activation::gelu;

use crate::cpu::geglu::{gradient, multiply};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};

/// `a gelu(b)` of the two halves of the channels.
///
/// # Shapes
///
/// - `x`: `[B, 2 C, positions]`
/// - output: `[B, C, positions]`
pub fn geglu(x: Tensor<3>) -> Tensor<3> {
    let [batch, both, positions] = x.dims();
    let channels = both / 2;
    if graph::runs_on(&x) && batch * channels * positions > 0 {
        let kernel = Geglu { half: channels * positions };
        return graph::run(kernel, [x.into_dispatch()], [batch, channels, positions]);
    }
    x.clone().narrow(1, 0, channels) * gelu(x.narrow(1, channels, channels))
}

#[derive(Clone, Debug)]
struct Geglu {
    half: usize,
}

impl Kernel<1> for Geglu {
    const NEEDED: [bool; 1] = [true];
    type Kept = ();

    fn forward(&self, [x]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        (multiply(Simd::best(), self.half, x), ())
    }

    fn backward(&self, [x]: [&[f32]; 1], _: &(), dy: &[f32], _: [bool; 1]) -> [Option<Vec<f32>>; 1] {
        [Some(gradient(Simd::best(), self.half, x, dy))]
    }
}
