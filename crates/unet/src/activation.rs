use burn::nn::GroupNorm;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::ops;

/// A nonlinearity.
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
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Silu => activation::silu(x),
            Self::Gelu => activation::gelu(x),
            Self::Relu => activation::relu(x),
            Self::Mish => activation::mish(x),
        }
    }

    /// `act(norm(x))`
    pub fn group_norm(self, norm: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Silu => ops::group_norm_silu(norm, x),
            other => other.apply(ops::group_norm(norm, x)),
        }
    }

    /// `act(norm(x + bias))` with one bias `[B, C]` for each channel.
    pub(crate) fn bias_group_norm(self, norm: &GroupNorm, x: Tensor<4>, bias: Tensor<2>) -> Tensor<4> {
        match self {
            Self::Silu => ops::bias_group_norm_silu(norm, x, bias),
            other => other.apply(ops::group_norm(norm, ops::add_per_channel(x, bias))),
        }
    }

    /// `act(norm(x) (1 + scale) + shift)` with one scale and shift `[B, C]` for each channel.
    pub(crate) fn group_norm_modulate(
        self,
        norm: &GroupNorm,
        x: Tensor<4>,
        scale: Tensor<2>,
        shift: Tensor<2>,
    ) -> Tensor<4> {
        match self {
            Self::Silu => ops::group_norm_modulate_silu(norm, x, scale, shift),
            other => other.apply(ops::modulate(ops::group_norm(norm, x), scale, shift)),
        }
    }
}
