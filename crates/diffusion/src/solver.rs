use burn::prelude::*;
use schedules::{FixedVariance, NoiseLevel};
use serde::{Deserialize, Serialize};

use crate::{Ancestral, Ddim, Denoiser, DiffusionError};

/// Makes one step from a level to a less noisy one.
pub trait Solver {
    /// The image at level `to`, and the clean image that the step believed in.
    ///
    /// `noise` draws standard normal images of the shape of `x`; a deterministic solver never calls it.
    ///
    /// # Shapes
    ///
    /// - x, both results: `[B, C, H, W]`
    ///
    /// # Errors
    ///
    /// What the denoiser refuses.
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        from: NoiseLevel,
        to: NoiseLevel,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError>;
}

/// Which solver, with its options.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SolverConfig {
    /// [`Ancestral`].
    Ancestral {
        /// Variance of each reverse step.
        #[serde(default)]
        variance: FixedVariance,
    },
    /// [`Ddim`].
    Ddim {
        /// 0 deterministic, 1 as noisy as the ancestral solver with the small variance.
        #[serde(default)]
        eta: f64,
    },
}

impl SolverConfig {
    /// A solver ready for its first step.
    pub fn init(self) -> Box<dyn Solver> {
        match self {
            Self::Ancestral { variance } => Box::new(Ancestral { variance }),
            Self::Ddim { eta } => Box::new(Ddim { eta }),
        }
    }
}

/// `mean + sqrt(variance) z`; without variance no noise is drawn.
pub(crate) fn add_noise(mean: Tensor<4>, variance: f64, noise: &mut dyn FnMut() -> Tensor<4>) -> Tensor<4> {
    if variance == 0.0 {
        return mean;
    }
    mean + noise() * variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use burn::tensor::Tolerance;
    use random::Seed;
    use schedules::{ScheduleConfig, Spacing};
    use std::ops::ControlFlow;

    /// The exact denoiser of data distributed as `N(mean, std^2)`: `E[x0 | x]` is linear in x.
    struct Gaussian {
        mean: f64,
        std: f64,
    }

    impl Denoiser for Gaussian {
        fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
            let gain =
                level.alpha * self.std.powi(2) / ((level.alpha * self.std).powi(2) + level.sigma.powi(2));
            Ok((x - level.alpha * self.mean) * gain + self.mean)
        }
    }

    const SHAPE: [usize; 4] = [4, 1, 64, 64];

    fn normal(purpose: &str, index: u64) -> Tensor<4> {
        let values = Seed(5).stream(purpose, index).normal(SHAPE.iter().product());
        Tensor::from_data(TensorData::new(values, SHAPE), &Device::flex())
    }

    fn run(config: SolverConfig, data: &Gaussian, steps: usize) -> Tensor<4> {
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let levels = Spacing::Trailing.levels(&schedule, steps).unwrap();
        let mut draws = 0;
        let mut noise = || {
            draws += 1;
            normal("noise", draws)
        };
        let mut solver = config.init();
        let x = normal("start", 0);
        sample(data, solver.as_mut(), &levels, x, &mut noise, &mut |_| ControlFlow::Continue(())).unwrap()
    }

    /// DESIGN's identity: one formula is both. To rounding, over the full chain.
    #[test]
    fn ddim_with_eta_one_is_ancestral_with_the_small_variance() {
        let data = Gaussian { mean: 0.3, std: 0.5 };
        let ancestral = run(SolverConfig::Ancestral { variance: FixedVariance::Small }, &data, 1000);
        let ddim = run(SolverConfig::Ddim { eta: 1.0 }, &data, 1000);
        ddim.into_data().assert_approx_eq::<f32>(&ancestral.into_data(), Tolerance::absolute(1e-4));
    }

    #[test]
    fn samplers_recover_the_data_distribution() {
        let data = Gaussian { mean: 0.3, std: 0.5 };
        for config in [
            SolverConfig::Ancestral { variance: FixedVariance::Small },
            SolverConfig::Ancestral { variance: FixedVariance::Large },
            SolverConfig::Ddim { eta: 0.0 },
            SolverConfig::Ddim { eta: 0.5 },
        ] {
            let x = run(config, &data, 1000);
            let mean = x.clone().mean().into_scalar::<f64>();
            let std = (x - mean).square().mean().into_scalar::<f64>().sqrt();
            // Five standard errors of 16,384 values, and the chain's own discretisation.
            assert!((mean - 0.3).abs() < 0.02, "{config:?}: mean {mean}");
            assert!((std - 0.5).abs() < 0.02, "{config:?}: std {std}");
        }
    }

    /// The probability-flow ODE of Gaussian data is solved exactly by scaling each normal value; DDIM must approach
    /// that solution with order 1: half the step, half the error.
    #[test]
    fn ddim_converges_with_order_one() {
        let data = Gaussian { mean: 0.0, std: 0.5 };
        let schedule = ScheduleConfig::default().build(1000).unwrap();
        let top = schedule.level(999);
        let marginal = ((top.alpha * 0.5).powi(2) + top.sigma.powi(2)).sqrt();
        let exact = normal("start", 0) * (0.5 / marginal);
        let error = |steps| {
            let x = run(SolverConfig::Ddim { eta: 0.0 }, &data, steps);
            (x - exact.clone()).square().mean().into_scalar::<f64>().sqrt()
        };
        let order = (error(50) / error(100)).log2();
        assert!((order - 1.0).abs() < 0.2, "order {order}");
    }
}
