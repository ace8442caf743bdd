use std::sync::{Arc, Mutex, PoisonError};

use burn::prelude::*;
use diffusion::likelihood::{ReverseAnswer, Support, VariationalBound};
use diffusion::{
    LearnedVariance, Levels, Parameterization, ReverseVariance, per_image_loss, q_sample, target_weights,
};
use schedules::{NoiseLevel, Schedule, Weighting};

use crate::error::TrainError;
use crate::loss_history::LossHistory;
use crate::objective_config::{ObjectiveConfig, TimestepSampling};
use crate::{Batch, Network, RunConfig};

/// What is minimised, and at which timesteps.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The chain.
    pub schedule: Schedule,
    /// What the network predicts.
    pub parameterization: Parameterization,
    /// The variance of a reverse step.
    pub variance: ReverseVariance,
    /// What is minimised of its predictions.
    pub minimised: ObjectiveConfig,
    /// Weight of each level's squared error.
    pub weighting: Weighting,
    /// The variational bound along the chain.
    pub bound: VariationalBound,
    /// The losses by which timesteps are drawn, where they are not drawn uniformly.
    pub history: Option<Arc<Mutex<LossHistory>>>,
    /// Decay of the averaged weights.
    pub ema_decay: f64,
    /// Batches whose losses are averaged for one optimizer step.
    pub grad_accumulation: usize,
}

/// What a batch costs.
#[derive(Clone, Debug)]
pub struct BatchLoss {
    /// The timesteps of the images.
    pub timesteps: Vec<usize>,
    /// The squared error of each image, unweighted, `[B]`.
    pub squared: Tensor<1>,
    /// What is minimised: the mean over the batch, `[1]`.
    pub total: Tensor<1>,
}

impl Objective {
    /// That of a run.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible.
    pub fn new(config: &RunConfig) -> Result<Self, TrainError> {
        let (schedule, diffusion) = (config.schedule()?, &config.diffusion);
        let history = || Arc::new(Mutex::new(LossHistory::new(schedule.num_train_timesteps())));
        let bound = VariationalBound::of(&schedule, diffusion.variance.fixed(), Support::Pixels);
        Ok(Self {
            bound: bound.map_err(|error| TrainError::Config {
                origin: "[diffusion]".into(),
                reason: error.to_string(),
            })?,
            history: (config.train.timesteps == TimestepSampling::LossAware).then(history),
            schedule,
            parameterization: diffusion.parameterization,
            variance: diffusion.variance,
            minimised: config.train.objective,
            weighting: config.train.weighting,
            ema_decay: config.train.ema_decay,
            grad_accumulation: config.train.grad_accumulation,
        })
    }

    /// The loss of a batch, whose timesteps are drawn anew where the losses of the past say how.
    pub fn loss(&self, net: &impl Network, batch: &Batch) -> BatchLoss {
        let (timesteps, weights): (Vec<usize>, Option<Vec<f32>>) = match &self.history {
            None => (batch.timesteps.clone(), None),
            Some(history) => {
                let drawn = lock(history).draw(&batch.quantiles);
                let (timesteps, weights) = drawn.into_iter().map(|(t, weight)| (t, weight as f32)).unzip();
                (timesteps, Some(weights))
            }
        };
        let answer = self.answer(net, batch, &timesteps);
        let squared = self.squared(&answer, batch);
        let each = self.losses(answer, squared.clone(), batch, &timesteps);
        let total = match (&self.history, weights) {
            (Some(history), Some(weights)) => {
                if let Ok(losses) = each.clone().without_autodiff().try_into_vec_as::<f32>() {
                    lock(history).add(&timesteps, &losses);
                }
                let shape = [weights.len()];
                each * Tensor::from_data(TensorData::new(weights, shape), &batch.x0.device())
            }
            _ => each,
        };
        BatchLoss { timesteps, squared, total: total.mean() }
    }

    /// The squared error of each image, `[B]`.
    pub(crate) fn squared_errors(&self, net: &impl Network, batch: &Batch) -> Tensor<1> {
        self.squared(&self.answer(net, batch, &batch.timesteps), batch)
    }

    /// What is minimised of each image, `[B]`. A term of the bound stands for all `T` of them.
    fn losses(&self, answer: Answer, squared: Tensor<1>, batch: &Batch, timesteps: &[usize]) -> Tensor<1> {
        let length = timesteps_of(&self.schedule);
        let device = squared.device().inner();
        let weights = || target_weights(self.weighting, self.parameterization, &answer.levels, &device);
        match self.minimised {
            ObjectiveConfig::Simple => squared * weights(),
            ObjectiveConfig::Hybrid { vlb_weight } => {
                let simple = squared * weights();
                // The mean is left to the squared error.
                let answer = Answer { output: answer.output.detach(), ..answer };
                simple + self.bound_term(answer, batch, timesteps) * (vlb_weight * length)
            }
            ObjectiveConfig::Vlb => self.bound_term(answer, batch, timesteps) * length,
        }
    }

    /// The term of the bound at each image's timestep, in bits/dim, `[B]`.
    fn bound_term(&self, answer: Answer, batch: &Batch, timesteps: &[usize]) -> Tensor<1> {
        let device = batch.x0.device();
        let column = |value: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = (0..timesteps.len()).map(|image| value(image) as f32).collect();
            Tensor::<4>::from_data(TensorData::new(values, [timesteps.len(), 1, 1, 1]), &device)
        };
        let factors = |image: usize| self.parameterization.x0_factors(answer.levels[image]);
        let x0 = answer.x.clone() * column(&|image| factors(image).0)
            + answer.output * column(&|image| factors(image).1);
        // The bound is along the chain, whichever coordinate the network has.
        let scale = column(&|image| self.schedule.level(timesteps[image]).sigma / answer.levels[image].sigma);
        let answered = ReverseAnswer { x0, variance: answer.variance.map(LearnedVariance::Range) };
        self.bound.term(batch.x0.clone(), answer.x * scale, answered, timesteps)
    }

    fn squared(&self, answer: &Answer, batch: &Batch) -> Tensor<1> {
        let uploaded = Levels::new(&answer.levels, &batch.x0.device());
        let target = self.parameterization.target(batch.x0.clone(), batch.eps.clone(), &uploaded);
        per_image_loss(answer.output.clone(), target)
    }

    fn answer(&self, net: &impl Network, batch: &Batch, timesteps: &[usize]) -> Answer {
        // The network's own coordinate, in which samplers give it their images too.
        let native = |&t: &usize| self.parameterization.input(self.schedule.level(t)).1;
        let levels: Vec<_> = timesteps.iter().map(native).collect();
        let device = batch.x0.device();
        let x = q_sample(batch.x0.clone(), batch.eps.clone(), &Levels::new(&levels, &device));
        let t: Vec<f32> = timesteps.iter().map(|&t| t as f32).collect();
        let t = Tensor::from_data(TensorData::new(t, [levels.len()]), &device);
        let output = net.predict(x.clone(), t, batch.labels.clone());
        if self.variance.output().is_none() {
            return Answer { levels, x, output, variance: None };
        }
        let channels = batch.x0.dims()[1];
        let variance = output.clone().narrow(1, channels, channels);
        Answer { levels, x, output: output.narrow(1, 0, channels), variance: Some(variance) }
    }
}

fn timesteps_of(schedule: &Schedule) -> f64 {
    schedule.num_train_timesteps() as f64
}

pub(crate) fn lock(history: &Mutex<LossHistory>) -> std::sync::MutexGuard<'_, LossHistory> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the network makes of a noised batch.
struct Answer {
    levels: Vec<NoiseLevel>,
    /// The noisy images.
    x: Tensor<4>,
    /// What its parameterization says, of the images' shape.
    output: Tensor<4>,
    /// The share of `log beta` in the logarithm of the variance, in `[-1, 1]`, of the images' shape.
    variance: Option<Tensor<4>>,
}
