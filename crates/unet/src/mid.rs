use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::Attention;
use crate::init::Init;
use crate::resblock::{ResBlock, ResBlockConfig};
use crate::{Mid, UNetConfig};

/// The middle of the network, at the lowest resolution: a residual block, attention unless it is left out, a residual
/// block.
#[derive(Module, Debug)]
pub(crate) struct MidBlock {
    resnets: [ResBlock; 2],
    attention: Option<Attention>,
}

impl MidBlock {
    /// None where the configuration leaves the middle out.
    pub(crate) fn new(config: &UNetConfig, channels: usize, init: &mut Init<'_>) -> Option<Self> {
        let groups = match config.mid {
            Mid::Absent => return None,
            Mid::Plain => None,
            Mid::RawAttention => Some(None),
            Mid::Attention => Some(Some(config.mid_norm_groups.unwrap_or(config.resolved_norm_groups()))),
        };
        let block = ResBlockConfig::new(channels, channels).with_divisor(config.mid_divisor);
        let before = block.init(config, init);
        let attention =
            groups.map(|groups| Attention::new(config, channels, groups, config.mid_divisor, init));
        let after = block.init(config, init);
        Some(Self { resnets: [before, after], attention })
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    /// - `emb`: `[B, time_channels]`, activated
    pub(crate) fn forward(&self, x: Tensor<4>, emb: &Tensor<2>) -> Tensor<4> {
        let [before, after] = &self.resnets;
        let mut x = before.forward(x, emb.clone());
        if let Some(attention) = &self.attention {
            x = attention.forward(x);
        }
        after.forward(x, emb.clone())
    }
}
