//! Blocks that are computed again for their gradient. A program of its own: the device has one state of random numbers, which
//! every test that draws from it would move on.
#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Dropout, DropoutConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use kernels::recomputed;
use random::Seed;

fn alone() -> MutexGuard<'static, ()> {
    static DRAWING: Mutex<()> = Mutex::new(());
    DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn normal(count: usize, index: u64) -> Vec<f32> {
    Seed(0).stream("kernels/tests", index).normal(count)
}

#[derive(Module, Debug)]
struct Block {
    first: Conv2d,
    second: Conv2d,
    dropout: Dropout,
}

impl Block {
    fn new(dropout: f64, device: &Device) -> Self {
        let conv = |index| {
            let config =
                Conv2dConfig::new([4, 4], [3, 3]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
            let conv = config.init(device);
            let weight = TensorData::new(normal(4 * 4 * 9, index), [4, 4, 3, 3]);
            let track = |weight: Tensor<4>| weight.require_grad();
            Conv2d {
                weight: conv.weight.map(|_| track(Tensor::from_data(weight, device))),
                bias: None,
                ..conv
            }
        };
        Self { first: conv(0), second: conv(1).no_grad(), dropout: DropoutConfig::new(dropout).init() }
    }

    fn forward(&self, x: Tensor<4>, y: Tensor<4>) -> Tensor<4> {
        let apply = |block: &Self, [x, y]: [Tensor<4>; 2]| {
            let h = block.dropout.forward(kernels::conv2d(&block.first, x.clone())).sin();
            x * kernels::conv2d(&block.second, h) + y
        };
        recomputed(self, [x, y], self.dropout.prob > 0.0, apply)
    }
}

/// The value, and the gradients of an input that is used twice and of the weights.
fn results(device: &Device, dropout: f64) -> [TensorData; 3] {
    device.clone().inner().seed(7);
    let block = Block::new(dropout, device);
    let image = |index| {
        let x = TensorData::new(normal(2 * 4 * 6 * 5, index), [2, 4, 6, 5]);
        Tensor::<4>::from_data(x, device).require_grad()
    };
    let (x, y) = (image(2), image(3));
    let output = block.forward(block.forward(x.clone(), y.clone()), y);
    let gradients = output.clone().square().sum().backward();
    assert!(block.second.weight.val().grad(&gradients).is_none(), "it is not trained");
    let [dx, dweight] = [x, block.first.weight.val()].map(|x| x.grad(&gradients).unwrap().into_data());
    [output.into_data(), dx, dweight]
}

#[test]
fn gradients_are_those_of_what_is_kept() {
    let _alone = alone();
    let device = Device::flex().autodiff();
    let [kept, again] = [device.clone(), device.gradient_checkpointing()].map(|device| results(&device, 0.0));
    kept[0].assert_eq(&again[0], true);
    for (kept, again) in kept[1..].iter().zip(&again[1..]) {
        kept.assert_approx_eq::<f32>(again, Tolerance::rel_abs(1e-5, 1e-5));
    }
}

/// Of `w f(x)` that is `f(x)`, whose numbers were drawn before.
#[test]
fn what_is_drawn_is_drawn_again() {
    let _alone = alone();
    let device = Device::flex().autodiff().gradient_checkpointing();
    assert_eq!(results(&device, 0.5), results(&device, 0.5));
    let block = Block::new(0.5, &device);
    let x = Tensor::<4>::ones([1, 4, 6, 5], &device).require_grad();
    let kept = recomputed(&block, [x.clone()], true, |block, [x]| block.dropout.forward(x));
    let gradient = x.grad(&kept.clone().sum().backward()).unwrap();
    gradient.into_data().assert_eq(&kept.into_data(), true);
}

#[test]
fn without_gradients_nothing_is_different() {
    let _alone = alone();
    let device = Device::flex();
    let block = Block::new(0.0, &device.clone().autodiff()).valid();
    let x = Tensor::<4>::ones([1, 4, 6, 5], &device);
    let y = block.forward(x.clone(), x);
    assert!(!y.is_autodiff());
}
