use std::f64::consts::LN_2;
use std::ops::ControlFlow;

use burn::prelude::*;
use schedules::{FixedVariance, NoiseLevel, ReverseChain, ReverseStep, Schedule, ScheduleError};

use super::bound_tally::Bound;
use super::gaussian::gaussian_kl;
use super::support::Support;
use crate::{Denoiser, DiffusionError, LearnedVariance};

/// The variational bound on the negative log-likelihood along a walk, `L_T + sum L_{t-1} + L_0` (Ho et al. 2020, eq. 5),
/// in bits/dim.
///
/// Steps are numbered by rising noise: of a whole chain, step `t` goes from timestep `t` to `t - 1` and costs `L_{t-1}`
/// in the papers' counting from 0; step 0 ends at the clean image and costs `L_0`. A walk over some of a chain's levels
/// has a bound of its own, which is looser.
#[derive(Clone, Debug)]
pub struct VariationalBound {
    /// The levels by rising noise, the clean one left out.
    pub levels: Vec<NoiseLevel>,
    /// The steps between them.
    pub chain: ReverseChain,
    /// The variance of each step of a model that has learnt none.
    pub variance: FixedVariance,
    /// What values data may have.
    pub support: Support,
}

/// What a model answers at the noisy images of a batch.
#[derive(Clone, Debug)]
pub struct ReverseAnswer {
    /// The clean images that it expects, `[B, C, H, W]`.
    pub x0: Tensor<4>,
    /// The variance of the reverse step, where it has learnt one.
    pub variance: Option<LearnedVariance>,
}

impl VariationalBound {
    /// That of a walk as samplers go it: from the noisiest of the levels to the clean one, the last.
    ///
    /// # Errors
    ///
    /// If the levels do not fall.
    pub fn new(
        falling: &[NoiseLevel],
        variance: FixedVariance,
        support: Support,
    ) -> Result<Self, ScheduleError> {
        let visited = falling.iter().filter(|level| level.sigma > 0.0);
        let levels: Vec<NoiseLevel> = visited.rev().copied().collect();
        Ok(Self { chain: ReverseChain::new(&levels)?, levels, variance, support })
    }

    /// That of a whole chain.
    ///
    /// # Errors
    ///
    /// As [`VariationalBound::new`].
    pub fn of(schedule: &Schedule, variance: FixedVariance, support: Support) -> Result<Self, ScheduleError> {
        let levels = schedule.levels();
        Ok(Self { chain: ReverseChain::new(&levels)?, levels, variance, support })
    }

    /// How many steps it sums over.
    pub fn steps(&self) -> usize {
        self.levels.len()
    }

    /// `L_T`, what the noisiest level still tells of the images: `KL(q(x_T | x0) || N(0, I))`, in bits/dim.
    ///
    /// # Shapes
    ///
    /// - x0: `[B, C, H, W]`
    /// - result: `[B]`
    pub fn prior(&self, x0: Tensor<4>) -> Tensor<1> {
        let NoiseLevel { alpha, sigma } = self.levels[self.levels.len() - 1];
        let one = [1, 1, 1, 1];
        let log_variance = Tensor::full(one, 2.0 * sigma.ln(), (&x0.device(), x0.dtype()));
        let standard = log_variance.zeros_like();
        bits_per_dim(gaussian_kl(x0 * alpha, log_variance, standard))
    }

    /// The term of one step for each image, in bits/dim: the divergence of the model's reverse step from the posterior's,
    /// or, of step 0, the likelihood of the images.
    ///
    /// # Shapes
    ///
    /// - x0, x, answer: `[B, C, H, W]`; x is at the level of the step
    /// - steps: B of them
    /// - result: `[B]`
    pub fn term(&self, x0: Tensor<4>, x: Tensor<4>, answer: ReverseAnswer, steps: &[usize]) -> Tensor<1> {
        let column = |value: &dyn Fn(usize) -> f64| column(steps.iter().map(|&step| value(step)), &x);
        let of = |value: fn(&ReverseStep) -> f64| column(&|step| value(&self.chain.0[step]));
        let low = of(|step| step.beta_tilde.ln());
        let log_variance = match answer.variance {
            Some(learned) => learned.log_variance(low.clone(), of(|step| step.beta.ln())),
            None => column(&|step| self.chain.fixed_variance(step, self.variance).ln()),
        };
        let x0_coefficient = of(|step| step.x0_coefficient);
        let error = (x0.clone() - answer.x0.clone()) * x0_coefficient.clone();
        let kl = gaussian_kl(error, low, log_variance.clone());
        let mean = answer.x0 * x0_coefficient + x.clone() * of(|step| step.x_coefficient);
        let nll = self.support.nll(x0, mean, log_variance);
        let first = column(&|step| f64::from(u8::from(step == 0)));
        bits_per_dim(nll * first.clone() + kl * (-first + 1.0))
    }

    /// The term of one step for images that the noise `eps` is put on.
    ///
    /// # Shapes
    ///
    /// - x0, eps: `[B, C, H, W]`
    /// - result: `[B]`
    ///
    /// # Errors
    ///
    /// What the denoiser refuses.
    pub fn step(
        &self,
        denoiser: &dyn Denoiser,
        x0: Tensor<4>,
        eps: Tensor<4>,
        step: usize,
    ) -> Result<Tensor<1>, DiffusionError> {
        let level = self.levels[step];
        let x = x0.clone() * level.alpha + eps * level.sigma;
        let prediction = denoiser.denoise(x.clone(), level)?;
        let answer = ReverseAnswer { x0: prediction.x0, variance: prediction.variance };
        let steps = vec![step; x0.dims()[0]];
        Ok(self.term(x0, x, answer, &steps))
    }

    /// The whole bound of some images, from the noisiest step down: as many evaluations as there are steps.
    ///
    /// `noise` draws standard normal images of the shape of `x0`; the observer is told the steps done.
    ///
    /// # Shapes
    ///
    /// - x0: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// What the denoiser refuses, numbers that cannot be read from the device, and [`DiffusionError::Stopped`] when the
    /// observer breaks off.
    pub fn evaluate(
        &self,
        denoiser: &dyn Denoiser,
        x0: Tensor<4>,
        noise: &mut dyn FnMut() -> Tensor<4>,
        observer: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Bound, DiffusionError> {
        let total = self.steps();
        let mut terms = Vec::with_capacity(total);
        for step in (0..total).rev() {
            terms.push(read(self.step(denoiser, x0.clone(), noise(), step)?)?);
            let done = total - step;
            if observer(done).is_break() && step > 0 {
                return Err(DiffusionError::Stopped { done, total });
            }
        }
        terms.reverse();
        Ok(Bound { prior: read(self.prior(x0))?, terms })
    }
}

/// The mean of each image's nats over its values, in bits, `[B]`.
fn bits_per_dim(nats: Tensor<4>) -> Tensor<1> {
    let [images, channels, height, width] = nats.dims();
    nats.reshape([images, channels * height * width]).mean_dim(1).reshape([images]) / LN_2
}

/// A number for each image, `[B, 1, 1, 1]`, as precise as `like`.
fn column(values: impl Iterator<Item = f64>, like: &Tensor<4>) -> Tensor<4> {
    let values: Vec<f64> = values.collect();
    let shape = [values.len(), 1, 1, 1];
    Tensor::from_data(TensorData::new(values, shape), (&like.device(), like.dtype()))
}

pub(super) fn read(x: Tensor<1>) -> Result<Vec<f64>, DiffusionError> {
    x.try_into_vec_as::<f64>().map_err(|error| DiffusionError::Unreadable(error.to_string()))
}
