use burn::nn::GroupNorm;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::ops;

/// The nonlinearity of the residual blocks. The two-layer networks of the embeddings and the end of the network always
/// have SiLU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x sigmoid(x)`.
    #[default]
    Silu,
    /// `x Phi(x)`, with the error function, not its approximation.
    Gelu,
    /// `max(x, 0)`.
    Relu,
    /// `x tanh(ln(1 + e^x))` (Misra 2019, arXiv 1908.08681).
    Mish,
}

impl Activation {
    /// Of each element.
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Silu => activation::silu(x),
            Self::Gelu => activation::gelu(x),
            Self::Relu => activation::relu(x),
            Self::Mish => activation::mish(x),
        }
    }

    /// `act(norm(x))`
    pub(crate) fn after_norm(self, norm: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Silu => ops::norm_silu(norm, x),
            other => other.apply(norm.forward(x)),
        }
    }

    /// `act(norm(x) (1 + scale) + shift)` with one scale and shift `[B, C]` for each channel.
    pub(crate) fn after_modulated_norm(
        self,
        norm: &GroupNorm,
        x: Tensor<4>,
        scale: Tensor<2>,
        shift: Tensor<2>,
    ) -> Tensor<4> {
        match self {
            Self::Silu => ops::norm_modulate_silu(norm, x, scale, shift),
            other => other.apply(ops::modulate(norm.forward(x), scale, shift)),
        }
    }
}
