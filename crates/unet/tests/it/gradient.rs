//! Gradients against finite differences, and that they lead somewhere.

use burn::nn::loss::{MseLoss, Reduction};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use unet::{
    Activation, AddedInput, Condition, Conditions, ContextConfig, ContextInput, CrossAttention,
    DownsamplePadding, LevelBlock, Mid, Resample, UNet, UNetConfig,
};

use crate::{images, weights};

fn tiny() -> UNetConfig {
    UNetConfig {
        image_size: 4,
        in_channels: 1,
        out_channels: 1,
        channels: 8,
        channel_mult: vec![1, 2],
        num_res_blocks: 1,
        attention_resolutions: vec![2],
        num_classes: Some(2),
        ..UNetConfig::default()
    }
}

/// A scalar of the network and its input with no symmetry. Networks without a context do not see the text.
fn scalar(unet: &UNet, x: Tensor<4>) -> Tensor<1> {
    let device = x.device();
    let t = Tensor::from_floats([3.0, 300.0], &device);
    let conditions = Conditions {
        class: Some(Condition::Labels(Tensor::from_ints([1, 2], &device))),
        text: Some((images([1, 2, 3, 32], &device) * 2.3).squeeze_dim(0)),
        text_mask: Some(Tensor::from_floats([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]], &device)),
        ..Conditions::default()
    };
    let weights = (images([2, 1, 4, 4], &device) * 3.0).cos();
    (unet.forward_with(x, t, conditions).unwrap() * weights).sum()
}

/// A direction in which to move a parameter of `n` values.
fn direction(n: usize) -> impl Iterator<Item = f32> {
    (0..n).map(move |i| (1.3 * i as f32).cos() / (n as f32).sqrt())
}

const STEP: f32 = 1e-2;

#[track_caller]
fn check_parameters(config: &UNetConfig) {
    let (training, plain) = (Device::flex().autodiff(), Device::flex());
    let start = weights::fill(config.init(&training, 0).unwrap(), weights::waves);
    let gradients = scalar(&start, images([2, 1, 4, 4], &training)).backward();
    let gradients = weights::gradients(&start, &gradients);
    let largest = gradients.iter().flat_map(|(_, g)| g).fold(0.0_f32, |m, g| m.max(g.abs()));

    let fresh = config.init(&plain, 0).unwrap();
    for (moved, gradient) in gradients {
        let at = |step: f32| {
            let unet = weights::fill(fresh.clone(), |name, shape| {
                let mut values = weights::waves(name, shape);
                if name == moved {
                    let n = values.len();
                    values.iter_mut().zip(direction(n)).for_each(|(v, d)| *v += step * d);
                }
                values
            });
            scalar(&unet, images([2, 1, 4, 4], &plain)).into_scalar::<f32>()
        };
        let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        let analytic: f32 = gradient.iter().zip(direction(gradient.len())).map(|(g, d)| g * d).sum();
        let error = (numeric - analytic).abs();
        assert!(error < 1e-3 * largest + 0.01 * analytic.abs(), "{moved}: {numeric} against {analytic}");
    }
}

#[test]
fn gradients_of_all_parameters_are_finite_differences() {
    check_parameters(&tiny());
}

#[test]
fn gradients_of_all_parameters_are_finite_differences_with_the_other_options() {
    check_parameters(&UNetConfig {
        resample: Resample::Block,
        scale_shift: true,
        num_heads: Some(4),
        flip_sin_to_cos: true,
        freq_shift: 0.0,
        ..tiny()
    });
    check_parameters(&UNetConfig { downsample_padding: DownsamplePadding::Symmetric, ..tiny() });
    check_parameters(&UNetConfig { resample: Resample::Pool, ..tiny() });
}

#[test]
fn gradients_of_all_parameters_are_finite_differences_with_image_skips() {
    let skips = |attention| vec![LevelBlock::new(attention, Resample::Skip); 2];
    check_parameters(&UNetConfig {
        down_blocks: Some(skips(false)),
        up_blocks: Some(skips(false)),
        mid_divisor: 1.5,
        activation: Activation::Gelu,
        ..tiny()
    });
}

#[test]
fn gradients_of_all_parameters_are_finite_differences_with_a_context() {
    let context = Some(ContextConfig { channels: 32, input: ContextInput::Text });
    let crossed = |resample, cross: CrossAttention| UNetConfig {
        down_blocks: Some(vec![LevelBlock::new(false, resample).with_cross(cross.clone()); 2]),
        up_blocks: Some(vec![LevelBlock::new(false, resample).with_cross(cross.clone()); 2]),
        mid: Mid::Cross(cross),
        context,
        ..tiny()
    };
    let transformer = CrossAttention::Transformer { depths: vec![1], heads: 2, context_only: false };
    check_parameters(&crossed(Resample::Conv, transformer));
    let added = CrossAttention::Added { head_channels: 4, context_only: false, norm_context: true };
    let added = UNetConfig {
        added_input: AddedInput::Text { channels: 32, heads: 2 },
        block_divisor: 1.3,
        block_raw_embedding: true,
        ..crossed(Resample::Block, added)
    };
    check_parameters(&added);
}

#[test]
fn gradient_of_the_image_is_a_finite_difference() {
    let (training, plain) = (Device::flex().autodiff(), Device::flex());
    let unet = weights::fill(tiny().init(&training, 0).unwrap(), weights::waves);
    let x = images([2, 1, 4, 4], &training).require_grad();
    let gradient = x.grad(&scalar(&unet, x.clone()).backward()).unwrap();

    let unet = weights::fill(tiny().init(&plain, 0).unwrap(), weights::waves);
    let (x, d) = (images([2, 1, 4, 4], &plain), (images([2, 1, 4, 4], &plain) * 1.7).cos());
    let at = |step: f32| scalar(&unet, x.clone() + d.clone() * step).into_scalar::<f32>();
    let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
    let analytic = (gradient * d.clone()).sum().into_scalar::<f32>();
    assert!((numeric - analytic).abs() < 0.01 * analytic.abs(), "{numeric} against {analytic}");
}

#[test]
fn two_images_can_be_learnt_by_heart() {
    let device = Device::flex().autodiff();
    let mut unet = tiny().init(&device, 0).unwrap();
    let mut optimizer = AdamWConfig::new().with_weight_decay(0.0).init();
    let (x, target) = (images([2, 1, 4, 4], &device), (images([2, 1, 4, 4], &device) * 5.0).cos());
    let t = Tensor::<1>::from_floats([100.0, 900.0], &device);
    let (mut first, mut last) = (0.0, 0.0);
    for step in 0..200 {
        let out = unet.forward(x.clone(), t.clone(), None);
        let loss = MseLoss::new().forward(out, target.clone(), Reduction::Mean);
        last = loss.clone().into_scalar::<f32>();
        if step == 0 {
            first = last;
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &unet);
        unet = optimizer.step(3e-3, unet, gradients);
    }
    assert!(first > 0.3 && last < 1e-3, "{first} to {last}");
}
