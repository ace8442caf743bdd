use diffusion::ReverseVariance;
use schedules::Weighting;
use serde::{Deserialize, Serialize};

/// What is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ObjectiveConfig {
    /// The squared error of the network's output, weighted: `L_simple` (Ho et al. 2020, eq. 14).
    #[default]
    Simple,
    /// The same and a share of the variational bound, from which only the variance learns:
    /// `L_simple + vlb_weight L_vlb` (Nichol & Dhariwal 2021, eq. 16).
    Hybrid {
        /// The share of the bound, which is in bits/dim; 0.001 in the paper.
        #[serde(default = "default_vlb_weight")]
        vlb_weight: f64,
    },
    /// The variational bound in bits/dim, from which mean and variance learn (Ho et al. 2020, eq. 5).
    Vlb,
}

/// How timesteps are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestepSampling {
    /// All alike.
    #[default]
    Uniform,
    /// Those that lose most more often, their losses weighted down: [`LossHistory`](crate::LossHistory). Until ten losses of
    /// each are known, after some 20 to 30 images for each timestep, all alike.
    LossAware,
    /// All alike, and with them every level between one and the one before: for a chain that is sampled in few steps
    /// (Chen et al. 2020, arXiv 2009.00713).
    Continuous,
}

fn default_vlb_weight() -> f64 {
    1e-3
}

impl ObjectiveConfig {
    /// Checks that all of the network's output is learnt from it, and nothing asked for in vain.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub(crate) fn validate(
        self,
        variance: ReverseVariance,
        weighting: Weighting,
        timesteps: TimestepSampling,
    ) -> Result<(), String> {
        let learned = variance == ReverseVariance::LearnedRange;
        match self {
            Self::Simple if learned => {
                Err("[train]: objective = \"simple\" does not train the variance: set \
                 train.objective = { type = \"hybrid\" }, or another diffusion.variance than learned_range"
                    .into())
            }
            Self::Hybrid { .. } if !learned => Err("[train]: objective = \"hybrid\" trains a variance: set \
                 diffusion.variance = \"learned_range\""
                .into()),
            Self::Hybrid { vlb_weight } if !(vlb_weight > 0.0 && vlb_weight.is_finite()) => {
                Err(format!("[train]: objective.vlb_weight = {vlb_weight}: it must be above 0"))
            }
            Self::Vlb if weighting != Weighting::Uniform => {
                Err("[train]: weighting: the bound has weights of \
                 its own: leave it out with objective = \"vlb\""
                    .into())
            }
            Self::Hybrid { .. } | Self::Vlb if timesteps == TimestepSampling::Continuous => {
                Err("[train]: timesteps = \"continuous\" has no steps for a bound to be made of: set \
                     train.objective = { type = \"simple\" }"
                    .into())
            }
            _ => Ok(()),
        }
    }
}
