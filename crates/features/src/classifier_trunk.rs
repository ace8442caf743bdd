use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::prelude::*;
use burn::tensor::activation::silu;

use crate::ClassifierTraining;

/// The convolutions of a [`Classifier`](crate::Classifier), which do not depend on what the classes are.
#[derive(Module, Debug)]
pub struct ClassifierTrunk {
    convs: Vec<Conv2d>,
}

impl ClassifierTrunk {
    /// Of a classifier that is trained so, for images of so many channels; its weights are to be loaded.
    pub fn new(training: &ClassifierTraining, inputs: usize, device: &Device) -> Self {
        let mut before = inputs;
        let convs = training.channels.iter().enumerate().map(|(level, &channels)| {
            let stride = if level == 0 { 1 } else { 2 };
            let conv = Conv2dConfig::new([before, channels], [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
            before = channels;
            conv.init(device)
        });
        Self { convs: convs.collect() }
    }

    /// What the last convolution answers, activated.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.convs.iter().fold(x, activated)
    }

    /// What each convolution answers, activated, from full resolution on.
    pub(crate) fn layers(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let following = |x: &mut Tensor<4>, conv: &Conv2d| {
            *x = activated(x.clone(), conv);
            Some(x.clone())
        };
        self.convs.iter().scan(x, following).collect()
    }
}

fn activated(x: Tensor<4>, conv: &Conv2d) -> Tensor<4> {
    silu(kernels::conv2d(conv, x))
}
