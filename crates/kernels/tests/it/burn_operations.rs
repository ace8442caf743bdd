use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, LayerNormConfig, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{gelu, leaky_relu, silu, softplus};
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData, Tolerance};

use crate::close::normal;

fn plain<const D: usize>(shape: [usize; D], index: u64) -> Tensor<D> {
    Tensor::from_data(TensorData::new(normal(shape.iter().product(), index), shape), &Device::flex())
}

fn tracked<const D: usize>(shape: [usize; D], index: u64) -> Tensor<D> {
    Tensor::from_inner(plain(shape, index)).require_grad()
}

struct Collect<'a>(&'a Gradients, Vec<TensorData>);
impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.1.push(param.val().grad(self.0).unwrap().into_data());
    }
}

/// The value, the gradients of the layer's parameters and that of `x`.
fn results<M: Module>(layer: &M, x: Tensor<4>, f: impl Fn(&M, Tensor<4>) -> Tensor<4>) -> Vec<TensorData> {
    let y = f(layer, x.clone());
    let gradients = (y.clone() * Tensor::from_inner(plain(y.dims(), 99))).sum().backward();
    let mut all = Collect(&gradients, vec![y.into_data(), x.grad(&gradients).unwrap().into_data()]);
    layer.visit(&mut all);
    all.1
}

fn assert_same<M: Module>(
    layer: &M,
    x: Tensor<4>,
    ours: impl Fn(&M, Tensor<4>) -> Tensor<4>,
    burns: impl Fn(&M, Tensor<4>) -> Tensor<4>,
) {
    let expected = results(layer, x.clone(), burns);
    let values = results(layer, x, ours);
    assert_eq!(values.len(), expected.len());
    for (value, expected) in values.iter().zip(&expected) {
        assert_eq!(value.shape(), expected.shape());
        value.assert_approx_eq::<f32>(expected, Tolerance::rel_abs(1e-4, 1e-3));
    }
}

#[test]
fn convolutions_are_burns() {
    for (kernel, stride, padding, bias) in [
        (3, 1, PaddingConfig2d::Explicit(1, 1, 1, 1), true),
        (3, 1, PaddingConfig2d::Explicit(1, 1, 1, 1), false),
        (3, 2, PaddingConfig2d::Explicit(1, 1, 1, 1), true),
        (3, 2, PaddingConfig2d::Explicit(0, 0, 1, 1), true),
        (1, 1, PaddingConfig2d::Explicit(0, 0, 0, 0), true),
        (3, 1, PaddingConfig2d::Valid, true),
        (3, 1, PaddingConfig2d::Same, true),
    ] {
        let layer = Conv2dConfig::new([24, 20], [kernel; 2])
            .with_stride([stride; 2])
            .with_padding(padding)
            .with_bias(bias)
            .init(&Device::flex().autodiff());
        assert_same(&layer, tracked([2, 24, 12, 16], 0), kernels::conv2d, Conv2d::forward);
    }
}

#[test]
fn grouped_and_dilated_convolutions_are_left_to_burn() {
    for config in [
        Conv2dConfig::new([24, 20], [3; 2]).with_groups(4),
        Conv2dConfig::new([24, 20], [3; 2]).with_dilation([2; 2]),
    ] {
        let layer = config.init(&Device::flex().autodiff());
        assert_same(&layer, tracked([1, 24, 9, 9], 0), kernels::conv2d, Conv2d::forward);
    }
}

fn group_norm() -> GroupNorm {
    let layer = GroupNormConfig::new(4, 12).init(&Device::flex().autodiff());
    GroupNorm {
        gamma: Some(Param::from_tensor(tracked([12], 1))),
        beta: Some(Param::from_tensor(tracked([12], 2))),
        ..layer
    }
}

fn per_channel(x: &Tensor<2>) -> Tensor<4> {
    let [batch, channels] = x.dims();
    x.clone().reshape([batch, channels, 1, 1])
}

#[test]
fn group_norms_are_burns() {
    let x = || tracked([3, 12, 5, 7], 0);
    assert_same(&group_norm(), x(), kernels::group_norm, |layer, x| layer.forward(x));
    assert_same(&group_norm(), x(), kernels::group_norm_silu, |layer, x| silu(layer.forward(x)));
}

#[test]
fn conditioned_group_norms_are_burns() {
    let (scale, shift) = (tracked([3, 12], 5), tracked([3, 12], 6));
    let x = || tracked([3, 12, 5, 7], 0);
    assert_same(
        &group_norm(),
        x(),
        |layer, x| kernels::bias_group_norm_silu(layer, x, shift.clone()),
        |layer, x| silu(layer.forward(x + per_channel(&shift))),
    );
    assert_same(
        &group_norm(),
        x(),
        |layer, x| kernels::group_norm_modulate_silu(layer, x, scale.clone(), shift.clone()),
        |layer, x| silu(layer.forward(x) * (per_channel(&scale) + 1.0) + per_channel(&shift)),
    );
    // Their own gradients.
    for bias in [false, true] {
        let of = |y: Tensor<4>| {
            let weight = Tensor::from_inner(plain(y.dims(), 99));
            let gradients = (y * weight).sum().backward();
            [&scale, &shift].map(|tensor| tensor.grad(&gradients).map(Tensor::into_data))
        };
        let norm = group_norm();
        let (ours, burns) = if bias {
            let burns = silu(norm.forward(x() + per_channel(&shift)));
            (kernels::bias_group_norm_silu(&norm, x(), shift.clone()), burns)
        } else {
            let burns = silu(norm.forward(x()) * (per_channel(&scale) + 1.0) + per_channel(&shift));
            (kernels::group_norm_modulate_silu(&norm, x(), scale.clone(), shift.clone()), burns)
        };
        for (ours, burns) in of(ours).into_iter().zip(of(burns)) {
            assert_eq!(ours.is_some(), burns.is_some());
            if let (Some(ours), Some(burns)) = (ours, burns) {
                ours.assert_approx_eq::<f32>(&burns, Tolerance::rel_abs(1e-4, 1e-4));
            }
        }
    }
}

/// Views are not contiguous; constants are not tracked; without gradients nothing is kept.
#[test]
fn any_mixture_of_tensors_is_taken() {
    let layer = Conv2dConfig::new([16, 16], [3; 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(&Device::flex().autodiff());
    let x = plain([4, 16, 16, 20], 0).swap_dims(2, 3);
    let expected = layer.forward(Tensor::from_inner(x.clone())).into_data();
    let tolerance = Tolerance::rel_abs(1e-4, 1e-4);
    kernels::conv2d(&layer, x.clone()).into_data().assert_approx_eq::<f32>(&expected, tolerance);
    kernels::conv2d(&layer.valid(), x.clone()).into_data().assert_approx_eq::<f32>(&expected, tolerance);
    let frozen = layer.no_grad();
    kernels::conv2d(&frozen, Tensor::from_inner(x)).into_data().assert_approx_eq::<f32>(&expected, tolerance);
}

#[test]
fn projections_are_burns_linear_layers() {
    let layer = LinearConfig::new(24, 20).init(&Device::flex().autodiff());
    assert_same(
        &layer,
        tracked([2, 24, 5, 7], 0),
        |layer, x| kernels::project(layer, x.flatten(2, 3)).reshape([2, 20, 5, 7]),
        |layer, x| layer.forward(x.flatten::<3>(2, 3).swap_dims(1, 2)).swap_dims(1, 2).reshape([2, 20, 5, 7]),
    );
}

#[test]
fn layer_norms_are_burns() {
    let mut layer = LayerNormConfig::new(12).with_epsilon(1e-3).init(&Device::flex().autodiff());
    layer.gamma = Param::from_tensor(tracked([12], 1));
    layer.beta = Some(Param::from_tensor(tracked([12], 2)));
    assert_same(
        &layer,
        tracked([3, 12, 5, 7], 0),
        |layer, x| kernels::layer_norm(layer, 1e-3, x.flatten(2, 3)).reshape([3, 12, 5, 7]),
        |layer, x| layer.forward(x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]),
    );
}

/// A layer without parameters.
fn nothing() -> GroupNorm {
    GroupNormConfig::new(1, 1).with_affine(false).init(&Device::flex().autodiff())
}

/// Squares that an image holds and squares that its edges cut.
#[test]
fn pooling_and_upsampling_are_burns() {
    for (side, [height, width]) in [(2, [8, 12]), (2, [7, 5]), (3, [9, 10]), (4, [28, 28]), (8, [28, 30])] {
        let pool = AvgPoolOptions::new([side, side]).with_stride([side, side]).with_ceil_mode(true);
        assert_same(
            &nothing(),
            tracked([2, 3, height, width], 0),
            |_, x| kernels::mean_pool2d(x, side),
            |_, x| avg_pool2d(x, pool.clone()),
        );
        let [down, across] = [height, width].map(|pixels| pixels.div_ceil(side));
        let nearest = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([side as f32; 2]);
        assert_same(
            &nothing(),
            tracked([2, 3, down, across], 0),
            |_, x| kernels::upsample_nearest2d(x, side, [height, width]),
            |_, x| interpolate(x, nearest.clone()).narrow(2, 0, height).narrow(3, 0, width),
        );
    }
}

#[test]
fn activations_are_burns() {
    let x = || {
        Tensor::cat(vec![tracked([3, 4, 5, 7], 0), tracked([3, 4, 5, 7], 1) * 30.0], 1)
            .detach()
            .require_grad()
    };
    assert_same(&nothing(), x(), |_, x| kernels::leaky_relu(x, 0.05), |_, x| leaky_relu(x, 0.05));
    assert_same(&nothing(), x(), |_, x| kernels::softplus(x), |_, x| softplus(x, 1.0));
}

#[test]
fn gates_are_burns() {
    assert_same(
        &nothing(),
        tracked([3, 12, 5, 7], 0),
        |_, x| kernels::geglu(x.flatten(2, 3)).reshape([3, 6, 5, 7]),
        |_, x| x.clone().narrow(1, 0, 6) * gelu(x.narrow(1, 6, 6)),
    );
}

/// Pictures' channels that others lie between, and the gradients of joined ones.
#[test]
fn rows_that_lie_apart_are_taken() {
    let layer = Conv2dConfig::new([8, 20], [3; 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(&Device::flex().autodiff());
    let joined = |f: &dyn Fn(Tensor<4>) -> Tensor<4>, x: Tensor<4>| {
        Tensor::cat(vec![f(x.clone().narrow(1, 3, 8)), x], 1)
    };
    assert_same(
        &layer,
        tracked([3, 13, 6, 10], 0),
        |layer, x| joined(&|x| kernels::conv2d(layer, x), x),
        |layer, x| joined(&|x| layer.forward(x), x),
    );
}

/// What other devices compute, here in f64.
#[test]
fn other_tensors_are_left_to_burn() {
    let [q, k, v] = [(1100, 0), (7, 1), (7, 2)].map(|(n, i)| plain([2, 12, n], i));
    let wide = [&q, &k, &v].map(|x| x.clone().cast(DType::F64));
    let bias = plain([2, 7], 3);
    let ours = kernels::biased_attention(q, k, v, Some(bias.clone()), 3).into_data();
    let [q, k, v] = wide;
    let burns = kernels::biased_attention(q, k, v, Some(bias.cast(DType::F64)), 3);
    ours.assert_approx_eq::<f32>(&burns.cast(DType::F32).into_data(), Tolerance::rel_abs(1e-4, 1e-5));
}

/// A hidden key has no weight at all, so that nothing subnormal comes of it.
#[test]
fn hidden_keys_get_no_gradient() {
    let [q, k, v] = [(40, 0), (7, 1), (7, 2)].map(|(n, i)| tracked([2, 12, n], i));
    let row: [f32; 7] = [0.0, f32::MIN, 0.0, -1e4, -100.0, 0.0, f32::MIN];
    let bias = Tensor::<1>::from_floats(row, &Device::flex().autodiff()).unsqueeze::<2>().expand([2, 7]);
    let gradients =
        kernels::biased_attention(q, k.clone(), v.clone(), Some(bias), 3).powi_scalar(2).sum().backward();
    for gradient in [k, v].map(|x| x.grad(&gradients).unwrap().into_data()) {
        let values = gradient.as_slice::<f32>().unwrap();
        for (value, bias) in values.iter().zip(row.iter().cycle()) {
            assert_eq!(*value == 0.0, *bias < 0.0, "{value} at a bias of {bias}");
        }
    }
}

/// Burn's operations see f64, the kernels f32.
fn assert_update_is_burns(update: impl Fn([Tensor<2>; 4]) -> Vec<Tensor<2>>) {
    let tensors = || [0, 1, 2, 3].map(|i| plain([30, 700], i));
    let ours = update(tensors());
    let burns = update(tensors().map(|x| x.cast(DType::F64)));
    for (ours, burns) in ours.into_iter().zip(burns) {
        let burns = burns.cast(DType::F32).into_data();
        ours.into_data().assert_approx_eq::<f32>(&burns, Tolerance::rel_abs(1e-5, 1e-5));
    }
}

#[test]
fn updates_of_parameters_are_burns() {
    let step = kernels::AdamW { lr: 0.1, betas: [0.9, 0.99], epsilon: 1e-3, weight_decay: 0.1, time: 3 };
    assert_update_is_burns(|[weight, first, second, gradient]| {
        kernels::adam_w(step, [weight, first, second.abs()], gradient).into()
    });
    assert_update_is_burns(|[average, latest, ..]| vec![kernels::blend(average, latest, 0.9)]);
    assert_update_is_burns(|[x, ..]| vec![kernels::sum_of_squares(x).unsqueeze()]);
    assert_update_is_burns(|[x, factor, ..]| {
        vec![kernels::scale(x, factor.slice([0..1, 0..1]).flatten(0, 1))]
    });
}

/// A tensor that others hold too must not change under them.
#[test]
fn updates_leave_other_holders_alone() {
    let x = plain::<2>([3, 4], 0);
    let before = x.clone().into_data();
    kernels::scale(x.clone(), Tensor::from_floats([2.0], &x.device()));
    kernels::blend(x.clone(), x.clone() * 3.0, 0.5);
    x.into_data().assert_eq(&before, true);
}
