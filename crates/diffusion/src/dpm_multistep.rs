use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::exponential::{Smooth, Transition, step_from_noise};
use crate::polynomial::{Polynomial, weights};
use crate::solver::{add_noise, weighted};
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// Which of the multistep exponential integrators.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmMultistepConfig {
    /// 1 to 3 levels are used.
    pub order: usize,
    /// What is taken for smooth.
    pub smooth: Smooth,
    /// The polynomial through its values.
    pub polynomial: Polynomial,
    /// Whether all noise is drawn anew (SDE-DPM-Solver) rather than kept.
    pub sde: bool,
    /// Whether a walk of fewer than 15 steps ends with lower orders.
    pub lower_order_final: bool,
    /// Whether every walk ends with order 1.
    pub euler_at_final: bool,
}

impl Default for DpmMultistepConfig {
    fn default() -> Self {
        Self {
            order: 2,
            smooth: Smooth::X0,
            polynomial: Polynomial::Midpoint,
            sde: false,
            lower_order_final: true,
            euler_at_final: false,
        }
    }
}

impl DpmMultistepConfig {
    /// DEIS of the given order (Zhang & Chen 2022).
    pub fn deis(order: usize) -> Self {
        Self { order, smooth: Smooth::Eps, polynomial: Polynomial::Exact, ..Self::default() }
    }

    /// Of a step that could use `known` levels.
    fn order_of(&self, stage: Stage, known: usize) -> usize {
        let lower = self.lower_order_final && stage.total < 15;
        let bound = match stage.remaining() {
            0 if self.euler_at_final || lower || stage.to.sigma == 0.0 => 1,
            1 if lower => 2,
            _ => 3,
        };
        self.order.min(known).min(bound).max(1)
    }
}

/// DPM-Solver and DPM-Solver++ by extrapolation from the last levels (Lu et al. 2022), and DEIS. One evaluation a step.
pub struct DpmMultistep {
    config: DpmMultistepConfig,
    /// lambda and value, newest first.
    history: Vec<(f64, Tensor<4>)>,
}

impl DpmMultistep {
    /// A solver ready for its first step.
    pub fn new(config: DpmMultistepConfig) -> Self {
        Self { config, history: Vec::new() }
    }
}

impl Solver for DpmMultistep {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Stage { from, to, .. } = stage;
        let prediction = denoiser.denoise(x.clone(), from)?;
        if stage.index == 0 {
            self.history.clear();
        }
        if to.sigma == 0.0 {
            return Ok((prediction.at(to), prediction.x0));
        }
        if from.alpha == 0.0 {
            return Ok((step_from_noise(&prediction, self.config.sde, to, noise), prediction.x0));
        }
        self.history.insert(0, (from.lambda(), self.config.smooth.of(&prediction)));
        self.history.truncate(self.config.order);
        let order = self.config.order_of(stage, self.history.len());
        let used = &self.history[..order];
        let transition = Transition::new(self.config.smooth, self.config.sde, from, to);
        let x = advance(x, transition, self.config.polynomial, to.lambda(), used);
        Ok((add_noise(x, transition.variance, noise), prediction.x0))
    }
}

/// The mean of the step to `lambda` from the first of `known`, with the polynomial through all.
pub(crate) fn advance(
    x: Tensor<4>,
    transition: Transition,
    polynomial: Polynomial,
    lambda: f64,
    known: &[(f64, Tensor<4>)],
) -> Tensor<4> {
    let start = known[0].0;
    let step = lambda - start;
    if step == 0.0 {
        return x;
    }
    let nodes: Vec<f64> = known[1..].iter().map(|(node, _)| (node - start) / step).collect();
    let weights = weights(polynomial, transition.k, &nodes);
    let weights: Vec<f64> = weights.iter().map(|weight| weight * transition.amplitude).collect();
    let integral = weighted(&weights, known.iter().map(|(_, value)| value));
    let kept = x * transition.ratio;
    integral.map_or(kept.clone(), |integral| kept + integral)
}
