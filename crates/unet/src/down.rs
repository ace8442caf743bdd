use std::collections::VecDeque;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

use crate::attention::Attention;
use crate::cross_attention::CrossLayer;
use crate::given::Given;
use crate::image_skip::InputSkip;
use crate::init::Init;
use crate::resample::{Resampler, Scale};
use crate::resblock::{ResBlock, ResBlockConfig};
use crate::{Resample, UNetConfig, ops};

/// One level on the way down.
#[derive(Module, Debug)]
pub(crate) struct DownBlock {
    resnets: Vec<ResBlock>,
    /// One for each residual block, or none.
    attentions: Vec<Attention>,
    /// Likewise.
    cross_attentions: Vec<CrossLayer>,
    /// With `resample_first`, in front of the residual blocks.
    first_downsampler: Option<Resampler>,
    /// Without, behind them, in all levels but the last.
    downsampler: Option<Resampler>,
    /// With [`Resample::Skip`], in all levels but the last.
    input_skip: Option<InputSkip>,
    /// Whether the embedding is not activated for these residual blocks.
    raw_embedding: bool,
}

/// What the way down hands from level to level.
pub(crate) struct Descent {
    /// The features.
    pub(crate) x: Tensor<4>,
    /// The input at the features' resolution, as long as levels lead it on.
    pub(crate) image: Tensor<4>,
    /// All intermediate results, for the way up.
    pub(crate) skips: Vec<Tensor<4>>,
    /// Of networks beside this one, for the levels still to come.
    pub(crate) residuals: VecDeque<Tensor<4>>,
}

/// All levels of the way down, from an image to the middle.
pub(crate) fn descend(
    conv_in: &Conv2d,
    blocks: &[DownBlock],
    image: Tensor<4>,
    residuals: Vec<Tensor<4>>,
    given: &Given,
) -> Descent {
    let x = ops::conv(conv_in, image.clone());
    let start = Descent { skips: vec![x.clone()], x, image, residuals: VecDeque::from(residuals) };
    blocks.iter().fold(start, |descent, block| block.forward(descent, given))
}

impl DownBlock {
    /// Those of all levels, and the channels of all skip connections.
    pub(crate) fn all(config: &UNetConfig, init: &mut Init<'_>) -> (Vec<Self>, Vec<usize>) {
        let (mut channels, mut skips) = (config.width(0), vec![config.width(0)]);
        let mut blocks = Vec::new();
        for level in 0..config.levels() {
            blocks.push(Self::new(config, level, channels, &mut skips, init));
            channels = config.width(level);
        }
        (blocks, skips)
    }

    /// Adds the channels of each skip connection to `skips`, whose last entry is the input's.
    fn new(
        config: &UNetConfig,
        level: usize,
        mut inputs: usize,
        skips: &mut Vec<usize>,
        init: &mut Init<'_>,
    ) -> Self {
        let (outputs, block) = (config.width(level), config.down_block(level));
        let (mut resnets, mut attentions, mut cross_attentions) = (Vec::new(), Vec::new(), Vec::new());
        let first_downsampler = config.resample_first.then(|| {
            skips.push(inputs);
            Resampler::new(config, block.resample, inputs, Scale::Half, init)
        });
        for index in 0..config.res_blocks(level) {
            let resnet = ResBlockConfig::new(inputs, outputs).with_resample(config, block.resample);
            resnets.push(resnet.init(config, init));
            if block.attention {
                attentions.push(Attention::of_level(config, outputs, block.resample, init));
            }
            if let Some(cross) = &block.cross {
                cross_attentions.push(CrossLayer::new(config, outputs, cross, index, init));
            }
            skips.push(outputs);
            inputs = outputs;
        }
        let halves = !config.resample_first && level + 1 < config.levels();
        let downsampler = halves.then(|| {
            skips.push(outputs);
            Resampler::new(config, block.resample, outputs, Scale::Half, init)
        });
        let led_on = halves && block.resample == Resample::Skip;
        let input_skip = led_on.then(|| InputSkip::new(config, outputs, init));
        let raw_embedding = config.takes_raw_embedding(&block);
        Self {
            resnets,
            attentions,
            cross_attentions,
            first_downsampler,
            downsampler,
            input_skip,
            raw_embedding,
        }
    }

    /// # Shapes
    ///
    /// - features: `[B, inputs, H, W]` to `[B, outputs, H/2, W/2]`, or, unless the levels halve first, `[B, outputs, H, W]`
    ///   at the last
    pub(crate) fn forward(&self, descent: Descent, given: &Given) -> Descent {
        let Descent { mut x, mut image, mut skips, mut residuals } = descent;
        let emb = given.emb(self.raw_embedding);
        let last = self.resnets.len() - 1;
        let mut residual = residuals.pop_front();
        if let Some(downsampler) = &self.first_downsampler {
            x = downsampler.halve(x, emb.clone());
            skips.push(x.clone());
        }
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, emb.clone());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
            if let Some(attention) = self.cross_attentions.get(i) {
                x = attention.forward(x, given);
            }
            if let Some(residual) = residual.take_if(|_| i == last && !self.cross_attentions.is_empty()) {
                x = x + residual;
            }
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.halve(x, emb.clone());
            if let Some(input_skip) = &self.input_skip {
                (x, image) = input_skip.forward(x, image);
            }
            skips.push(x.clone());
        }
        // T2I-Adapter adds to levels without a context behind the change of resolution.
        if let (Some(residual), Some(skip)) = (residual, skips.last_mut()) {
            x = x + residual;
            *skip = x.clone();
        }
        Descent { x, image, skips, residuals }
    }
}
