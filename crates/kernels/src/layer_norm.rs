use std::sync::Arc;

use burn::nn;
use burn::tensor::Tensor;

use crate::cpu::layer_norm::{LayerNorm, Statistics, gradients, normalize};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};
use crate::norm::over_images;

/// The norm of the channels of each position; `epsilon` is the layer's own, which it does not tell.
///
/// # Shapes
///
/// - `x` and output: `[B, C, positions]`
pub fn layer_norm(layer: &nn::LayerNorm, epsilon: f64, x: Tensor<3>) -> Tensor<3> {
    let shape @ [batch, channels, positions] = x.dims();
    let gamma = layer.gamma.val();
    if let Some(beta) = layer.beta.as_ref().map(|beta| beta.val()) {
        let ours = graph::runs_on(&x) && graph::runs_on(&gamma) && graph::runs_on(&beta);
        if ours && gamma.dims() == [channels] && batch * channels * positions > 0 {
            let kernel = LayerNorm { channels, positions, epsilon: epsilon as f32 };
            let inputs = [x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch()];
            return graph::run(kernel, inputs, shape);
        }
    }
    layer.forward(x.swap_dims(1, 2)).swap_dims(1, 2)
}

impl Kernel<3> for LayerNorm {
    const NEEDED: [bool; 3] = [true, true, false];
    type Kept = Arc<Statistics>;

    fn forward(&self, [x, gamma, beta]: [&[f32]; 3]) -> (Vec<f32>, Self::Kept) {
        let (y, statistics) = normalize(Simd::best(), *self, x, gamma, beta);
        (y, statistics.into())
    }

    fn backward(
        &self,
        [x, gamma, _]: [&[f32]; 3],
        kept: &Self::Kept,
        dy: &[f32],
        _: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let all = gradients(Simd::best(), *self, x, gamma, kept, dy);
        let [gamma, beta] = [all.gamma, all.beta].map(|values| Some(over_images(self.channels, values)));
        [Some(all.x), gamma, beta]
    }
}
