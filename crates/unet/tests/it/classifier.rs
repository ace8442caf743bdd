//! The classifier of noisy images sees the image, its places and the time.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use unet::UNetConfig;

use crate::{images, weights};

fn tiny() -> UNetConfig {
    UNetConfig {
        image_size: 8,
        in_channels: 1,
        out_channels: 3,
        channels: 8,
        channel_mult: vec![1, 2],
        num_res_blocks: 1,
        attention_resolutions: vec![4],
        ..UNetConfig::default()
    }
}

#[test]
fn image_place_and_time_change_the_logits() {
    let device = Device::flex();
    let net = weights::fill(tiny().init_classifier(&device, 0).unwrap(), weights::waves);
    let x = images([2, 1, 8, 8], &device);
    let logits = |x: Tensor<4>, t: f32| net.forward(x, Tensor::from_floats([t, t], &device));
    let first = logits(x.clone(), 10.0);
    assert_eq!(first.dims(), [2, 3]);
    let differs = |other: Tensor<2>| {
        let difference: f32 = (other - first.clone()).abs().max().into_scalar();
        difference > 1e-5
    };
    assert!(!differs(logits(x.clone(), 10.0)));
    assert!(differs(logits(x.clone().abs(), 10.0)), "the image");
    assert!(differs(logits(x.clone(), 500.0)), "the time");
    assert!(differs(logits(x.flip([2, 3]), 10.0)), "where things are");
}

/// Its gradient with respect to the image is what guides, so it is compared with finite differences.
#[test]
fn the_gradient_of_a_class_is_that_of_differences() {
    let device = Device::flex();
    let net = weights::fill(tiny().init_classifier(&device, 0).unwrap(), weights::waves);
    let t = Tensor::<1>::from_floats([40.0], &device);
    let score = |x: Tensor<4>, t: Tensor<1>| net.forward(x, t).narrow(1, 1, 1).sum();
    let x = images([1, 1, 8, 8], &device);
    let tracked = Tensor::from_inner(x.clone()).require_grad();
    let gradients = score(tracked.clone(), Tensor::from_inner(t.clone())).backward();
    let gradient = tracked.grad(&gradients).unwrap();
    let direction = images([1, 1, 8, 8], &device) * -0.7 + 0.2;
    let h = 1e-2;
    let ahead: f32 = score(x.clone() + direction.clone() * h, t.clone()).into_scalar();
    let behind: f32 = score(x - direction.clone() * h, t).into_scalar();
    let along: f32 = (gradient * direction).sum().into_scalar();
    let difference = (ahead - behind) / (2.0 * h as f32);
    assert!((along - difference).abs() < 1e-2 * difference.abs().max(0.1), "{along} is not {difference}");
}

#[test]
fn a_classifier_is_told_no_class() {
    let config = UNetConfig { num_classes: Some(3), ..tiny() };
    let error = config.init_classifier(&Device::flex(), 0).unwrap_err().to_string();
    assert_eq!(error, "num_classes: a classifier is told the time and nothing else; leave it out");
    assert!(tiny().init_classifier(&Device::flex(), 0).unwrap().num_params() > 1000);
}
