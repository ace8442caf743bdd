use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// How a network is told what to draw, as one label or vector for an image.
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
    /// By a vector of so many channels through a two-layer network, as the time's.
    Projection(usize),
    /// By a vector of so many channels through a linear layer.
    Linear(usize),
}

/// What the images of a batch are to be, by one label or vector each.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Class labels `[B]`, for [`ClassInput::Label`].
    Labels(Tensor<1, Int>),
    /// Numbers `[B]`, for [`ClassInput::Number`].
    Numbers(Tensor<1>),
    /// Embeddings `[B, channels]`, for the other kinds of [`ClassInput`].
    Embeddings(Tensor<2>),
}

/// All that a network may be told besides the image and the time; what is not given is as if it were not there.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// What the images are to be, as [`ClassInput`] says.
    pub class: Option<Condition>,
    /// The encoded text `[B, S, C]` that is the context, or is made one.
    pub text: Option<Tensor<3>>,
    /// 1 for each position of the text that counts and 0 for the others, `[B, S]`.
    pub text_mask: Option<Tensor<2>>,
    /// One vector for the text of an image `[B, C]`, for [`AddedInput::TextAndSizes`](crate::AddedInput).
    pub pooled_text: Option<Tensor<2>>,
    /// Numbers that are encoded as the time is `[B, n]`, for the same: the sizes an image had and shall have.
    pub sizes: Option<Tensor<2>>,
    /// The embedding of an image `[B, C]`.
    pub image: Option<Tensor<2>>,
    /// Added to the encoded time before its network, `[B, time_condition_channels]`: a guidance scale (Meng et al. 2023,
    /// arXiv 2210.03142).
    pub time: Option<Tensor<2>>,
    /// Of networks beside this one.
    pub residuals: Residuals,
}

/// What networks beside this one add to its features.
#[derive(Clone, Debug, Default)]
pub struct Residuals {
    /// To each skip connection, from the first convolution on (ControlNet: Zhang et al. 2023, arXiv 2302.05543); as many
    /// as there are, or none.
    pub skips: Vec<Tensor<4>>,
    /// To the output of the middle (ControlNet).
    pub mid: Option<Tensor<4>>,
    /// To the features of each level on the way down: of its last residual block where it attends to a context, else of
    /// its end; one more goes to the middle if it fits (T2I-Adapter: Mou et al. 2023, arXiv 2302.08453).
    pub levels: Vec<Tensor<4>>,
}
