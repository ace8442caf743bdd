use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::DpmError;
use crate::init::Init;
use crate::mlp::{Mlp, MlpConfig};
use crate::multiscale::{MultiScale, MultiScaleConfig};
use crate::rbf::Rbf;
use crate::readout::ReadoutConfig;

/// What looks at a noisy state and says how to step back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum NetworkConfig {
    /// Normalised radial basis functions.
    Rbf {
        /// How many.
        #[serde(default = "default_units")]
        units: usize,
        /// How the last layer depends on the step.
        #[serde(default)]
        readout: ReadoutConfig,
    },
    /// Dense layers.
    Mlp(MlpConfig),
    /// Convolutions at several scales beside dense layers, for images.
    MultiScale(MultiScaleConfig),
}

fn default_units() -> usize {
    16
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self::Rbf { units: default_units(), readout: ReadoutConfig::default() }
    }
}

/// The widest layer and the longest list of layers.
const MOST: usize = 1 << 16;

impl NetworkConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub fn validate(&self) -> Result<(), DpmError> {
        let counts = match self {
            Self::Rbf { units, readout } => vec![("units", *units), ("readout.count", readout.count())],
            Self::Mlp(config) => {
                config.validate()?;
                config.counts()
            }
            Self::MultiScale(config) => return config.validate(),
        };
        match counts.into_iter().find(|(_, count)| !(1..=MOST).contains(count)) {
            Some((key, count)) => Err(DpmError::value(key, count, "it must be between 1 and 65536")),
            None => Ok(()),
        }
    }
}

/// [`NetworkConfig`]'s network.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one network in a process")]
pub(crate) enum Network {
    Rbf(Rbf),
    Mlp(Mlp),
    MultiScale(MultiScale),
}

impl Network {
    /// A network that gives `outputs` answers for a state of `shape` `[C, H, W]` in a chain of `length` steps.
    pub(crate) fn new(
        config: &NetworkConfig,
        shape: [usize; 3],
        outputs: usize,
        length: usize,
        init: &mut Init,
    ) -> Self {
        let ends = [shape.iter().product(), outputs];
        match config {
            NetworkConfig::Rbf { units, readout } => {
                Self::Rbf(Rbf::new(*units, *readout, ends, length, init))
            }
            NetworkConfig::Mlp(config) => Self::Mlp(Mlp::new(config, ends, length, init)),
            NetworkConfig::MultiScale(config) => {
                Self::MultiScale(MultiScale::new(config, shape, outputs, length, init))
            }
        }
    }

    /// # Shapes
    ///
    /// - x: `[G, N, D]`, group g at step `steps[g]`
    /// - output: `[G, N, outputs]`
    pub(crate) fn forward(&self, x: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        match self {
            Self::Rbf(net) => net.forward(x, steps),
            Self::Mlp(net) => net.forward(x, steps),
            Self::MultiScale(net) => net.forward(x, steps),
        }
    }
}
