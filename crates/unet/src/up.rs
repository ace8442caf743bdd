use burn::module::Module;
use burn::tensor::Tensor;

use crate::UNetConfig;
use crate::attention::Attention;
use crate::init::Init;
use crate::resample::{Resampler, Scale};
use crate::resblock::ResBlock;

/// One level on the way up.
#[derive(Module, Debug)]
pub(crate) struct UpBlock {
    resnets: Vec<ResBlock>,
    /// One for each residual block, or none.
    attentions: Vec<Attention>,
    /// All levels but the first have one.
    upsampler: Option<Resampler>,
}

impl UpBlock {
    /// `skips` are the channels of the skip connections that this level takes, first taken first.
    pub(crate) fn new(
        config: &UNetConfig,
        level: usize,
        mut inputs: usize,
        skips: &[usize],
        init: &mut Init<'_>,
    ) -> Self {
        let outputs = config.width(level);
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for skip in skips {
            resnets.push(ResBlock::new(config, [inputs + skip, outputs], Scale::Same, init));
            if config.has_attention(level) {
                attentions.push(Attention::new(config, outputs, init));
            }
            inputs = outputs;
        }
        let upsampler = (level > 0).then(|| Resampler::new(config, outputs, Scale::Double, init));
        Self { resnets, attentions, upsampler }
    }

    /// Takes from the end of `skips` one for each residual block.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, inputs, H, W]`
    /// - `emb`: `[B, time_channels]`, activated
    /// - output: `[B, outputs, 2H, 2W]`, or `[B, outputs, H, W]` at the first level
    pub(crate) fn forward(&self, mut x: Tensor<4>, emb: &Tensor<2>, skips: &mut Vec<Tensor<4>>) -> Tensor<4> {
        let taken = skips.drain(skips.len() - self.resnets.len()..).rev();
        for (i, (resnet, skip)) in self.resnets.iter().zip(taken).enumerate() {
            x = resnet.forward(Tensor::cat(vec![x, skip], 1), emb.clone());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
        }
        match &self.upsampler {
            Some(upsampler) => upsampler.forward(x, emb.clone()),
            None => x,
        }
    }
}
