//! Everything that a super-resolution network is told reaches its output.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use unet::UNetConfig;

use crate::{images, weights};

fn tiny() -> UNetConfig {
    UNetConfig {
        image_size: 8,
        in_channels: 2,
        out_channels: 1,
        channels: 8,
        channel_mult: vec![1, 2],
        num_res_blocks: 1,
        attention_resolutions: vec![4],
        num_classes: Some(3),
        ..UNetConfig::default()
    }
}

#[test]
fn low_resolution_image_time_level_and_class_change_the_output() {
    let device = Device::flex();
    let net = tiny().init_super_resolution(&device, 0).unwrap();
    let net = weights::fill(net, weights::waves);
    let x = || images([1, 1, 8, 8], &device);
    let number = |value: f32| Tensor::<1>::from_floats([value], &device);
    let out = |low: Tensor<4>, t: f32, s: f32, label: Option<i32>| {
        let label = label.map(|label| Tensor::from_ints([label], &device));
        net.forward(x(), low, number(t), number(s), label)
    };
    let differs = |other: Tensor<4>| {
        let difference: f32 = (other - out(x() * 0.5, 10.0, 100.0, Some(1))).abs().max().into_scalar();
        difference > 1e-3
    };
    assert!(!differs(out(x() * 0.5, 10.0, 100.0, Some(1))));
    assert!(differs(out(x() * 0.4, 10.0, 100.0, Some(1))), "the low-resolution image");
    assert!(differs(out(x() * 0.5, 11.0, 100.0, Some(1))), "the time");
    assert!(differs(out(x() * 0.5, 10.0, 101.0, Some(1))), "the level");
    assert!(differs(out(x() * 0.5, 100.0, 10.0, Some(1))), "which of them is which");
    assert!(differs(out(x() * 0.5, 10.0, 100.0, Some(2))), "the class");
    assert!(differs(out(x() * 0.5, 10.0, 100.0, None)), "no class is the null class");
}

/// The plain network of as many input channels, and the level's two layers (8 -> 32 -> 32): no more is added.
#[test]
fn it_is_a_plain_network_with_one_more_embedding() {
    let device = Device::flex();
    let plain = tiny().init(&device, 0).unwrap().num_params();
    let net = tiny().init_super_resolution(&device, 0).unwrap();
    assert_eq!(net.num_params(), plain + (8 + 1) * 32 + (32 + 1) * 32);
    assert_eq!(net.null_class(), Some(3));
    let plain = UNetConfig { num_classes: None, ..tiny() };
    assert_eq!(plain.init_super_resolution(&device, 0).unwrap().null_class(), None);
}

#[test]
fn a_class_that_it_cannot_be_told_makes_no_numbers() {
    let device = Device::flex();
    let one = |value: f32| Tensor::<1>::from_floats([value], &device);
    let answers = |config: UNetConfig, label: Option<i32>| {
        let net = config.init_super_resolution(&device, 0).unwrap();
        let x = || images([1, 1, 8, 8], &device);
        let label = label.map(|label| Tensor::from_ints([label], &device));
        !net.forward(x(), x(), one(10.0), one(0.0), label).is_nan().any().into_scalar::<bool>()
    };
    assert!(answers(tiny(), Some(0)) && answers(tiny(), None));
    assert!(!answers(UNetConfig { num_classes: None, ..tiny() }, Some(0)));
    assert!(!answers(UNetConfig { null_class: false, ..tiny() }, None));
}
