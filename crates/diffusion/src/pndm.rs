use burn::prelude::*;
use schedules::{Curve, NoiseLevel};

use crate::ipndm::{Ipndm, transfer};
use crate::{Denoiser, DiffusionError, Prediction, Solver, Stage};

/// Pseudo numerical methods (Liu et al. 2022): four noises extrapolated into each DDIM step (PLMS), after a warm-up.
pub struct Pndm {
    warm_up: WarmUp,
    history: Ipndm,
}

/// How the first noises of [`Pndm`] are found.
pub enum WarmUp {
    /// One step of the pseudo improved Euler method, then lower orders (Rombach et al. 2021's PLMS): one evaluation
    /// more than steps.
    Euler,
    /// Three pseudo Runge-Kutta steps of four evaluations each (Liu et al. 2022, algorithm 2); says which level lies
    /// half way between two.
    RungeKutta(Box<dyn Fn(NoiseLevel, NoiseLevel) -> NoiseLevel>),
}

impl WarmUp {
    /// Runge-Kutta steps whose middle is half way in the time of a law of noise.
    pub fn on_curve(curve: &Curve) -> Self {
        let curve = curve.clone();
        Self::RungeKutta(Box::new(move |from, to| curve.at_time((curve.time(from) + curve.time(to)) / 2.0)))
    }
}

impl Pndm {
    /// A solver ready for its first step.
    pub fn new(warm_up: WarmUp) -> Self {
        Self { warm_up, history: Ipndm::default() }
    }
}

impl Solver for Pndm {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        _: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Prediction { x0, eps, .. } = denoiser.denoise(x.clone(), stage.from)?;
        let extrapolated = self.history.extrapolate(eps.clone(), stage);
        let noise_at = |eps: &Tensor<4>, level: NoiseLevel| {
            let moved = transfer(x.clone(), eps.clone(), Stage { to: level, ..stage });
            Ok::<_, DiffusionError>(denoiser.denoise(moved, level)?.eps)
        };
        let eps = match &self.warm_up {
            // The clean level has no noise that could be asked for.
            _ if stage.to.sigma == 0.0 => extrapolated,
            // A walk of one step has none to warm up for.
            WarmUp::Euler if stage.index == 0 && stage.total > 1 => (noise_at(&eps, stage.to)? + eps) / 2.0,
            WarmUp::RungeKutta(halfway) if stage.index < 3 => {
                let middle = halfway(stage.from, stage.to);
                let second = noise_at(&eps, middle)?;
                let third = noise_at(&second, middle)?;
                let fourth = noise_at(&third, stage.to)?;
                (eps + second * 2.0 + third * 2.0 + fourth) / 6.0
            }
            _ => extrapolated,
        };
        Ok((transfer(x, eps, stage), x0))
    }
}
