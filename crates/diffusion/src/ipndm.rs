use burn::prelude::*;

use crate::adams::adams_bashforth;
use crate::solver::weighted;
use crate::{Denoiser, DiffusionError, Prediction, Solver, Stage};

/// Improved PNDM (Zhang & Chen 2022, section 4): a DDIM step with the noise extrapolated from up to four, beginning with
/// fewer. One evaluation a step.
#[derive(Default)]
pub struct Ipndm {
    history: Vec<Tensor<4>>,
}

impl Ipndm {
    /// What the step takes for the noise: of the newest prediction and those before.
    pub(crate) fn extrapolate(&mut self, eps: Tensor<4>, stage: Stage) -> Tensor<4> {
        if stage.index == 0 {
            self.history.clear();
        }
        self.history.insert(0, eps.clone());
        self.history.truncate(4);
        weighted(adams_bashforth(self.history.len()), &self.history).unwrap_or(eps)
    }
}

impl Solver for Ipndm {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        _: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let Prediction { x0, eps, .. } = denoiser.denoise(x.clone(), stage.from)?;
        Ok((transfer(x, self.extrapolate(eps, stage), stage), x0))
    }
}

/// DDIM's step for a given noise (Liu et al. 2022, eq. 11).
///
/// Where there is no signal the noise is the whole image and says nothing of the clean one, which is then taken as 0.
pub(crate) fn transfer(x: Tensor<4>, eps: Tensor<4>, stage: Stage) -> Tensor<4> {
    let Stage { from, to, .. } = stage;
    if from.alpha == 0.0 {
        return eps * to.sigma;
    }
    let ratio = to.alpha / from.alpha;
    x * ratio + eps * (to.sigma - ratio * from.sigma)
}
