use burn::module::Module;
use burn::tensor::Tensor;
use unet::Init;

use crate::attention::Attention;
use crate::resblock::{BlockKind, ResBlock};

/// The lowest resolution: a residual block, attention unless it is left out, a residual block.
#[derive(Module, Debug)]
pub(crate) struct MidBlock {
    resnets: [ResBlock; 2],
    attention: Option<Attention>,
}

impl MidBlock {
    pub(crate) fn new(kind: BlockKind, attends: bool, channels: usize, init: &mut Init<'_>) -> Self {
        let before = ResBlock::new(kind, channels, channels, init);
        let attention = attends.then(|| Attention::new(kind.norm, channels, init));
        Self { resnets: [before, ResBlock::new(kind, channels, channels, init)], attention }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    /// - `latent`: as in [`Norm::forward`](crate::norm::Norm::forward)
    pub(crate) fn forward(&self, x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        let [before, after] = &self.resnets;
        let mut x = before.forward(x, latent);
        if let Some(attention) = &self.attention {
            x = attention.forward(x, latent);
        }
        after.forward(x, latent)
    }
}
