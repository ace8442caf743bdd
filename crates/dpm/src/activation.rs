use burn::prelude::*;
use burn::tensor::activation;
use serde::{Deserialize, Serialize};

/// What stands between two layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// As in the heartbeat's network.
    #[default]
    Sigmoid,
    /// As in the paper's dense path for images.
    Tanh,
    /// As in the paper's convolutions.
    Softplus,
    /// With a slope of 0.05 below 0, as in the released code.
    LeakyRelu,
    /// `x sigmoid(x)`.
    Silu,
}

impl Activation {
    /// Applies it to every value.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Sigmoid => activation::sigmoid(x),
            Self::Tanh => activation::tanh(x),
            Self::Softplus => kernels::softplus(x),
            Self::LeakyRelu => kernels::leaky_relu(x, 0.05),
            Self::Silu => activation::silu(x),
        }
    }
}
