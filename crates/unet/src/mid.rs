use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::Attention;
use crate::cross_attention::CrossLayer;
use crate::given::Given;
use crate::init::Init;
use crate::resblock::{ResBlock, ResBlockConfig};
use crate::{Mid, UNetConfig};

/// The middle of the network, at the lowest resolution: a residual block, attention unless it is left out, a residual
/// block.
#[derive(Module, Debug)]
pub(crate) struct MidBlock {
    resnets: Vec<ResBlock>,
    attention: Option<Attention>,
    cross_attention: Option<CrossLayer>,
    /// Whether the embedding is not activated for these residual blocks.
    raw_embedding: bool,
}

impl MidBlock {
    /// None where the configuration leaves the middle out.
    pub(crate) fn new(config: &UNetConfig, channels: usize, init: &mut Init<'_>) -> Option<Self> {
        let groups = match config.mid {
            Mid::Absent => return None,
            Mid::Plain | Mid::Single | Mid::Cross(_) => None,
            Mid::RawAttention => Some(None),
            Mid::Attention => Some(Some(config.mid_norm_groups.unwrap_or(config.groups_of(channels)))),
        };
        let block = ResBlockConfig::new(channels, channels).with_divisor(config.mid_divisor);
        let mut resnets = vec![block.init(config, init)];
        let attention =
            groups.map(|groups| Attention::new(config, channels, groups, config.mid_divisor, init));
        let cross_attention = match &config.mid {
            Mid::Cross(cross) => Some(CrossLayer::new(config, channels, cross, 0, init)),
            _ => None,
        };
        if config.mid != Mid::Single {
            resnets.push(block.init(config, init));
        }
        let raw_embedding =
            config.block_raw_embedding && matches!(cross_attention, Some(CrossLayer::Added(_)));
        Some(Self { resnets, attention, cross_attention, raw_embedding })
    }

    /// # Shapes
    ///
    /// - `x` and output: `[B, C, H, W]`
    pub(crate) fn forward(&self, mut x: Tensor<4>, given: &Given) -> Tensor<4> {
        let emb = given.emb(self.raw_embedding);
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, emb.clone());
            if let Some(attention) = self.attention.as_ref().filter(|_| i == 0) {
                x = attention.forward(x);
            }
            if let Some(attention) = self.cross_attention.as_ref().filter(|_| i == 0) {
                x = attention.forward(x, given);
            }
        }
        x
    }
}
