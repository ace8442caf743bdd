use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::Attention;
use crate::image_skip::InputSkip;
use crate::init::Init;
use crate::resample::{Resampler, Scale};
use crate::resblock::{ResBlock, ResBlockConfig};
use crate::{Resample, UNetConfig};

/// One level on the way down.
#[derive(Module, Debug)]
pub(crate) struct DownBlock {
    resnets: Vec<ResBlock>,
    /// One for each residual block, or none.
    attentions: Vec<Attention>,
    /// All levels but the last have one.
    downsampler: Option<Resampler>,
    /// With [`Resample::Skip`], in all levels but the last.
    input_skip: Option<InputSkip>,
}

/// What the way down hands from level to level.
pub(crate) struct Descent {
    /// The features.
    pub(crate) x: Tensor<4>,
    /// The input at the features' resolution, as long as levels lead it on.
    pub(crate) image: Tensor<4>,
    /// All intermediate results, for the way up.
    pub(crate) skips: Vec<Tensor<4>>,
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
        let (outputs, block) = (config.width(level), config.down_block(level));
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for _ in 0..config.num_res_blocks {
            let resnet = ResBlockConfig::new(inputs, outputs).with_resample(block.resample);
            resnets.push(resnet.init(config, init));
            if block.attention {
                attentions.push(Attention::of_level(config, outputs, block.resample, init));
            }
            skips.push(outputs);
            inputs = outputs;
        }
        let halves = level + 1 < config.levels();
        let downsampler = halves.then(|| {
            skips.push(outputs);
            Resampler::new(config, block.resample, outputs, Scale::Half, init)
        });
        let led_on = halves && block.resample == Resample::Skip;
        let input_skip = led_on.then(|| InputSkip::new(config, outputs, init));
        Self { resnets, attentions, downsampler, input_skip }
    }

    /// # Shapes
    ///
    /// - features: `[B, inputs, H, W]` to `[B, outputs, H/2, W/2]`, or `[B, outputs, H, W]` at the last level
    /// - `emb`: `[B, time_channels]`, activated
    pub(crate) fn forward(&self, descent: Descent, emb: &Tensor<2>) -> Descent {
        let Descent { mut x, mut image, mut skips } = descent;
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, emb.clone());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(x, emb.clone());
            if let Some(input_skip) = &self.input_skip {
                (x, image) = input_skip.forward(x, image);
            }
            skips.push(x.clone());
        }
        Descent { x, image, skips }
    }
}
