use burn::prelude::*;
use schedules::ScheduleConfig;
use serde::{Deserialize, Serialize};

use crate::chain::{Chain, ChainConfig, Steps};
use crate::error::DpmError;
use crate::init::Init;
use crate::kernel::Kernel;
use crate::learned_betas::LearnedBetas;
use crate::network::{Network, NetworkConfig};
use crate::reverse::Reverse;

/// A chain and the network that steps back along it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DpmConfig {
    /// Length T of the chain.
    pub num_train_timesteps: usize,
    /// Noise law.
    pub schedule: ScheduleConfig,
    /// Kind of noise.
    pub chain: ChainConfig,
    /// The network.
    pub network: NetworkConfig,
}

impl Default for DpmConfig {
    /// The swiss roll's of the paper.
    fn default() -> Self {
        Self {
            num_train_timesteps: 40,
            schedule: ScheduleConfig::Dpm2015Linspace,
            chain: ChainConfig::default(),
            network: NetworkConfig::default(),
        }
    }
}

impl DpmConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub fn validate(&self) -> Result<(), DpmError> {
        self.network.validate()?;
        self.chain().map(|_| ())
    }

    /// The chain.
    ///
    /// # Errors
    ///
    /// If it is impossible.
    pub fn chain(&self) -> Result<Chain, DpmError> {
        Chain::new(self.chain.clone(), &self.schedule, self.num_train_timesteps)
    }

    /// An untrained model of states of `shape` `[C, H, W]`; its weights are a function of the seed.
    ///
    /// # Errors
    ///
    /// If the chain or the network is impossible.
    pub fn init(&self, shape: [usize; 3], seed: u64, device: &Device) -> Result<Dpm, DpmError> {
        self.validate()?;
        let chain = self.chain()?;
        let outputs = chain.answers() * shape.iter().product::<usize>();
        let network =
            Network::new(&self.network, shape, outputs, chain.length(), &mut Init::new(seed, device));
        let learned = matches!(self.chain, ChainConfig::Gaussian { learned_betas: true, .. });
        let betas = learned.then(|| LearnedBetas::new(chain.schedule(), device));
        Ok(Dpm { network, betas, chain })
    }
}

/// A diffusion probabilistic model.
#[derive(Module, Debug)]
pub struct Dpm {
    network: Network,
    betas: Option<LearnedBetas>,
    #[module(skip)]
    chain: Chain,
}

impl Dpm {
    /// All betas of the chain, `[T]`, where they are learnt.
    pub fn learned_betas(&self) -> Option<Tensor<1>> {
        self.betas.as_ref().map(LearnedBetas::betas)
    }
}

impl Reverse for Dpm {
    fn chain(&self) -> &Chain {
        &self.chain
    }

    fn steps(&self, steps: &[usize], device: &Device) -> Steps {
        match (&self.betas, self.chain.kind()) {
            (Some(betas), ChainConfig::Gaussian { mean_form, .. }) => {
                Steps::Gaussian(betas.steps(steps), *mean_form)
            }
            _ => self.chain.steps(steps, device),
        }
    }

    fn reverse(&self, x: Tensor<3>, steps: &[usize]) -> Kernel {
        let answer = self.network.forward(x.clone(), steps);
        self.steps(steps, &x.device().inner()).reverse(answer, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::MeanForm;
    use burn::module::ModuleMapper;
    use burn::module::Param;
    use random::Seed;

    const STEPS: [usize; 5] = [2, 3, 4, 5, 6];

    /// Adds to one of the logits of the betas.
    struct Moved(usize, f32);

    impl ModuleMapper for Moved {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|logits| {
                let mut by = vec![0.0; logits.shape().num_elements()];
                by[self.0] = self.1;
                let by = Tensor::<1>::from_floats(by.as_slice(), &logits.device()).reshape(logits.shape());
                logits + by
            })
        }
    }

    /// Where the noise is given, the bound is a smooth function of the betas, and its gradient that of finite differences.
    #[test]
    fn betas_learn_by_the_gradient_of_the_bound() {
        let config = DpmConfig {
            num_train_timesteps: 6,
            schedule: ScheduleConfig::Linear { beta_start: 1e-2, beta_end: 0.3, rescale: false },
            chain: ChainConfig::Gaussian { mean_form: MeanForm::Released, learned_betas: true },
            ..DpmConfig::default()
        };
        let device = Device::flex();
        let tensor = |index: u64| {
            let values = Seed(3).stream("test", index).normal(5 * 40 * 2);
            Tensor::<3>::from_data(TensorData::new(values, [5, 40, 2]), &device)
        };
        let bound = |model: &Dpm| model.bound(tensor(0) * 0.4, tensor(1), &STEPS).mean();
        let model = config.init([2, 1, 1], 0, &device.clone().autodiff()).unwrap();
        let gradients = bound(&model).backward();
        let logits = model.betas.as_ref().unwrap().logits();
        let found = logits.grad(&gradients).unwrap().try_into_vec_as::<f32>().unwrap();
        let plain = config.init([2, 1, 1], 0, &device).unwrap();
        for (i, found) in found.into_iter().enumerate() {
            let at = |by: f32| {
                let betas = plain.betas.clone().map(|betas| betas.map(&mut Moved(i, by)));
                bound(&Dpm { betas, ..plain.clone() }).into_scalar::<f32>()
            };
            let expected = (at(0.02) - at(-0.02)) / 0.04;
            assert!(
                (found - expected).abs() < 0.02 * expected.abs() + 1e-3,
                "{i}: {found} is not {expected}"
            );
        }
    }
}
