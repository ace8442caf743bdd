use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::Attention;
use crate::cross_attention::CrossLayer;
use crate::given::Given;
use crate::image_skip::OutputSkip;
use crate::init::Init;
use crate::resample::{Resampler, Scale};
use crate::resblock::{ResBlock, ResBlockConfig};
use crate::{Resample, UNetConfig, ops};

/// One level on the way up.
#[derive(Module, Debug)]
pub(crate) struct UpBlock {
    resnets: Vec<ResBlock>,
    /// After the last residual blocks: one for each of them, a single one with [`Resample::Skip`], or none.
    attentions: Vec<Attention>,
    /// One for each residual block, or none.
    cross_attentions: Vec<CrossLayer>,
    /// All levels but the first have one, and that one too with `resample_first`.
    upsampler: Option<Resampler>,
    /// With [`Resample::Skip`], in all levels but the first.
    output_skip: Option<OutputSkip>,
    /// Whether the output image passes this level.
    leads_image: bool,
    /// Whether the embedding is not activated for these residual blocks.
    raw_embedding: bool,
}

/// What the way up hands from level to level.
pub(crate) struct Ascent {
    /// The features.
    pub(crate) x: Tensor<4>,
    /// The output so far at the features' resolution, once a level has added to it.
    pub(crate) image: Option<Tensor<4>>,
    /// The intermediate results of the way down that are still to be taken.
    pub(crate) skips: Vec<Tensor<4>>,
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
        let (outputs, block) = (config.width(level), config.up_block(level));
        let leads_image = block.resample == Resample::Skip;
        let (mut resnets, mut attentions, mut cross_attentions) = (Vec::new(), Vec::new(), Vec::new());
        for (i, skip) in skips.iter().enumerate() {
            // Levels that attend divide the skip connection's channels alone by four, in the reference library too.
            let groups = (leads_image && block.attention).then(|| (inputs + skip / 4).min(32));
            let groups = groups.filter(|&groups| (inputs + skip).is_multiple_of(groups));
            let resnet = ResBlockConfig::new(inputs + skip, outputs)
                .with_resample(config, block.resample)
                .with_groups(groups);
            resnets.push(resnet.init(config, init));
            if block.attention && (!leads_image || i + 1 == skips.len()) {
                attentions.push(Attention::of_level(config, outputs, block.resample, init));
            }
            if let Some(cross) = &block.cross {
                cross_attentions.push(CrossLayer::new(config, outputs, cross, i, init));
            }
            inputs = outputs;
        }
        let doubles = level > 0 || config.resample_first;
        let upsampler = doubles.then(|| Resampler::new(config, block.resample, outputs, Scale::Double, init));
        let output_skip = (doubles && leads_image).then(|| OutputSkip::new(config, outputs, init));
        let raw_embedding = config.takes_raw_embedding(&block);
        Self { resnets, attentions, cross_attentions, upsampler, output_skip, leads_image, raw_embedding }
    }

    /// Takes from the end of the skip connections one for each residual block.
    ///
    /// # Shapes
    ///
    /// - features: `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`, or, unless the levels halve first, `[B, outputs, H, W]`
    ///   at the first
    pub(crate) fn forward(&self, ascent: Ascent, given: &Given) -> Ascent {
        let Ascent { mut x, image, mut skips } = ascent;
        let emb = given.emb(self.raw_embedding);
        let taken = skips.split_off(skips.len() - self.resnets.len()).into_iter().rev();
        let first_attended = self.resnets.len() - self.attentions.len();
        for (i, (resnet, skip)) in self.resnets.iter().zip(taken).enumerate() {
            x = resnet.forward_joined(x, skip, emb.clone());
            if let Some(attention) = i.checked_sub(first_attended).and_then(|nth| self.attentions.get(nth)) {
                x = attention.forward(x);
            }
            if let Some(attention) = self.cross_attentions.get(i) {
                x = attention.forward(x, given);
            }
        }
        let image = self.lead(image, &x);
        if let (Some(upsampler), Some(next)) = (&self.upsampler, skips.last()) {
            let [.., height, width] = next.dims();
            x = upsampler.double(x, emb.clone(), [height, width]);
        }
        Ascent { x, image, skips }
    }

    /// The output image, doubled, with this level's part.
    fn lead(&self, image: Option<Tensor<4>>, x: &Tensor<4>) -> Option<Tensor<4>> {
        let image = if self.leads_image { image.map(ops::double_filtered) } else { image };
        let part = self.output_skip.as_ref().map(|skip| skip.forward(x.clone()));
        match (image, part) {
            (Some(image), Some(part)) => Some(image + part),
            (image, part) => image.or(part),
        }
    }
}
