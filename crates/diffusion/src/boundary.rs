use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError, Prediction};

/// Makes a denoiser a consistency function: at timestep 0 the image itself, soon after the clean image alone
/// (Song et al. 2023, eq. 5; LCM, Luo et al. 2023, appendix).
///
/// `c_skip = s^2 / (t^2 + s^2)` and `c_out = t / sqrt(t^2 + s^2)` with `s = 0.5` and `t` the scaled timestep.
pub struct ConsistencyBoundary<D, T> {
    /// What denoises.
    pub inner: D,
    /// The timestep of a level.
    pub timestep: T,
    /// What the timestep is multiplied by; 10 in LCM.
    pub scaling: f64,
}

/// Standard deviation of the data, as the consistency models take it.
const SIGMA_DATA: f64 = 0.5;

impl<D: Denoiser, T: Fn(NoiseLevel) -> f64> Denoiser for ConsistencyBoundary<D, T> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let t = self.scaling * (self.timestep)(level);
        let norm = t.hypot(SIGMA_DATA);
        let prediction = self.inner.denoise(x.clone(), level)?;
        let x0 = x.clone() * (SIGMA_DATA / norm).powi(2) + prediction.x0 * (t / norm);
        Ok(Prediction::from_x0(x0, x, level))
    }
}
