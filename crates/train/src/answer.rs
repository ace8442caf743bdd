use burn::prelude::*;
use diffusion::likelihood::{ReverseAnswer, VariationalBound};
use diffusion::{LearnedVariance, Levels, Parameterization, per_image_loss, q_sample};
use schedules::NoiseLevel;

use crate::training_levels::training_levels;
use crate::{Batch, Network, Objective};

/// What a network makes of a noised batch, in its own coordinate, in which samplers give it their images too.
pub(crate) struct Answer {
    /// The timestep of each image.
    pub timesteps: Vec<usize>,
    /// The level of each image.
    pub levels: Vec<NoiseLevel>,
    /// The noisy images, `[B, C, H, W]`.
    x: Tensor<4>,
    /// What its parameterization says, of the images' shape.
    pub output: Tensor<4>,
    /// The share of `log beta` in the logarithm of the variance, in `[-1, 1]`, of the images' shape.
    variance: Option<Tensor<4>>,
}

impl Answer {
    /// That of a network at given timesteps.
    pub fn new(objective: &Objective, net: &impl Network, batch: &Batch, timesteps: Vec<usize>) -> Self {
        let Objective { curve, num_train_timesteps, continuous, .. } = objective;
        let (own, told) =
            training_levels(curve, *num_train_timesteps, *continuous, &timesteps, &batch.quantiles);
        let levels: Vec<_> = own.iter().map(|&level| objective.parameterization.input(level).1).collect();
        let device = batch.x0.device();
        let x = q_sample(batch.x0.clone(), batch.eps.clone(), &Levels::new(&levels, &device));
        let t = Tensor::from_data(TensorData::new(told, [levels.len()]), &device);
        let output = net.predict(x.clone(), t, batch.labels.clone());
        if objective.variance.output().is_none() {
            return Self { timesteps, levels, x, output, variance: None };
        }
        let channels = batch.x0.dims()[1];
        let variance = output.clone().narrow(1, channels, channels);
        Self { timesteps, levels, x, output: output.narrow(1, 0, channels), variance: Some(variance) }
    }

    /// The squared error of each image, `[B]`.
    pub fn squared_error(&self, objective: &Objective, batch: &Batch) -> Tensor<1> {
        let uploaded = Levels::new(&self.levels, &batch.x0.device());
        let target = objective.parameterization.target(batch.x0.clone(), batch.eps.clone(), &uploaded);
        per_image_loss(self.output.clone(), target)
    }

    /// The term of the bound at each image's timestep, in bits/dim, `[B]`; `output` is the answer's, or its value without a
    /// gradient.
    pub fn bound_term(
        &self,
        bound: &VariationalBound,
        parameterization: Parameterization,
        output: Tensor<4>,
        batch: &Batch,
    ) -> Tensor<1> {
        let device = batch.x0.device();
        let column = |value: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = (0..self.levels.len()).map(|image| value(image) as f32).collect();
            Tensor::<4>::from_data(TensorData::new(values, [self.levels.len(), 1, 1, 1]), &device)
        };
        let factors = |image: usize| parameterization.x0_factors(self.levels[image]);
        let x0 =
            self.x.clone() * column(&|image| factors(image).0) + output * column(&|image| factors(image).1);
        // The bound is along the chain, whichever coordinate the network has.
        let level = |image: usize| bound.levels[self.timesteps[image]];
        let x = self.x.clone() * column(&|image| level(image).sigma / self.levels[image].sigma);
        let variance = self.variance.clone().map(LearnedVariance::Range);
        bound.term(batch.x0.clone(), x, ReverseAnswer { x0, variance }, &self.timesteps)
    }
}
