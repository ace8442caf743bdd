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
