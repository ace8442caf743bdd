use burn::prelude::*;
use schedules::NoiseLevel;
use serde::{Deserialize, Serialize};

use crate::dpm_multistep::advance;
use crate::exponential::{Smooth, Transition, step_from_noise};
use crate::polynomial::Polynomial;
use crate::solver::add_noise;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// Which of the singlestep exponential integrators.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmSinglestepConfig {
    /// How many levels a block spans, 1 to 3.
    pub order: usize,
    /// What is taken for smooth.
    pub smooth: Smooth,
    /// The polynomial through its values.
    pub polynomial: Polynomial,
    /// Whether all noise is drawn anew.
    pub sde: bool,
    /// Whether the last blocks are shorter, so that any number of steps can be walked and the clean level reached.
    pub lower_order_final: bool,
}

impl Default for DpmSinglestepConfig {
    fn default() -> Self {
        Self {
            order: 2,
            smooth: Smooth::X0,
            polynomial: Polynomial::Midpoint,
            sde: false,
            lower_order_final: true,
        }
    }
}

/// DPM-Solver and DPM-Solver++ in blocks of 1 to 3 levels (Lu et al. 2022, algorithms 1 and 2): inside a block each
/// level is reached from the block's beginning, with one order more than the level before. One evaluation a level.
pub struct DpmSinglestep {
    config: DpmSinglestepConfig,
    start: Option<(NoiseLevel, Tensor<4>)>,
    /// lambda and value of each level of the block, in order.
    block: Vec<(f64, Tensor<4>)>,
}

impl DpmSinglestep {
    /// A solver ready for its first step.
    pub fn new(config: DpmSinglestepConfig) -> Self {
        Self { config, start: None, block: Vec::new() }
    }

    /// Whether a step begins a block: every `order` levels; and a last level that would complete a block stands alone.
    fn begins_block(&self, stage: Stage) -> bool {
        let order = self.config.order.clamp(1, 3);
        let alone =
            self.config.lower_order_final && stage.remaining() == 0 && stage.total.is_multiple_of(order);
        stage.index.is_multiple_of(order) || alone
    }

    /// The polynomial of the next step and the values that it goes through.
    ///
    /// The midpoint type of a third order needs the block's first and last value only (Lu et al. 2022, algorithm 2).
    fn through(&self) -> (Polynomial, Vec<(f64, Tensor<4>)>) {
        match (self.config.polynomial, self.block.as_slice()) {
            (Polynomial::Midpoint, [first, _, last]) => (Polynomial::Heun, vec![first.clone(), last.clone()]),
            (Polynomial::Heun, [_, _, _]) => (Polynomial::Exact, self.block.clone()),
            (polynomial, _) => (polynomial, self.block.clone()),
        }
    }
}

impl Solver for DpmSinglestep {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Stage { from, to, .. } = stage;
        let prediction = denoiser.denoise(x.clone(), from)?;
        if to.sigma == 0.0 {
            return Ok((prediction.at(to), prediction.x0));
        }
        if from.alpha == 0.0 {
            self.start = None;
            return Ok((step_from_noise(&prediction, self.config.sde, to, noise), prediction.x0));
        }
        let begins = self.begins_block(stage);
        let (base, origin) = match self.start.take() {
            Some(start) if !begins => start,
            _ => {
                self.block.clear();
                (from, x)
            }
        };
        self.block.push((from.lambda(), self.config.smooth.of(&prediction)));
        let transition = Transition::new(self.config.smooth, self.config.sde, base, to);
        let (polynomial, known) = self.through();
        let x = advance(origin.clone(), transition, polynomial, to.lambda(), &known);
        self.start = Some((base, origin));
        Ok((add_noise(x, transition.variance, noise), prediction.x0))
    }
}
