use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::activation::{log_softmax, silu};
use data::HostBatch;
use random::Seed;
use serde::{Deserialize, Serialize};

use crate::{ClassifierTrunk, Examples, FeatureError};

/// To be raised when the network changes, so that no figure is computed with a kept one of before.
pub const CLASSIFIER_VERSION: u32 = 2;
/// Features of an image: what is compared.
const FEATURES: usize = 64;
/// Images judged at once.
const BATCH: usize = 500;

/// A small convolutional network that names classes; what it says before that are the in-house features.
#[derive(Module, Debug)]
pub struct Classifier {
    trunk: ClassifierTrunk,
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
        let network = Self {
            trunk: ClassifierTrunk::new(training, inputs, device),
            hidden: LinearConfig::new(training.channels[2], FEATURES).init(device),
            classes: LinearConfig::new(FEATURES, classes).init(device),
        };
        network.map(&mut HostInit { seed: Seed(training.seed), next: 0 })
    }

    /// Its convolutions.
    pub fn into_trunk(self) -> ClassifierTrunk {
        self.trunk
    }

    /// # Shapes
    ///
    /// - x: `[B, C, H, W]`, in `[-1, 1]`
    /// - features: `[B, 64]`, of mean square 1 for each image, so that distances do not depend on how a training scales them
    pub fn features(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.trunk.forward(x);
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
    /// If an image or the device cannot be read.
    pub fn classify(&self, images: &impl Examples, device: &Device) -> Result<Vec<usize>, FeatureError> {
        let mut classes = Vec::with_capacity(images.count());
        for first in (0..images.count()).step_by(BATCH) {
            let block: Vec<usize> = (first..images.count().min(first + BATCH)).collect();
            let answer = self.forward(upload(images.batch(&block)?, device)).argmax(1);
            let found = answer.try_into_vec_as::<i64>();
            let found = found.map_err(|error| FeatureError::Device(error.to_string()))?;
            classes.extend(found.into_iter().map(|class| class as usize));
        }
        Ok(classes)
    }

    /// The share of the images whose class is found.
    ///
    /// # Errors
    ///
    /// If an image or the device cannot be read.
    pub fn accuracy(&self, images: &impl Examples, device: &Device) -> Result<f64, FeatureError> {
        let all: Vec<usize> = (0..images.count()).collect();
        let mut labels = Vec::with_capacity(all.len());
        for block in all.chunks(BATCH) {
            labels.extend(images.batch(block)?.labels.unwrap_or_default());
        }
        let found = self.classify(images, device)?;
        let right = found.iter().zip(&labels).filter(|(found, label)| found == label).count();
        Ok(right as f64 / all.len() as f64)
    }
}

impl ClassifierTraining {
    /// Trains a classifier on images with classes; `step` is called after each optimizer step.
    ///
    /// Batch `i` depends on (seed, i) alone.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    pub fn run(
        &self,
        images: &impl Examples,
        device: &Device,
        step: &mut dyn FnMut(),
    ) -> Result<Classifier, FeatureError> {
        let device = device.clone().autodiff();
        let mut network = Classifier::new(self, images.shape()[0], images.classes(), &device);
        let mut optimizer = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.01).init();
        for number in 0..self.steps {
            let mut stream = Seed(self.seed).stream("eval/classifier", number as u64);
            let drawn: Vec<usize> = (0..self.batch_size).map(|_| stream.below(images.count())).collect();
            let batch = images.batch(&drawn)?;
            let target: Vec<i64> = batch.labels.iter().flatten().map(|&label| label as i64).collect();
            let target = Tensor::<1, Int>::from_data(TensorData::new(target, [drawn.len()]), &device);
            let probabilities = network.forward(upload(batch, &device));
            let loss = -probabilities.gather(1, target.unsqueeze_dim::<2>(1)).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            let share = number as f64 / self.steps as f64;
            let rate = self.learning_rate * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0;
            network = optimizer.step(rate, network, gradients);
            step();
        }
        Ok(network.valid())
    }
}

fn upload(batch: HostBatch, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(batch.pixels, batch.shape), device)
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
    use data::DataError;

    use super::*;

    /// Bright and dark images with noise.
    struct BrightOrDark(Vec<f32>);

    impl BrightOrDark {
        fn new(images: usize) -> Self {
            let mut stream = Seed(0).stream("tests", 0);
            let pixel = |image: usize| (image % 2) as f32 * 0.8 - 0.5 + 0.6 * stream.uniform() as f32;
            Self((0..images).flat_map(|image| [image; 64]).map(pixel).collect())
        }
    }

    impl Examples for BrightOrDark {
        fn count(&self) -> usize {
            self.0.len() / 64
        }

        fn shape(&self) -> [usize; 3] {
            [1, 8, 8]
        }

        fn classes(&self) -> usize {
            2
        }

        fn batch(&self, indices: &[usize]) -> Result<HostBatch, DataError> {
            let pixels = indices.iter().flat_map(|&index| &self.0[64 * index..][..64]).copied().collect();
            let labels = Some(indices.iter().map(|index| index % 2).collect());
            Ok(HostBatch { pixels, labels, shape: [indices.len(), 1, 8, 8] })
        }
    }

    #[test]
    fn it_learns_and_training_is_repeatable() {
        let (images, device) = (BrightOrDark::new(64), Device::flex());
        let training =
            ClassifierTraining { steps: 30, batch_size: 8, channels: [4, 4, 8], ..Default::default() };
        let mut steps = 0;
        let mut train = || training.run(&images, &device, &mut || steps += 1).unwrap();
        let (first, second) = (train(), train());
        assert_eq!(steps, 60);
        assert_eq!(first.accuracy(&images, &device).unwrap(), 1.0);
        let two = upload(images.batch(&[0, 1]).unwrap(), &device);
        let features = |network: &Classifier| network.features(two.clone()).into_data();
        features(&first).assert_eq(&features(&second), true);
        let untrained = Classifier::new(&training, 1, 2, &device);
        assert!(untrained.accuracy(&images, &device).unwrap() < 1.0, "the test would see nothing");
    }
}
