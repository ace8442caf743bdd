use burn::tensor::Tensor;

use crate::cpu::simd::Simd;
use crate::cpu::update;
pub use crate::cpu::update::AdamW;
use crate::graph;

/// Weights and their first and second moment after a step, from those before it and the gradient.
pub fn adam_w<const D: usize>(
    step: AdamW,
    [weight, first, second]: [Tensor<D>; 3],
    gradient: Tensor<D>,
) -> [Tensor<D>; 3] {
    let tensors = [&weight, &first, &second, &gradient];
    if !tensors.into_iter().all(|x| x.dims() == weight.dims() && graph::is_plain(x)) {
        return adam_w_by_burn(step, [weight, first, second], gradient);
    }
    let [mut weight, mut first, mut second] = [weight, first, second].map(graph::own);
    let gradient = graph::read(gradient);
    let moments = [first.storage_mut(), second.storage_mut()];
    update::adam_w(Simd::best(), step, weight.storage_mut(), moments, graph::values(&gradient));
    [weight, first, second].map(graph::give)
}

fn adam_w_by_burn<const D: usize>(
    step: AdamW,
    [weight, first, second]: [Tensor<D>; 3],
    gradient: Tensor<D>,
) -> [Tensor<D>; 3] {
    let [beta_1, beta_2] = step.betas;
    let first = first * beta_1 + gradient.clone() * (1.0 - beta_1);
    let second = second * beta_2 + gradient.square() * (1.0 - beta_2);
    let [unbiased_1, unbiased_2] = step.unbias();
    let delta = first.clone() / unbiased_1 / ((second.clone() / unbiased_2).sqrt() + step.epsilon);
    [weight * (1.0 - step.lr * f64::from(step.weight_decay)) - delta * step.lr, first, second]
}

/// `decay average + (1 - decay) latest`
pub fn blend<const D: usize>(average: Tensor<D>, latest: Tensor<D>, decay: f64) -> Tensor<D> {
    let ours = average.dims() == latest.dims() && graph::is_plain(&average) && graph::is_plain(&latest);
    if !ours {
        return average * decay + latest * (1.0 - decay);
    }
    let (mut average, latest) = (graph::own(average), graph::read(latest));
    update::blend(Simd::best(), average.storage_mut(), graph::values(&latest), decay);
    graph::give(average)
}

/// The sum of squares, `[1]`.
pub fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    if !graph::is_plain(&x) {
        return x.square().sum();
    }
    let device = x.device();
    let sum = update::sum_of_squares(Simd::best(), graph::values(&graph::read(x)));
    Tensor::from_floats([sum as f32], &device)
}

/// `x factor`, for a factor `[1]`.
pub fn scale<const D: usize>(x: Tensor<D>, factor: Tensor<1>) -> Tensor<D> {
    if !graph::is_plain(&x) || !graph::is_plain(&factor) {
        return x * factor.unsqueeze();
    }
    let mut x = graph::own(x);
    update::scale(Simd::best(), x.storage_mut(), graph::values(&graph::read(factor))[0]);
    graph::give(x)
}
