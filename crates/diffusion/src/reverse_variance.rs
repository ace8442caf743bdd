use schedules::FixedVariance;
use serde::{Deserialize, Serialize};

use crate::VarianceOutput;

/// The variance of a reverse step of a model: fixed before training, or part of what its network answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReverseVariance {
    /// `beta_tilde` (Ho et al. 2020, section 3.2).
    FixedSmall,
    /// `beta` (Ho et al. 2020, section 3.2).
    #[default]
    FixedLarge,
    /// Between the two, as the second half of the network's output channels says (Nichol & Dhariwal 2021, eq. 15).
    LearnedRange,
}

impl ReverseVariance {
    /// What the second half of the network's output channels means, if there is one.
    pub fn output(self) -> Option<VarianceOutput> {
        (self == Self::LearnedRange).then_some(VarianceOutput::Range)
    }

    /// The variance where none is learnt.
    pub fn fixed(self) -> FixedVariance {
        if self == Self::FixedSmall { FixedVariance::Small } else { FixedVariance::Large }
    }

    /// Output channels of a network of images with `channels`.
    pub fn output_channels(self, channels: usize) -> usize {
        if self.output().is_some() { 2 * channels } else { channels }
    }
}
