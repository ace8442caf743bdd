use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::cpu::attention::{Attention, Gradients, attend, gradients};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};
use crate::operations::count;

/// Scaled dot-product attention between positions, within each of `heads`.
///
/// # Shapes
///
/// - `q`, `k`, `v` and output: `[B, C, positions]`, where C are the channels of all heads
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, heads: usize) -> Tensor<3> {
    let shape @ [_, channels, pixels] = q.dims();
    count(q.shape().num_elements(), 2 * pixels);
    let ours = [&q, &k, &v].into_iter().all(|x| x.dims() == shape && graph::runs_on(x));
    if ours && channels.is_multiple_of(heads) && q.shape().num_elements() > 0 {
        let attention = Attention { channels: channels / heads, pixels };
        return graph::run(attention, [q, k, v].map(Tensor::into_dispatch), shape);
    }
    let [q, k, v] = [q, k, v].map(|x| {
        let [batch, channels, positions] = x.dims();
        x.reshape([batch, heads, channels / heads, positions]).swap_dims(2, 3)
    });
    let d = q.dims()[3] as f64;
    softmax((q / d.sqrt()).matmul(k.transpose()), 3).matmul(v).swap_dims(2, 3).reshape(shape)
}

impl Kernel<3> for Attention {
    const NEEDED: [bool; 3] = [true; 3];
    type Kept = ();

    fn forward(&self, [q, k, v]: [&[f32]; 3]) -> (Vec<f32>, ()) {
        (attend(Simd::best(), *self, q, k, v), ())
    }

    fn backward(&self, inputs: [&[f32]; 3], _: &(), dy: &[f32], _: [bool; 3]) -> [Option<Vec<f32>>; 3] {
        let Gradients { q, k, v } = gradients(Simd::best(), *self, inputs, dy);
        [Some(q), Some(k), Some(v)]
    }
}
