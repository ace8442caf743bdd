use serde::{Deserialize, Serialize};

use crate::{Curve, Edm, Flow, Schedule, ScheduleError};

/// The longest chain; published ones have at most 4000 steps.
const MAX_TIMESTEPS: usize = 1_000_000;

/// Which law the noise follows along the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleConfig {
    /// Betas evenly spaced (Ho et al. 2020, section 4: 1e-4 to 0.02 over 1000 steps).
    Linear {
        /// First beta.
        #[serde(default = "default_beta_start")]
        beta_start: f64,
        /// Last beta.
        #[serde(default = "default_beta_end")]
        beta_end: f64,
        /// Multiplies the betas of a chain of T timesteps by `1000 / T` (Nichol & Dhariwal 2021, released code).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rescale: bool,
    },
    /// Square roots of the betas evenly spaced (Rombach et al. 2021, "linear" in the released code).
    ScaledLinear {
        /// First beta.
        #[serde(default = "default_scaled_start")]
        beta_start: f64,
        /// Last beta.
        #[serde(default = "default_scaled_end")]
        beta_end: f64,
    },
    /// `alpha_bar(t) = cos^2((t/T + s) / (1 + s) pi/2)` (Nichol & Dhariwal 2021, eq. 17).
    Cosine {
        /// The offset that keeps the first betas from vanishing.
        #[serde(default = "default_cosine_s")]
        s: f64,
        /// Upper bound of a beta, against the singularity at the end of the chain.
        #[serde(default = "default_max_beta")]
        max_beta: f64,
    },
    /// `beta_start + (beta_end - beta_start) sigmoid(x)`, x from -6 to 6 (GeoDiff, Xu et al. 2022).
    Sigmoid {
        /// First beta, nearly.
        #[serde(default = "default_beta_start")]
        beta_start: f64,
        /// Last beta, nearly.
        #[serde(default = "default_beta_end")]
        beta_end: f64,
    },
    /// `alpha_bar(t) = exp(-rate t / T)`.
    Exponential {
        /// How much signal is lost; 12 in the released codes.
        #[serde(default = "default_rate")]
        rate: f64,
        /// Upper bound of a beta.
        #[serde(default = "default_max_beta")]
        max_beta: f64,
    },
    /// Noise concentrated around `snr = 1` (Hang et al. 2024, "Improved Noise Schedule", Laplace).
    Laplace {
        /// Upper bound of a beta.
        #[serde(default = "default_max_beta")]
        max_beta: f64,
    },
    /// `beta_t = 1 / (T - t + 1)`, t from 1 to T: each step erases the same share of the signal, the last all that is
    /// left (Sohl-Dickstein et al. 2015, section 2.4.1).
    Dpm2015,
    /// `1 / linspace(T, 2, T)`: the same share, arranged so that the last beta is 1/2.
    #[serde(rename = "dpm2015_linspace")]
    Dpm2015Linspace,
    /// `ln(alpha / sigma)` evenly spaced (Kingma et al. 2021, arXiv 2107.00630, section 4.1): each step loses the same share of
    /// the signal-to-noise ratio, as data of fine detail want it.
    LogSnr {
        /// First beta.
        #[serde(default = "default_beta_start")]
        beta_start: f64,
        /// `alpha_bar` of the last step.
        #[serde(default = "default_alpha_bar_end")]
        alpha_bar_end: f64,
    },
    /// [`Edm`].
    Edm(Edm),
    /// [`Flow`].
    Flow(Flow),
    /// A table.
    Explicit {
        /// One beta for each timestep of the chain.
        betas: Vec<f64>,
    },
}

fn default_beta_start() -> f64 {
    1e-4
}
fn default_beta_end() -> f64 {
    0.02
}
fn default_scaled_start() -> f64 {
    0.00085
}
fn default_scaled_end() -> f64 {
    0.012
}
fn default_cosine_s() -> f64 {
    0.008
}
fn default_max_beta() -> f64 {
    0.999
}
fn default_alpha_bar_end() -> f64 {
    1e-2
}
fn default_rate() -> f64 {
    12.0
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self::Linear { beta_start: default_beta_start(), beta_end: default_beta_end(), rescale: false }
    }
}

impl ScheduleConfig {
    /// Whether the levels are those of a chain of timesteps.
    pub fn is_chain(&self) -> bool {
        !matches!(self, Self::Edm(_) | Self::Flow(_))
    }

    /// The law of noise; `num_train_timesteps` is the length of a chain, the timestep of a flow's pure noise, and nothing
    /// to EDM.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and if an option of EDM's or a flow's is out of its range.
    pub fn curve(&self, num_train_timesteps: usize) -> Result<Curve, ScheduleError> {
        check_length(num_train_timesteps)?;
        match *self {
            Self::Edm(edm) => edm.validate().map(|()| Curve::Edm(edm)),
            Self::Flow(flow) => flow.validate().map(|()| Curve::Flow { num_train_timesteps, flow }),
            _ => Ok(Curve::Chain(self.build(num_train_timesteps)?)),
        }
    }

    /// The table of levels for a chain of `num_train_timesteps`.
    ///
    /// # Errors
    ///
    /// If the chain is empty or of more than a million timesteps, a beta falls outside `(0, 1]`, a table has another length,
    /// or the law is no chain.
    pub fn build(&self, num_train_timesteps: usize) -> Result<Schedule, ScheduleError> {
        check_length(num_train_timesteps)?;
        match self {
            Self::Edm(_) => return Err(ScheduleError::NoChain { law: "edm" }),
            Self::Flow(_) => return Err(ScheduleError::NoChain { law: "flow" }),
            Self::Explicit { betas } if betas.len() != num_train_timesteps => {
                return Err(ScheduleError::TableLength { betas: betas.len(), num_train_timesteps });
            }
            _ => {}
        }
        Schedule::from_betas(self.betas(num_train_timesteps))
    }
}

fn check_length(num_train_timesteps: usize) -> Result<(), ScheduleError> {
    match num_train_timesteps {
        0 => Err(ScheduleError::EmptyChain),
        1..=MAX_TIMESTEPS => Ok(()),
        _ => Err(ScheduleError::LongChain { num_train_timesteps, most: MAX_TIMESTEPS }),
    }
}
