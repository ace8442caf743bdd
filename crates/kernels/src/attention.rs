use burn::tensor::Tensor;
use burn::tensor::module::attention as scaled_dot_product;
use burn::tensor::ops::AttentionModuleOptions;

use crate::cpu::attention::{Attention, Gradients, Inputs, attend, gradients};
use crate::cpu::simd::Simd;
use crate::graph::{self, Kernel};
use crate::operations::count;

/// Queries whose logits are in memory at once on devices that have no fused attention.
const QUERIES_TOGETHER: usize = 1024;

/// Scaled dot-product attention of positions to others, within each of `heads`.
///
/// # Shapes
///
/// - `q` and output: `[B, C, queries]`, where C are the channels of all heads
/// - `k`, `v`: `[B, C, keys]`
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, heads: usize) -> Tensor<3> {
    biased_attention(q, k, v, None, heads)
}

/// The same with a number that is added to all logits of a key; no gradient goes to it.
///
/// # Shapes
///
/// - `q` and output: `[B, C, queries]`, where C are the channels of all heads
/// - `k`, `v`: `[B, C, keys]`
/// - `bias`: `[B, keys]`
pub fn biased_attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    bias: Option<Tensor<2>>,
    heads: usize,
) -> Tensor<3> {
    let shape @ [batch, channels, queries] = q.dims();
    let keys = k.dims()[2];
    count(q.shape().num_elements(), 2 * keys);
    let ours = [&q, &k, &v].into_iter().all(graph::runs_on) && bias.as_ref().is_none_or(graph::runs_on);
    let fits = k.dims() == [batch, channels, keys] && v.dims() == k.dims();
    if ours && fits && channels.is_multiple_of(heads) && batch * channels * queries * keys > 0 {
        let attention = Attention { channels: channels / heads, queries, keys };
        let [q, k, v] = [q, k, v].map(Tensor::into_dispatch);
        return match bias {
            Some(bias) => graph::run(attention, [q, k, v, bias.into_dispatch()], shape),
            None => graph::run(attention, [q, k, v], shape),
        };
    }
    let [q, k, v] = [q, k, v].map(|x| {
        let [batch, channels, positions] = x.dims();
        x.reshape([batch, heads, channels / heads, positions]).swap_dims(2, 3)
    });
    let mixed = q.split(QUERIES_TOGETHER, 2).into_iter().map(|q| {
        let biases = [batch, heads, q.dims()[2], keys];
        let bias = bias.clone().map(|bias| bias.reshape([batch, 1, 1, keys]).expand(biases));
        scaled_dot_product(q, k.clone(), v.clone(), None, bias, AttentionModuleOptions::default())
    });
    Tensor::cat(mixed.collect(), 2).swap_dims(2, 3).reshape(shape)
}

impl Kernel<3> for Attention {
    const NEEDED: [bool; 3] = [true; 3];
    type Kept = ();

    fn forward(&self, [q, k, v]: [&[f32]; 3]) -> (Vec<f32>, ()) {
        (attend(Simd::best(), *self, Inputs { q, k, v, bias: &[] }), ())
    }

    fn backward(&self, [q, k, v]: [&[f32]; 3], _: &(), dy: &[f32], _: [bool; 3]) -> [Option<Vec<f32>>; 3] {
        let Gradients { q, k, v } = gradients(Simd::best(), *self, Inputs { q, k, v, bias: &[] }, dy);
        [Some(q), Some(k), Some(v)]
    }
}

impl Kernel<4> for Attention {
    const NEEDED: [bool; 4] = [true; 4];
    type Kept = ();

    fn forward(&self, [q, k, v, bias]: [&[f32]; 4]) -> (Vec<f32>, ()) {
        (attend(Simd::best(), *self, Inputs { q, k, v, bias }), ())
    }

    fn backward(
        &self,
        [q, k, v, bias]: [&[f32]; 4],
        _: &(),
        dy: &[f32],
        _: [bool; 4],
    ) -> [Option<Vec<f32>>; 4] {
        let Gradients { q, k, v } = gradients(Simd::best(), *self, Inputs { q, k, v, bias }, dy);
        [Some(q), Some(k), Some(v), None]
    }
}
