use std::sync::Arc;

use burn::prelude::*;
use diffusion::likelihood::{Support, VariationalBound};
use diffusion::{Parameterization, ReverseVariance, target_weights};
use schedules::{Curve, Weighting};

use crate::answer::Answer;
use crate::error::TrainError;
use crate::loss_history::LossHistory;
use crate::objective_config::{ObjectiveConfig, TimestepSampling};
use crate::{Batch, Network, RunConfig};

/// What is minimised, and at which timesteps.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The law of noise.
    pub curve: Curve,
    /// In how many parts its levels are counted: the length of a chain.
    pub num_train_timesteps: usize,
    /// What the network predicts.
    pub parameterization: Parameterization,
    /// The variance of a reverse step.
    pub variance: ReverseVariance,
    /// What is minimised of its predictions.
    pub minimised: ObjectiveConfig,
    /// Weight of each level's squared error.
    pub weighting: Weighting,
    /// The variational bound along the chain, where there is one.
    pub bound: Option<VariationalBound>,
    /// The losses by which timesteps are drawn, where they are not drawn uniformly.
    pub history: Option<Arc<LossHistory>>,
    /// Whether levels between those of the chain are trained too.
    pub continuous: bool,
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
        let (curve, diffusion) = (config.curve()?, &config.diffusion);
        let num_train_timesteps = diffusion.num_train_timesteps;
        let history = || Arc::new(LossHistory::new(num_train_timesteps));
        let bound = curve
            .chain()
            .map(|chain| VariationalBound::of(chain, diffusion.variance.fixed(), Support::Pixels));
        let impossible = |reason: String| TrainError::Config { origin: "[diffusion]".into(), reason };
        Ok(Self {
            bound: bound.transpose().map_err(|error| impossible(error.to_string()))?,
            history: (config.train.timesteps == TimestepSampling::LossAware).then(history),
            continuous: config.train.timesteps == TimestepSampling::Continuous,
            curve,
            num_train_timesteps,
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
        let Some(history) = &self.history else {
            let answer = Answer::new(self, net, batch, batch.timesteps.clone());
            let squared = answer.squared_error(self, batch);
            let total = self.losses(&answer, squared.clone(), batch).mean();
            return BatchLoss { timesteps: answer.timesteps, squared, total };
        };
        let drawn = history.draw(&batch.quantiles);
        let answer = Answer::new(self, net, batch, drawn.iter().map(|&(timestep, _)| timestep).collect());
        let squared = answer.squared_error(self, batch);
        let losses = self.losses(&answer, squared.clone(), batch);
        if let Ok(losses) = losses.clone().without_autodiff().try_into_vec_as::<f32>() {
            history.add(&answer.timesteps, &losses);
        }
        let weights: Vec<f32> = drawn.iter().map(|&(_, weight)| weight as f32).collect();
        let weights = Tensor::from_data(TensorData::new(weights, [drawn.len()]), &batch.x0.device());
        BatchLoss { timesteps: answer.timesteps, squared, total: (losses * weights).mean() }
    }

    /// The squared error of each image, `[B]`.
    pub(crate) fn squared_errors(&self, net: &impl Network, batch: &Batch) -> Tensor<1> {
        Answer::new(self, net, batch, batch.timesteps.clone()).squared_error(self, batch)
    }

    /// What is minimised of each image, `[B]`. A term of the bound stands for all `T` of them.
    fn losses(&self, answer: &Answer, squared: Tensor<1>, batch: &Batch) -> Tensor<1> {
        let length = self.num_train_timesteps as f64;
        let device = squared.device().inner();
        let weights = || target_weights(self.weighting, self.parameterization, &answer.levels, &device);
        match (self.minimised, &self.bound) {
            // Without a chain a configuration can ask for nothing else.
            (ObjectiveConfig::Simple, _) | (_, None) => squared * weights(),
            (ObjectiveConfig::Hybrid { vlb_weight }, Some(bound)) => {
                // The mean is left to the squared error.
                let output = answer.output.clone().detach();
                let term = answer.bound_term(bound, self.parameterization, output, batch);
                squared * weights() + term * (vlb_weight * length)
            }
            (ObjectiveConfig::Vlb, Some(bound)) => {
                answer.bound_term(bound, self.parameterization, answer.output.clone(), batch) * length
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrainedModel;
    use crate::parity::jittered;
    use random::Seed;

    fn config(parameterization: &str) -> RunConfig {
        let text = format!(
            "[dataset]\ntype = \"digits\"\n[model]\nimage_size = 8\nin_channels = 1\nout_channels = 2\nchannels = 8\n\
             channel_mult = [1]\nattention_resolutions = [8]\n[diffusion]\nnum_train_timesteps = 40\n\
             schedule = {{ type = \"cosine\" }}\nvariance = \"learned_range\"\nparameterization = {parameterization}\n\
             [train]\nobjective = {{ type = \"vlb\" }}"
        );
        toml::from_str(&text).unwrap()
    }

    fn batch(timestep: usize) -> Batch {
        let draw = |index: u64| {
            let values = Seed(1).stream("test", index).normal(3 * 64);
            Tensor::<4>::from_data(TensorData::new(values, [3, 1, 8, 8]), &Device::flex())
        };
        let x0 = (draw(0) * 0.3).clamp(-1.0, 1.0);
        let quantiles = vec![(timestep as f64 + 0.5) / 40.0; 3];
        Batch { x0, eps: draw(1), timesteps: vec![timestep; 3], quantiles, labels: None }
    }

    /// What is minimised is what is evaluated, in every coordinate that a network may have.
    #[test]
    fn the_bound_that_is_trained_is_the_bound_of_the_sampler() {
        for parameterization in ["\"eps\"", "\"x0\"", "\"v\"", "\"flow\"", "{ edm = { sigma_data = 0.5 } }"] {
            let config = config(parameterization);
            let device = Device::flex();
            let net = jittered(config.model.init(&device, 1).unwrap());
            let objective = Objective::new(&config).unwrap();
            let model = TrainedModel::new(net.clone(), &config, &device).unwrap();
            for timestep in [0, 20, 38] {
                let batch = batch(timestep);
                let trained = objective.loss(&net, &batch).total.into_scalar::<f64>() / 40.0;
                let denoiser = model.unclipped(None);
                let bound = objective.bound.as_ref().unwrap();
                let term = bound.step(denoiser.as_ref(), batch.x0, batch.eps, timestep).unwrap();
                let expected = term.mean().into_scalar::<f64>();
                let close = (trained - expected).abs() < 1e-3 * expected.abs();
                assert!(close, "{parameterization} at {timestep}: {trained} is not {expected}");
            }
        }
    }

    /// Until the losses of all timesteps are known, drawing by them changes nothing; then their weights undo it.
    #[test]
    fn losses_weigh_as_if_timesteps_were_uniform() {
        let mut config = config("\"eps\"");
        let net = jittered(config.model.init(&Device::flex(), 1).unwrap());
        let uniform = Objective::new(&config).unwrap();
        config.train.timesteps = TimestepSampling::LossAware;
        let aware = Objective::new(&config).unwrap();
        let total = |objective: &Objective, t| objective.loss(&net, &batch(t)).total.into_scalar::<f64>();
        assert!((total(&aware, 7) / total(&uniform, 7) - 1.0).abs() < 1e-6);
        let history = aware.history.as_deref().unwrap();
        for timestep in 0..40 {
            history.add(&[timestep; 10], &[if timestep == 7 { 39.0 } else { 1.0 }; 10]);
        }
        // Half of the draws are now of timestep 7, instead of a 40th.
        let drawn = aware.loss(&net, &Batch { quantiles: vec![0.4; 3], ..batch(0) });
        assert_eq!(drawn.timesteps, [7; 3]);
        let ratio = drawn.total.into_scalar::<f64>() / total(&uniform, 7);
        assert!((ratio * 20.0 - 1.0).abs() < 0.01, "{ratio}");
    }
}
