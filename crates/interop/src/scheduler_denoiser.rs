use burn::tensor::Tensor;
use diffusion::{ClassifierFree, ConsistencyBoundary, Denoiser, LimitX0, NetworkDenoiser};
use schedules::NoiseLevel;

use crate::Scheduler;

impl Scheduler {
    /// A bare network, which answers for images `[B, C, H, W]` and a timestep, as this scheduler's model.
    pub fn denoiser<'a>(&'a self, net: impl Fn(Tensor<4>, f64) -> Tensor<4> + 'a) -> Box<dyn Denoiser + 'a> {
        self.limited(self.network(net), |level| self.grid.timestep(level))
    }

    /// The same with classifier-free guidance; `rescale` as in [`ClassifierFree`].
    pub fn guided<'a>(
        &'a self,
        conditional: impl Fn(Tensor<4>, f64) -> Tensor<4> + 'a,
        unconditional: impl Fn(Tensor<4>, f64) -> Tensor<4> + 'a,
        scale: f64,
        rescale: f64,
    ) -> Box<dyn Denoiser + 'a> {
        let (conditional, unconditional) = (self.network(conditional), self.network(unconditional));
        let rescaled = self.parameterization;
        let guided = ClassifierFree { conditional, unconditional, scale, rescale, rescaled };
        self.limited(guided, |level| self.grid.timestep(level))
    }

    fn network<'a>(&'a self, net: impl Fn(Tensor<4>, f64) -> Tensor<4> + 'a) -> impl Denoiser + 'a {
        NetworkDenoiser {
            net: move |x, timestep| if self.negated { -net(x, timestep) } else { net(x, timestep) },
            timestep: |level| self.grid.timestep(level),
            parameterization: self.parameterization,
            variance: self.variance,
        }
    }

    /// What the class does to a network's prediction.
    pub(crate) fn limited<'a>(
        &'a self,
        network: impl Denoiser + 'a,
        timestep: impl Fn(NoiseLevel) -> f64 + 'a,
    ) -> Box<dyn Denoiser + 'a> {
        let inner: Box<dyn Denoiser> = match self.limit {
            Some((limit, keep_eps)) => Box::new(LimitX0 { inner: network, limit, keep_eps }),
            None => Box::new(network),
        };
        match self.boundary {
            Some(scaling) => Box::new(ConsistencyBoundary { inner, timestep, scaling }),
            None => inner,
        }
    }
}
