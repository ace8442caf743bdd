use burn::prelude::*;
use diffusion::{Levels, Parameterization, per_image_loss, q_sample, target_weights};
use schedules::{NoiseLevel, Schedule, Weighting};

use crate::error::TrainError;
use crate::variational_bound::{BoundTable, variance_bound};
use crate::{Batch, Network, RunConfig};

/// What is minimised.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The chain.
    pub schedule: Schedule,
    /// What the network predicts.
    pub parameterization: Parameterization,
    /// Weight of each level's loss.
    pub weighting: Weighting,
    /// Decay of the averaged weights.
    pub ema_decay: f64,
    /// Batches whose losses are averaged for one optimizer step.
    pub grad_accumulation: usize,
    /// Where the second half of the network's output is the variance of a reverse step, which is learnt from the
    /// variational bound (Nichol & Dhariwal 2021, arXiv 2102.09672, section 3.1): the chain's steps.
    pub learned_variance: Option<BoundTable>,
}

/// What a batch costs.
#[derive(Clone, Debug)]
pub struct BatchLoss {
    /// The squared error of each image, unweighted, `[B]`.
    pub squared: Tensor<1>,
    /// What is minimised: the mean over the batch, `[1]`.
    pub total: Tensor<1>,
}

/// Share of the variational bound in the hybrid loss (Nichol & Dhariwal 2021, eq. 16).
const BOUND_SHARE: f64 = 1e-3;

impl Objective {
    /// That of a run.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible.
    pub fn new(config: &RunConfig) -> Result<Self, TrainError> {
        Ok(Self {
            schedule: config.schedule()?,
            parameterization: config.diffusion.parameterization,
            weighting: config.train.weighting,
            ema_decay: config.train.ema_decay,
            grad_accumulation: config.train.grad_accumulation,
            learned_variance: None,
        })
    }

    /// The loss of a batch: the weighted squared error (Ho et al. 2020, algorithm 1) and, where the variance is learnt,
    /// a share of the bound, `L_simple + 0.001 L_vlb` (Nichol & Dhariwal 2021, eq. 16). The batch has one timestep of
    /// each image's `T`, so that its mean stands for a T-th of `L_vlb`.
    pub fn loss(&self, net: &impl Network, batch: &Batch) -> BatchLoss {
        let answer = self.answer(net, batch);
        let squared = self.squared(&answer, batch);
        let device = squared.device().inner();
        let weights = target_weights(self.weighting, self.parameterization, &answer.levels, &device);
        let mut total = (squared.clone() * weights).mean();
        if let (Some(table), Some(variance)) = (&self.learned_variance, answer.variance) {
            // The mean is left to the squared error.
            let bound = variance_bound(self, table, answer.output.detach(), variance, answer.x, batch);
            total = total + bound.mean() * (BOUND_SHARE * self.schedule.num_train_timesteps() as f64);
        }
        BatchLoss { squared, total }
    }

    /// The squared error of each image, `[B]`.
    pub(crate) fn squared_errors(&self, net: &impl Network, batch: &Batch) -> Tensor<1> {
        self.squared(&self.answer(net, batch), batch)
    }

    fn squared(&self, answer: &Answer, batch: &Batch) -> Tensor<1> {
        let uploaded = Levels::new(&answer.levels, &batch.x0.device());
        let target = self.parameterization.target(batch.x0.clone(), batch.eps.clone(), &uploaded);
        per_image_loss(answer.output.clone(), target)
    }

    fn answer(&self, net: &impl Network, batch: &Batch) -> Answer {
        // The network's own coordinate, in which samplers give it their images too.
        let native = |&t: &usize| self.parameterization.input(self.schedule.level(t)).1;
        let levels: Vec<_> = batch.timesteps.iter().map(native).collect();
        let device = batch.x0.device();
        let x = q_sample(batch.x0.clone(), batch.eps.clone(), &Levels::new(&levels, &device));
        let t: Vec<f32> = batch.timesteps.iter().map(|&t| t as f32).collect();
        let t = Tensor::from_data(TensorData::new(t, [levels.len()]), &device);
        let output = net.predict(x.clone(), t, batch.labels.clone());
        if self.learned_variance.is_none() {
            return Answer { levels, x, output, variance: None };
        }
        let channels = batch.x0.dims()[1];
        let variance = output.clone().narrow(1, channels, channels);
        Answer { levels, x, output: output.narrow(1, 0, channels), variance: Some(variance) }
    }
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
