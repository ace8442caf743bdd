use burn::prelude::*;

use crate::adams::adams_unequal;
use crate::solver::weighted;
use crate::{Denoiser, DiffusionError, Solver, Stage};

/// The linear multistep method of k-diffusion: Adams-Bashforth for unequal steps on `d(x/alpha) = eps d(sigma/alpha)`.
/// One evaluation a step, as many orders as slopes are remembered.
pub struct Lms {
    /// How many slopes are used, 1 to 4.
    pub order: usize,
    history: Vec<(f64, Tensor<4>)>,
}

impl Lms {
    /// A solver ready for its first step.
    pub fn new(order: usize) -> Self {
        Self { order: order.clamp(1, 4), history: Vec::new() }
    }
}

impl Solver for Lms {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        _: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Stage { from, to, .. } = stage;
        let prediction = denoiser.denoise(x.clone(), from)?;
        if stage.index == 0 {
            self.history.clear();
        }
        if from.alpha == 0.0 {
            return Ok((prediction.at(to), prediction.x0));
        }
        self.history.insert(0, (from.ratio(), prediction.eps));
        self.history.truncate(self.order);
        let nodes: Vec<f64> = self.history.iter().map(|(ratio, _)| *ratio).collect();
        let weights = adams_unequal(&nodes, to.ratio());
        let change = weighted(&weights, self.history.iter().map(|(_, eps)| eps));
        let x = x / from.alpha;
        Ok((change.map_or(x.clone(), |change| x + change) * to.alpha, prediction.x0))
    }
}
