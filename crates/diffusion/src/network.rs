use burn::prelude::*;
use schedules::{NoiseLevel, Schedule};
use unet::UNet;

use crate::{Denoiser, DiffusionError, Parameterization};

/// A trained network as a [`Denoiser`].
pub struct NetworkDenoiser<'a> {
    /// The network.
    pub net: &'a UNet,
    /// The chain it was trained on; levels are translated to its timesteps.
    pub schedule: &'a Schedule,
    /// What its output means.
    pub parameterization: Parameterization,
    /// Class of each image, `[B]`, for a class-conditional network.
    pub labels: Option<Tensor<1, Int>>,
}

impl Denoiser for NetworkDenoiser<'_> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Tensor<4>, DiffusionError> {
        let timestep = self.schedule.timestep(level);
        let timesteps = Tensor::<1>::full([x.dims()[0]], timestep, &x.device());
        let output = self.net.forward(x.clone(), timesteps, self.labels.clone());
        self.parameterization.x0(output, x, level)
    }
}
