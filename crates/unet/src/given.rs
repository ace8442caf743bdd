use burn::tensor::Tensor;

use crate::context::Context;

/// What all blocks are given beside the features.
pub(crate) struct Given {
    /// The embedding of time and condition `[B, time_channels]`, activated once here because most residual blocks begin
    /// with that.
    pub(crate) emb: Tensor<2>,
    /// The same before the activation.
    pub(crate) raw_emb: Tensor<2>,
    /// What pixels attend to.
    pub(crate) context: Option<Context>,
}

impl Given {
    /// The embedding for residual blocks that take it `raw`, or activated.
    pub(crate) fn emb(&self, raw: bool) -> &Tensor<2> {
        if raw { &self.raw_emb } else { &self.emb }
    }
}
