use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError, LearnedVariance, Parameterization, Prediction};

/// A trained network as a [`Denoiser`].
///
/// `net` answers for an image `[B, C, H, W]` and a timestep, `timestep` translates levels to what the network is told.
pub struct NetworkDenoiser<N, T> {
    /// The network.
    pub net: N,
    /// The timestep of a level.
    pub timestep: T,
    /// What its output means.
    pub parameterization: Parameterization,
    /// What the second half of its output channels means, if there is one.
    pub variance: Option<VarianceOutput>,
}

/// What the second half of a network's output channels means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarianceOutput {
    /// [`LearnedVariance::Range`].
    Range,
    /// [`LearnedVariance::Direct`].
    Direct,
}

impl<N, T> Denoiser for NetworkDenoiser<N, T>
where
    N: Fn(Tensor<4>, f64) -> Tensor<4>,
    T: Fn(NoiseLevel) -> f64,
{
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let (scale, native) = self.parameterization.input(level);
        let input = if scale == 1.0 { x } else { x * scale };
        let output = (self.net)(input.clone(), (self.timestep)(level));
        let Some(kind) = self.variance else {
            return self.parameterization.prediction(output, input, native);
        };
        let half = output.dims()[1] / 2;
        let mut parts = output.split(half, 1).into_iter();
        let (Some(mean), Some(variance)) = (parts.next(), parts.next()) else {
            return Err(DiffusionError::NoVariance { channels: half });
        };
        let variance = match kind {
            VarianceOutput::Range => LearnedVariance::Range(variance),
            VarianceOutput::Direct => LearnedVariance::Direct(variance),
        };
        let prediction = self.parameterization.prediction(mean, input, native)?;
        Ok(Prediction { variance: Some(variance), ..prediction })
    }
}
