use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use diffusion::{DiffusionError, LogProbability};
use schedules::{Curve, NoiseLevel};
use unet::NoisyClassifier;

use super::config::ClassifierRunConfig;
use super::system::{COORDINATE, ClassifierSystem};
use crate::Weights;
use crate::error::TrainError;

/// A trained classifier of noisy images.
#[derive(Debug)]
pub struct TrainedClassifier {
    /// The network.
    pub net: NoisyClassifier,
    /// What it was trained with.
    pub config: ClassifierRunConfig,
    curve: Curve,
}

impl TrainedClassifier {
    /// The classifier with averaged weights that were read.
    ///
    /// # Errors
    ///
    /// If they are those of another network.
    pub fn load(weights: &Weights, config: ClassifierRunConfig, device: &Device) -> Result<Self, TrainError> {
        let net = weights.averaged::<ClassifierSystem>(&config, device)?;
        Ok(Self { net, curve: config.curve()?, config })
    }

    /// The law of noise that it sees through.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// Its number of classes.
    pub fn num_classes(&self) -> usize {
        self.config.model.out_channels
    }

    /// What leads images to their classes.
    pub fn towards(&self, labels: &[usize]) -> ClassGradient<'_> {
        ClassGradient { classifier: self, labels: labels.to_vec() }
    }

    /// The logarithm of the probability of every class, `[B, classes]`, of images `[B, C, H, W]` all at one level, however that
    /// is scaled.
    pub fn log_probabilities(&self, x: Tensor<4>, level: NoiseLevel) -> Tensor<2> {
        let (scale, _) = COORDINATE.input(level);
        let timesteps = Tensor::full([x.dims()[0]], self.curve.timestep(level), &x.device());
        log_softmax(self.net.forward(x * scale, timesteps), 1)
    }
}

/// The gradient of a classifier for the wanted classes, by automatic differentiation.
#[derive(Debug)]
pub struct ClassGradient<'a> {
    classifier: &'a TrainedClassifier,
    labels: Vec<usize>,
}

impl LogProbability for ClassGradient<'_> {
    fn gradient(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
        let tracked = Tensor::from_inner(x.clone()).require_grad();
        let labels: Vec<i64> = self.labels.iter().map(|&label| label as i64).collect();
        let labels = TensorData::new(labels, [self.labels.len(), 1]);
        let labels = Tensor::<2, Int>::from_data(labels, &tracked.device());
        let wanted = self.classifier.log_probabilities(tracked.clone(), level).gather(1, labels);
        // Images do not share a probability, so that the gradient of the sum is that of each.
        Ok(tracked.grad(&wanted.sum().backward()).unwrap_or_else(|| x.zeros_like()))
    }
}
