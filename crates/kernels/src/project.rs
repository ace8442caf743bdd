use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::cpu::convolution::bias_gradient;
use crate::cpu::pointwise;
use crate::cpu::pointwise::{Pointwise, project_input_gradient, project_weight_gradient};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};
use crate::operations::count;

/// A layer's map of the channels of each position.
///
/// # Shapes
///
/// - `x`: `[B, channels in, positions]`
/// - output: `[B, channels out, positions]`
pub fn project(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    let [batch, inputs, pixels] = x.dims();
    let weight = layer.weight.val();
    let [rows, outputs] = weight.dims();
    count(batch * outputs * pixels, rows);
    let bias = match &layer.bias {
        Some(bias) => bias.val(),
        None => Tensor::zeros([outputs], (&x.device(), x.dtype())),
    };
    let ours = graph::runs_on(&x) && graph::runs_on(&weight) && graph::runs_on(&bias);
    if !ours || rows != inputs || batch * pixels == 0 {
        return layer.forward(x.swap_dims(1, 2)).swap_dims(1, 2);
    }
    let kernel = Projection(Pointwise { batch, inputs, outputs, pixels });
    let inputs = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
    graph::run(kernel, inputs, [batch, outputs, pixels])
}

#[derive(Clone, Debug)]
struct Projection(Pointwise);

impl Kernel<3> for Projection {
    const NEEDED: [bool; 3] = [true, true, false];
    type Kept = ();

    fn forward(&self, [x, weight, bias]: [&[f32]; 3]) -> (Vec<f32>, ()) {
        (pointwise::project(Simd::best(), self.0, x, weight, bias), ())
    }

    fn backward(
        &self,
        [x, weight, _]: [&[f32]; 3],
        _: &(),
        dy: &[f32],
        wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3] {
        let simd = Simd::best();
        [
            wanted[0].then(|| project_input_gradient(simd, self.0, dy, weight)),
            wanted[1].then(|| project_weight_gradient(simd, self.0, x, dy)),
            wanted[2].then(|| bias_gradient(dy, self.0.outputs, self.0.pixels)),
        ]
    }
}
