use burn::module::Param;
use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bumps::{Bumps, TimeScale};
use crate::init::Init;

/// How a network's last layer depends on the step of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReadoutConfig {
    /// A layer of its own for each step (Sohl-Dickstein et al. 2015, appendix D.1).
    #[default]
    Each,
    /// Layers for bumps along the chain, which are mixed; for long chains, of which a training sees each step a few times.
    Bumps {
        /// How many.
        count: usize,
    },
}

impl ReadoutConfig {
    /// Layers that the configuration asks for; one where the chain decides.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Each => 1,
            Self::Bumps { count } => count,
        }
    }
}

/// A linear layer for each step of a chain. It begins at zero, so that a network begins as the chain of its noise.
#[derive(Module, Debug)]
pub struct Readout {
    /// `[T or bumps, inputs, outputs]`.
    weight: Param<Tensor<3>>,
    /// `[T or bumps, 1, outputs]`.
    bias: Param<Tensor<3>>,
    #[module(skip)]
    bumps: Option<Bumps>,
}

impl Readout {
    pub(crate) fn new(
        config: ReadoutConfig,
        [inputs, outputs]: [usize; 2],
        (length, scale): (usize, TimeScale),
        init: &Init,
    ) -> Self {
        let (layers, bumps) = match config {
            ReadoutConfig::Each => (length, None),
            ReadoutConfig::Bumps { count } => (count, Some(Bumps::new(count, length, scale))),
        };
        let (weight, bias) =
            (init.full([layers, inputs, outputs], 0.0), init.full([layers, 1, outputs], 0.0));
        Self { weight, bias, bumps }
    }

    /// The layers of some steps, each applied to its own states.
    ///
    /// # Shapes
    ///
    /// - x: `[G, N, inputs]`
    /// - output: `[G, N, outputs]`
    pub fn forward(&self, x: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        x.matmul(self.at(weight, steps)) + self.at(bias, steps)
    }

    /// With every weight the same, for tests: it begins at zero.
    #[cfg(test)]
    pub(crate) fn filled(self, value: f64) -> Self {
        Self { weight: self.weight.map(|weight| weight.full_like(value)), ..self }
    }

    fn at(&self, layers: Tensor<3>, steps: &[usize]) -> Tensor<3> {
        let [count, inputs, outputs] = layers.dims();
        let device = layers.device().inner();
        match &self.bumps {
            None => {
                let indices: Vec<i64> = steps.iter().map(|&t| t as i64 - 1).collect();
                layers.select(0, Tensor::from_data(TensorData::new(indices, [steps.len()]), &device))
            }
            Some(bumps) => {
                let mixed = bumps.at(steps, &device).matmul(layers.reshape([count, inputs * outputs]));
                mixed.reshape([steps.len(), inputs, outputs])
            }
        }
    }
}
