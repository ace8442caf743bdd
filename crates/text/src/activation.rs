use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// The nonlinearity between the two layers of a transformer's feed-forward network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextActivation {
    /// `x Phi(x)`, with the error function.
    #[default]
    Gelu,
    /// `x sigmoid(1.702 x)`, an approximation of it: CLIP's first networks.
    QuickGelu,
    /// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, another one: T5's later networks.
    GeluTanh,
    /// `max(x, 0)`: T5's first networks.
    Relu,
    /// `x sigmoid(x)`.
    Silu,
}

impl TextActivation {
    /// Of each element.
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => activation::gelu(x),
            Self::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
            Self::GeluTanh => activation::gelu_approximate(x),
            Self::Relu => activation::relu(x),
            Self::Silu => activation::silu(x),
        }
    }
}
