//! Shapes, sizes, initial weights and conditioning.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use unet::{ClassInput, Condition, Conditions, LevelBlock, Mid, Resample, TimeEncoding, UNet, UNetConfig};

use crate::{images, weights};

fn tiny() -> UNetConfig {
    UNetConfig {
        image_size: 8,
        in_channels: 1,
        out_channels: 1,
        channels: 8,
        channel_mult: vec![1, 2],
        num_res_blocks: 1,
        attention_resolutions: vec![4],
        ..UNetConfig::default()
    }
}

fn plain(resample: Resample) -> LevelBlock {
    LevelBlock::new(false, resample)
}

fn filled(config: &UNetConfig, device: &Device) -> UNet {
    weights::fill(config.init(device, 0).unwrap(), weights::waves)
}

fn largest_difference(a: Tensor<4>, b: Tensor<4>) -> f32 {
    (a - b).abs().max().into_scalar()
}

#[test]
fn the_output_has_the_size_of_the_image() {
    let device = Device::flex();
    let three_levels = UNetConfig { channel_mult: vec![1, 3, 2], ..tiny() };
    let single_level = UNetConfig { channel_mult: vec![1], attention_resolutions: vec![], ..tiny() };
    let odd_channels = UNetConfig { channels: 9, freq_shift: 0.0, ..tiny() };
    let rgb = UNetConfig { in_channels: 3, out_channels: 6, num_res_blocks: 2, ..tiny() };
    let pool = UNetConfig { resample: Resample::Pool, ..tiny() };
    let block = UNetConfig { resample: Resample::Block, scale_shift: true, num_heads: Some(4), ..tiny() };
    let skip = UNetConfig { channels: 32, resample: Resample::Skip, ..three_levels.clone() };
    let other_ways = UNetConfig {
        down_blocks: Some(vec![plain(Resample::Skip), plain(Resample::Conv), plain(Resample::Block)]),
        up_blocks: Some(vec![plain(Resample::Skip), plain(Resample::Block), plain(Resample::Conv)]),
        mid: Mid::Absent,
        norm_groups: Some(4),
        ..three_levels.clone()
    };
    let fourier = UNetConfig { time_encoding: TimeEncoding::Fourier, mid: Mid::Plain, ..tiny() };
    let learned = UNetConfig { time_encoding: TimeEncoding::Learned, num_timesteps: Some(5), ..tiny() };
    let usual = [tiny(), three_levels, single_level, odd_channels, rgb, pool, block];
    let first = UNetConfig { resample_first: true, attention_resolutions: vec![2], ..tiny() };
    let first_block = UNetConfig { resample: Resample::Block, num_res_blocks: 2, ..first.clone() };
    let others = [skip, other_ways, fourier, learned, first, first_block];
    for config in usual.into_iter().chain(others) {
        let unet = config.init(&device, 0).unwrap();
        for [batch, height, width] in [[1, 8, 8], [3, 8, 16], [2, 12, 4]] {
            let x = images([batch, config.in_channels, height, width], &device);
            let out = unet.forward(x, Tensor::ones([batch], &device), None);
            assert_eq!(out.dims(), [batch, config.out_channels, height, width], "{config:?}");
        }
    }
}

/// Why a network is not called with so many images of a size, timesteps and labels; what does not say why answers with NaN.
fn refused(config: &UNetConfig, shape: [usize; 4], timesteps: usize, labels: Option<&[i32]>) -> String {
    let device = Device::flex();
    let unet = config.init(&device, 0).unwrap();
    let (x, t) = (images(shape, &device), Tensor::<1>::ones([timesteps], &device));
    let labels = labels.map(|labels| Tensor::from_ints(labels, &device));
    let class = labels.clone().map(Condition::Labels);
    let answer = unet.forward(x.clone(), t.clone(), labels);
    assert_eq!(answer.dims(), [shape[0], config.out_channels, shape[2], shape[3]]);
    assert!(answer.is_nan().all().into_scalar::<bool>());
    let conditions = Conditions { class, ..Conditions::default() };
    unet.forward_with(x, t, conditions).unwrap_err().to_string()
}

#[test]
fn what_does_not_fit_a_network_is_named() {
    let halved = UNetConfig { channel_mult: vec![1, 1, 1], ..tiny() };
    assert_eq!(
        refused(&halved, [1, 1, 8, 10], 1, None),
        "the network takes images whose sides are multiples of 4, and is given 8x10"
    );
    assert_eq!(refused(&tiny(), [1, 2, 8, 8], 1, None), "the network takes 1 channels, and is given 2");
    assert_eq!(
        refused(&tiny(), [2, 1, 8, 8], 1, None),
        "the network takes 2 timesteps, one for each image, and is given 1"
    );
    assert_eq!(
        refused(&tiny(), [1, 1, 8, 8], 1, Some(&[0])),
        "the network takes no labels, and is given some"
    );
    let classes = UNetConfig { num_classes: Some(3), null_class: false, ..tiny() };
    assert_eq!(refused(&classes, [1, 1, 8, 8], 1, None), "the network needs a class, and is given none");
    assert_eq!(
        refused(&classes, [2, 1, 8, 8], 2, Some(&[0])),
        "the network takes 2 labels, one for each image, and is given 1"
    );
}

/// Ho et al. 2020 say 35.7 million for CIFAR-10; the exact number is that of the published checkpoint
/// `google/ddpm-cifar10-32`.
#[test]
fn the_papers_cifar10_network_has_its_published_size() {
    let unet = UNetConfig::default().init(&Device::flex(), 0).unwrap();
    assert_eq!(unet.num_params(), 35_746_307);
}

#[test]
fn a_small_mnist_network_has_the_size_of_the_reference() {
    let config = UNetConfig {
        in_channels: 1,
        out_channels: 1,
        channels: 64,
        channel_mult: vec![1, 2, 2],
        attention_resolutions: vec![8],
        ..UNetConfig::default()
    };
    assert_eq!(config.init(&Device::flex(), 0).unwrap().num_params(), 6_469_889);
}

#[test]
fn pooling_has_no_parameters() {
    let size = |resample| UNetConfig { resample, ..tiny() }.init(&Device::flex(), 0).unwrap().num_params();
    let convolutions = (8 * 8 + 16 * 16) * 9 + 8 + 16;
    assert_eq!(size(Resample::Conv) - size(Resample::Pool), convolutions);
}

/// With one level, halving first, the blocks are those of the half image, between a convolution that halves and one that
/// follows the repeated pixels; and the output still depends on every pixel.
#[test]
fn levels_that_halve_first_work_at_half_the_resolution() {
    let device = Device::flex();
    let level = UNetConfig { channel_mult: vec![1], attention_resolutions: vec![], ..tiny() };
    let first = UNetConfig { resample_first: true, ..level.clone() };
    let size = |config: &UNetConfig| config.init(&device, 0).unwrap().num_params();
    assert_eq!(size(&first) - size(&level), 2 * (8 * 8 * 9 + 8));
    assert_eq!((level.size_multiple(), first.size_multiple()), (1, 2));

    let unet = filled(&first, &device);
    let x = images([1, 1, 8, 8], &device);
    let output = |x: Tensor<4>| unet.forward(x, Tensor::ones([1], &device), None);
    let whole = output(x.clone());
    for row in [0, 1] {
        let pixel = Tensor::<4>::ones([1, 1, 1, 1], &device);
        let changed = x.clone().slice_assign([0..1, 0..1, row..row + 1, 3..4], pixel * 9.0);
        assert!(largest_difference(output(changed), whole.clone()) > 1e-3, "row {row}");
    }
}

#[test]
fn a_new_network_answers_zero() {
    let device = Device::flex();
    let unet = tiny().init(&device, 0).unwrap();
    let out = unet.forward(images([2, 1, 8, 8], &device), Tensor::from_floats([0.0, 999.0], &device), None);
    assert_eq!(out.abs().max().into_scalar::<f32>(), 0.0);
}

#[test]
fn a_seed_decides_the_weights_whatever_the_device_draws() {
    let config = UNetConfig { num_classes: Some(10), ..tiny() };
    let of = |seed, drawn: u64| {
        let device = Device::flex();
        let unet = config.init(&device, seed).unwrap();
        device.seed(drawn);
        weights::values(&unet)
    };
    assert_eq!(of(1, 0), of(1, 1));
    assert_ne!(of(1, 0), of(2, 0));
}

#[test]
fn initial_weights_follow_their_laws() {
    let config = UNetConfig { num_classes: Some(63), ..tiny() };
    let unet = config.init(&Device::flex(), 0).unwrap();
    let (mut seen, values) = (Vec::new(), weights::values(&unet));
    for (name, values) in values {
        let zero = ["conv2.", "to_out.0.", "conv_out."].iter().any(|part| name.contains(part));
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
        let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        if zero || name.contains("norm") {
            let constant = if !zero && name.ends_with("weight") { 1.0 } else { 0.0 };
            assert!(values.iter().all(|&v| v == constant), "{name}");
        } else if name.starts_with("class_embedding") {
            // 64 x 32 standard normal values: five standard errors.
            assert!(mean.abs() < 0.11 && (deviation - 1.0).abs() < 0.08, "{name}: {mean} {deviation}");
        } else if name == "time_embedding.linear_2.weight" || name == "time_embedding.linear_2.bias" {
            let bound = 1.0 / 32.0_f32.sqrt();
            assert!(largest <= bound && largest > 0.8 * bound, "{name}: {largest}");
        } else if name == "mid_block.resnets.0.conv1.weight" {
            let bound = 1.0 / (16.0_f32 * 9.0).sqrt();
            assert!(largest <= bound && largest > 0.98 * bound, "{name}: {largest}");
            assert!((deviation * 3.0_f32.sqrt() / bound - 1.0).abs() < 0.05, "{name}: {deviation}");
        }
        assert!(!seen.contains(&values) || zero || name.contains("norm"), "{name} repeats another's values");
        seen.push(values);
    }
}

#[test]
fn timesteps_and_classes_change_the_output() {
    let device = Device::flex();
    let unet = filled(&UNetConfig { num_classes: Some(10), ..tiny() }, &device);
    let out = |t: f32, labels: Option<i32>| {
        let labels = labels.map(|label| Tensor::from_ints([label], &device));
        unet.forward(images([1, 1, 8, 8], &device), Tensor::from_floats([t], &device), labels)
    };
    assert!(largest_difference(out(10.0, Some(3)), out(11.0, Some(3))) > 1e-3);
    assert!(largest_difference(out(10.0, Some(3)), out(10.0, Some(4))) > 1e-3);
    assert!(largest_difference(out(10.0, Some(9)), out(10.0, Some(10))) > 1e-3);
}

#[test]
fn no_label_is_the_null_class() {
    let device = Device::flex();
    let unet = filled(&UNetConfig { num_classes: Some(10), ..tiny() }, &device);
    let out = |labels| unet.forward(images([1, 1, 8, 8], &device), Tensor::ones([1], &device), labels);
    assert_eq!(largest_difference(out(None), out(Some(Tensor::from_ints([10], &device)))), 0.0);
    assert_eq!(unet.null_class(), Some(10));
}

/// With Fourier features the network is told a noise level, and its output is in units of it.
#[test]
fn fourier_features_divide_the_output_by_the_level() {
    let device = Device::flex();
    let config = UNetConfig { time_encoding: TimeEncoding::Fourier, ..tiny() };
    let unet = weights::fill(config.init(&device, 0).unwrap(), |name, shape| match name {
        "time_proj.fourier.weight" => vec![3.0; shape[0]],
        _ => weights::waves(name, shape),
    });
    let out = |level: f32| {
        let level = Tensor::from_floats([level], &device);
        unet.forward(images([1, 1, 8, 8], &device), level, None)
    };
    // Whole frequencies cannot tell e^0 from e^1: only the division does.
    assert!(largest_difference(out(1.0) / 1_f32.exp(), out(1_f32.exp())) < 1e-4);
}

#[test]
fn a_learnt_time_has_a_row_for_each_timestep() {
    let device = Device::flex();
    let config = UNetConfig { time_encoding: TimeEncoding::Learned, num_timesteps: Some(3), ..tiny() };
    let unet = filled(&config, &device);
    let out = |t: f32| unet.forward(images([1, 1, 8, 8], &device), Tensor::from_floats([t], &device), None);
    assert!(largest_difference(out(0.0), out(2.0)) > 1e-3);
    assert_eq!(largest_difference(out(2.0), out(2.0)), 0.0);
}

#[test]
fn numbers_and_embeddings_are_conditions_too() {
    let device = Device::flex();
    let x = images([1, 1, 8, 8], &device);
    let t = Tensor::<1>::ones([1], &device);
    let number = filled(&UNetConfig { class_input: ClassInput::Number, ..tiny() }, &device);
    let out = |n: f32| {
        let condition = Condition::Numbers(Tensor::from_floats([n], &device));
        number.forward_conditioned(x.clone(), t.clone(), Some(condition))
    };
    assert!(largest_difference(out(1.0), out(50.0)) > 1e-3);

    let embedding = filled(&UNetConfig { class_input: ClassInput::Embedding, ..tiny() }, &device);
    let out = |value: f64| {
        let condition = Condition::Embeddings(Tensor::full([1, 32], value, &device));
        embedding.forward_conditioned(x.clone(), t.clone(), Some(condition))
    };
    assert!(largest_difference(out(0.0), out(1.0)) > 1e-3);
    let without = filled(&tiny(), &device).forward(x.clone(), t.clone(), None);
    assert_eq!(largest_difference(out(0.0), without), 0.0);
}

#[test]
fn centred_input_is_twice_the_image_less_one() {
    let device = Device::flex();
    let (x, t) = (images([1, 1, 8, 8], &device), Tensor::<1>::ones([1], &device));
    let centred = filled(&UNetConfig { center_input: true, ..tiny() }, &device);
    let same = filled(&tiny(), &device);
    let difference =
        largest_difference(centred.forward(x.clone(), t.clone(), None), same.forward(x * 2.0 - 1.0, t, None));
    assert_eq!(difference, 0.0);
}

#[test]
fn an_image_does_not_depend_on_its_batch() {
    let device = Device::flex();
    let unet = filled(&tiny(), &device);
    let (x, t) = (images([3, 1, 8, 8], &device), Tensor::<1>::from_floats([5.0, 50.0, 500.0], &device));
    let together = unet.forward(x.clone(), t.clone(), None).narrow(0, 1, 1);
    let alone = unet.forward(x.narrow(0, 1, 1), t.narrow(0, 1, 1), None);
    assert!(largest_difference(together, alone) < 1e-5);
}

#[test]
fn dropout_acts_in_training_only() {
    let training = Device::flex().autodiff();
    let unet = filled(&UNetConfig { dropout: 0.5, ..tiny() }, &training);
    let out = |unet: &UNet, device: &Device| {
        unet.forward(images([1, 1, 8, 8], device), Tensor::ones([1], device), None).inner()
    };
    assert!(largest_difference(out(&unet, &training), out(&unet, &training)) > 1e-3);

    let plain = Device::flex();
    let valid = unet.valid();
    let answer = |unet: &UNet| unet.forward(images([1, 1, 8, 8], &plain), Tensor::ones([1], &plain), None);
    assert_eq!(largest_difference(answer(&valid), answer(&valid)), 0.0);
    assert_eq!(largest_difference(answer(&valid), answer(&filled(&tiny(), &plain))), 0.0);
}
