use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// How a network is told what to draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassInput {
    /// By a class label, if there are `num_classes`.
    #[default]
    Label,
    /// By a number, encoded as the time is.
    Number,
    /// By an embedding that is added to the time's as it is.
    Embedding,
}

/// What the images of a batch are to be.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Class labels `[B]`, for [`ClassInput::Label`].
    Labels(Tensor<1, Int>),
    /// Numbers `[B]`, for [`ClassInput::Number`].
    Numbers(Tensor<1>),
    /// Embeddings `[B, time_channels]`, for [`ClassInput::Embedding`].
    Embeddings(Tensor<2>),
}
