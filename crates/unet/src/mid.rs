use burn::module::Module;
use burn::tensor::Tensor;

use crate::UNetConfig;
use crate::attention::Attention;
use crate::init::Init;
use crate::resample::Scale;
use crate::resblock::ResBlock;

/// The middle of the network, at the lowest resolution: a residual block, attention, a residual block.
#[derive(Module, Debug)]
pub(crate) struct MidBlock {
    resnets: [ResBlock; 2],
    attention: Attention,
}

impl MidBlock {
    pub(crate) fn new(config: &UNetConfig, channels: usize, init: &mut Init<'_>) -> Self {
        let before = ResBlock::new(config, [channels, channels], Scale::Same, init);
        let attention = Attention::new(config, channels, init);
        let after = ResBlock::new(config, [channels, channels], Scale::Same, init);
        Self { resnets: [before, after], attention }
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    /// - `emb`: `[B, time_channels]`, activated
    pub(crate) fn forward(&self, x: Tensor<4>, emb: &Tensor<2>) -> Tensor<4> {
        let [before, after] = &self.resnets;
        after.forward(self.attention.forward(before.forward(x, emb.clone())), emb.clone())
    }
}
