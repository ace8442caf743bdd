use burn::prelude::*;
use schedules::{Schedule, ScheduleConfig};
use serde::{Deserialize, Serialize};

use crate::binomial::BinomialSteps;
use crate::error::DpmError;
use crate::gaussian::{GaussianSteps, MeanForm};
use crate::kernel::Kernel;

/// Which kind of noise a chain adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChainConfig {
    /// Normal noise, for numbers.
    Gaussian {
        /// How the network moves the mean of a step back.
        #[serde(default)]
        mean_form: MeanForm,
        /// Whether the betas are learnt too, all but the first, which the schedule gives.
        #[serde(default)]
        learned_betas: bool,
    },
    /// Bits that are drawn anew, for 0 and 1.
    Binomial {
        /// Probability of 1 in the end.
        #[serde(default = "default_rate")]
        rate: f64,
    },
}

fn default_rate() -> f64 {
    0.5
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self::Gaussian { mean_form: MeanForm::default(), learned_betas: false }
    }
}

/// A chain of T steps, by which data turn into noise.
#[derive(Clone, Debug)]
pub struct Chain {
    schedule: Schedule,
    kind: ChainConfig,
}

impl Chain {
    /// The chain of a noise law and `length` steps.
    ///
    /// # Errors
    ///
    /// If the law is impossible, there are fewer than two steps, or bits would always be the same.
    pub fn new(kind: ChainConfig, law: &ScheduleConfig, length: usize) -> Result<Self, DpmError> {
        if length < 2 {
            return Err(DpmError::value("num_train_timesteps", length, "there must be at least 2"));
        }
        if let ChainConfig::Binomial { rate } = kind
            && !(rate > 0.0 && rate < 1.0)
        {
            return Err(DpmError::value("rate", rate, "it must be above 0 and below 1"));
        }
        let schedule = law.build(length)?;
        if let (ChainConfig::Gaussian { .. }, Some(last)) = (&kind, schedule.betas().last())
            && *last >= 1.0
        {
            let reason = "a Gaussian step that erases everything cannot be learnt: use dpm2015_linspace";
            return Err(DpmError::value("the last beta", last, reason));
        }
        Ok(Self { schedule, kind })
    }

    /// The length T.
    pub fn length(&self) -> usize {
        self.schedule.num_train_timesteps()
    }

    /// The noise law.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Its kind.
    pub fn kind(&self) -> &ChainConfig {
        &self.kind
    }

    /// Whether states are bits, whose noise is uniform in `[0, 1)`; else it is standard normal.
    pub fn is_binomial(&self) -> bool {
        matches!(self.kind, ChainConfig::Binomial { .. })
    }

    /// Values that a network answers to each value of a state.
    pub fn answers(&self) -> usize {
        if self.is_binomial() { 1 } else { 2 }
    }

    /// Steps of the chain, each in `1..=T`.
    pub fn steps(&self, steps: &[usize], device: &Device) -> Steps {
        match self.kind {
            ChainConfig::Gaussian { mean_form, .. } => {
                Steps::Gaussian(GaussianSteps::new(&self.schedule, steps, device), mean_form)
            }
            ChainConfig::Binomial { rate } => {
                Steps::Binomial(BinomialSteps::new(&self.schedule, rate, steps, device))
            }
        }
    }

    /// The distribution that the chain ends in and sampling begins with: standard normal, or bits of the given rate.
    pub fn prior(&self, device: &Device) -> Kernel {
        let number = |value: f64| Tensor::<3>::full([1, 1, 1], value, device);
        match self.kind {
            ChainConfig::Gaussian { .. } => Kernel::Gaussian { mean: number(0.0), variance: number(1.0) },
            ChainConfig::Binomial { rate } => Kernel::bernoulli(number((rate / (1.0 - rate)).ln())),
        }
    }

    /// Log-likelihood in nats of the null model, in which all values are independent noise of the prior:
    /// the L_null of the paper's table 1, for data of unit variance or of the prior's rate.
    pub fn null_log_likelihood(&self, values: usize) -> f64 {
        let each = match self.kind {
            ChainConfig::Gaussian { .. } => 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).ln(),
            ChainConfig::Binomial { rate } => -(rate * rate.ln() + (1.0 - rate) * (1.0 - rate).ln()),
        };
        -each * values as f64
    }
}

/// G steps of a chain.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of them at a time")]
pub enum Steps {
    /// Of a Gaussian chain.
    Gaussian(GaussianSteps, MeanForm),
    /// Of a binomial chain.
    Binomial(BinomialSteps),
}

impl Steps {
    /// `q(x^t | x^0)`.
    pub fn marginal(&self, x0: Tensor<3>) -> Kernel {
        match self {
            Self::Gaussian(steps, _) => steps.marginal(x0),
            Self::Binomial(steps) => steps.marginal(x0),
        }
    }

    /// `q(x^{t-1} | x^t, x^0)`.
    pub fn posterior(&self, x0: Tensor<3>, x: Tensor<3>) -> Kernel {
        match self {
            Self::Gaussian(steps, _) => steps.posterior(x0, x),
            Self::Binomial(steps) => steps.posterior(x0, x),
        }
    }

    /// `p(x^{t-1} | x^t)` of a network that answers `z`.
    pub fn reverse(&self, z: Tensor<3>, x: Tensor<3>) -> Kernel {
        match self {
            Self::Gaussian(steps, form) => steps.reverse(*form, z, x),
            Self::Binomial(steps) => steps.reverse(z, x),
        }
    }

    /// The forward kernel as a reverse one, which the first step is: it is not learnt.
    pub fn unlearned(&self, x: Tensor<3>) -> Kernel {
        match self {
            Self::Gaussian(steps, _) => steps.unlearned(x),
            Self::Binomial(steps) => steps.unlearned(x),
        }
    }
}
