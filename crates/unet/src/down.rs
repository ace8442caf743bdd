use burn::module::Module;
use burn::tensor::Tensor;

use crate::UNetConfig;
use crate::attention::Attention;
use crate::init::Init;
use crate::resample::{Resampler, Scale};
use crate::resblock::ResBlock;

/// One level on the way down.
#[derive(Module, Debug)]
pub(crate) struct DownBlock {
    resnets: Vec<ResBlock>,
    /// One for each residual block, or none.
    attentions: Vec<Attention>,
    /// All levels but the last have one.
    downsampler: Option<Resampler>,
}

impl DownBlock {
    /// Adds the channels of each skip connection to `skips`, whose last entry is the input's.
    pub(crate) fn new(
        config: &UNetConfig,
        level: usize,
        mut inputs: usize,
        skips: &mut Vec<usize>,
        init: &mut Init<'_>,
    ) -> Self {
        let outputs = config.width(level);
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for _ in 0..config.num_res_blocks {
            resnets.push(ResBlock::new(config, [inputs, outputs], Scale::Same, init));
            if config.has_attention(level) {
                attentions.push(Attention::new(config, outputs, init));
            }
            skips.push(outputs);
            inputs = outputs;
        }
        let downsampler = (level + 1 < config.levels()).then(|| {
            skips.push(outputs);
            Resampler::new(config, outputs, Scale::Half, init)
        });
        Self { resnets, attentions, downsampler }
    }

    /// Adds each intermediate result to `skips`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, inputs, H, W]`
    /// - `emb`: `[B, time_channels]`, activated
    /// - output: `[B, outputs, H/2, W/2]`, or `[B, outputs, H, W]` at the last level
    pub(crate) fn forward(&self, mut x: Tensor<4>, emb: &Tensor<2>, skips: &mut Vec<Tensor<4>>) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, emb.clone());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(x, emb.clone());
            skips.push(x.clone());
        }
        x
    }
}
