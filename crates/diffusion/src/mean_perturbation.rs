use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError, Known, Prediction};

/// Inpainting by a perturbed mean (Sohl-Dickstein et al. 2015, section 2.5): the known pixels of the predicted clean
/// image are the given ones, so that every reverse step's mean leads there.
///
/// Works with any solver, a deterministic one too, and costs nothing. The unknown pixels follow the known ones only as
/// far as their noise has fallen, which binds them less than [`RePaint`](crate::RePaint) does.
pub struct MeanPerturbed<D> {
    /// What denoises.
    pub inner: D,
    /// What stays.
    pub known: Known,
}

impl<D: Denoiser> Denoiser for MeanPerturbed<D> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let Prediction { x0, eps, variance } = self.inner.denoise(x.clone(), level)?;
        let x0 = self.known.put(x0);
        let rest = (x - x0.clone() * level.alpha) / level.sigma;
        Ok(Prediction { x0, eps: self.known.replace(eps, rest), variance })
    }
}
