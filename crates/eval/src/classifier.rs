use anyhow::{Context, Result};
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::activation::{log_softmax, silu};
use random::Seed;
use serde::{Deserialize, Serialize};

use crate::images::Images;
use crate::progress::Progress;

/// To be raised when the network changes, so that no figure is computed with a kept one of before.
pub const VERSION: u32 = 1;
/// Features of an image: what is compared.
const FEATURES: usize = 64;
/// Images judged at once.
const BATCH: usize = 500;

/// A small convolutional network that names classes; what it says before that are the in-house features.
#[derive(Module, Debug)]
pub struct Classifier {
    convs: Vec<Conv2d>,
    hidden: Linear,
    classes: Linear,
}

/// How it is trained: everything its weights depend on beside the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierTraining {
    /// Seed of weights and batches.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: usize,
    /// Images in a batch.
    pub batch_size: usize,
    /// AdamW's learning rate, which falls to 0 along half a cosine.
    pub learning_rate: f64,
    /// Channels of the three convolutions; the second and the third halve the image.
    pub channels: [usize; 3],
}

impl Default for ClassifierTraining {
    fn default() -> Self {
        Self { seed: 0, steps: 1000, batch_size: 64, learning_rate: 2e-3, channels: [32, 64, 128] }
    }
}

impl Classifier {
    /// A network with random weights that depend on the seed alone.
    pub fn new(training: &ClassifierTraining, inputs: usize, classes: usize, device: &Device) -> Self {
        let mut before = inputs;
        let convs = training.channels.iter().enumerate().map(|(level, &channels)| {
            let stride = if level == 0 { 1 } else { 2 };
            let conv = Conv2dConfig::new([before, channels], [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
            before = channels;
            conv.init(device)
        });
        let network = Self {
            convs: convs.collect(),
            hidden: LinearConfig::new(training.channels[2], FEATURES).init(device),
            classes: LinearConfig::new(FEATURES, classes).init(device),
        };
        network.map(&mut HostInit { seed: Seed(training.seed), next: 0 })
    }

    /// # Shapes
    ///
    /// - x: `[B, C, H, W]`, in `[-1, 1]`
    /// - features: `[B, 64]`, of mean square 1 for each image, so that distances do not depend on how a training scales them
    pub fn features(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.convs.iter().fold(x, |x, conv| silu(kernels::conv2d(conv, x)));
        let pooled = x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2);
        let hidden = silu(self.hidden.forward(pooled));
        let square = hidden.clone().square().mean_dim(1);
        hidden / (square + 1e-6).sqrt()
    }

    /// The logarithms of the classes' probabilities, `[B, classes]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        log_softmax(self.classes.forward(self.features(x)), 1)
    }

    /// The class of each image.
    ///
    /// # Errors
    ///
    /// If the device cannot be read.
    pub fn classify(&self, images: &Images, device: &Device) -> Result<Vec<usize>> {
        let indices: Vec<usize> = (0..images.len()).collect();
        let mut classes = Vec::with_capacity(images.len());
        for block in indices.chunks(BATCH) {
            let found = self.forward(images.upload(block, device)).argmax(1).try_into_vec_as::<i64>();
            let found = found.context("failed to read classes from the device")?;
            classes.extend(found.into_iter().map(|class| class as usize));
        }
        Ok(classes)
    }

    /// The share of the images whose class is found.
    ///
    /// # Errors
    ///
    /// If the device cannot be read.
    pub fn accuracy(&self, images: &Images, device: &Device) -> Result<f64> {
        let labels = images.labels.as_deref().unwrap_or_default();
        let found = self.classify(images, device)?;
        let right = found.iter().zip(labels).filter(|(found, label)| found == label).count();
        Ok(right as f64 / images.len() as f64)
    }
}

impl ClassifierTraining {
    /// Trains a classifier on images with labels.
    ///
    /// Batch `i` depends on (seed, i) alone.
    pub fn run(&self, what: &str, images: &Images, classes: usize, device: &Device) -> Classifier {
        let device = device.clone().autodiff();
        let labels = images.labels.as_deref().unwrap_or_default();
        let mut network = Classifier::new(self, images.shape[0], classes, &device);
        let mut optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.01).init();
        let mut progress = Progress::new(what, 0, self.steps);
        for step in 0..self.steps {
            let mut stream = Seed(self.seed).stream("eval/classifier", step as u64);
            let drawn: Vec<usize> = (0..self.batch_size).map(|_| stream.below(images.len())).collect();
            let target: Vec<i64> = drawn.iter().map(|&index| labels[index] as i64).collect();
            let target = Tensor::<1, Int>::from_data(TensorData::new(target, [drawn.len()]), &device);
            let probabilities = network.forward(images.upload(&drawn, &device));
            let loss = -probabilities.gather(1, target.unsqueeze_dim::<2>(1)).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            let share = step as f64 / self.steps as f64;
            let rate = self.learning_rate * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0;
            network = optimizer.step(rate, network, gradients);
            progress.advance(1);
        }
        network.valid()
    }
}

/// Weights drawn on the host, uniform in `1 / sqrt(inputs)`, and ids in order, so that equal trainings write equal files.
struct HostInit {
    seed: Seed,
    next: u64,
}

impl ModuleMapper for HostInit {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (_, value, mapper) = param.consume();
        self.next += 1;
        let (shape, device) = (value.dims(), value.device());
        let inputs: usize = match D {
            4 => shape[1..].iter().product(),
            _ => shape[0],
        };
        let mut stream = self.seed.stream("eval/classifier/init", self.next);
        // Biases start at zero.
        let bound = if D == 1 { 0.0 } else { 1.0 / (inputs as f64).sqrt() };
        let draw = |_| (bound * (2.0 * stream.uniform() - 1.0)) as f32;
        let values: Vec<f32> = (0..shape.iter().product()).map(draw).collect();
        let tracked = value.is_require_grad();
        let value = Tensor::<D>::from_data(TensorData::new(values, shape), &device).set_require_grad(tracked);
        Param::from_mapped_value(ParamId::from(self.next), value, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bright and dark images with noise.
    fn bright_or_dark(images: usize) -> Images {
        let mut stream = Seed(0).stream("tests", 0);
        let labels: Vec<usize> = (0..images).map(|image| image % 2).collect();
        let pixel = |label: usize| (60 + 100 * label + stream.below(80)) as u8;
        let bytes = labels.iter().flat_map(|&label| [label; 64]).map(pixel).collect();
        Images::new(bytes, [1, 8, 8], Some(labels))
    }

    #[test]
    fn it_learns_and_training_is_repeatable() {
        let (images, device) = (bright_or_dark(64), Device::flex());
        let training =
            ClassifierTraining { steps: 30, batch_size: 8, channels: [4, 4, 8], ..Default::default() };
        let train = || training.run("tests", &images, 2, &device);
        let (first, second) = (train(), train());
        assert_eq!(first.accuracy(&images, &device).unwrap(), 1.0);
        let features = |network: &Classifier| network.features(images.upload(&[0, 1], &device)).into_data();
        features(&first).assert_eq(&features(&second), true);
        let untrained = Classifier::new(&training, 1, 2, &device);
        assert!(untrained.accuracy(&images, &device).unwrap() < 1.0, "the test would see nothing");
    }
}
