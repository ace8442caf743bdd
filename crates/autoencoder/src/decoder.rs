use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use unet::{Activation, Init};

use crate::TrunkConfig;
use crate::attention::Attention;
use crate::mid::MidBlock;
use crate::norm::{Norm, NormKind};
use crate::resblock::{BlockKind, ResBlock};

/// From a latent to an image.
#[derive(Module, Debug)]
pub(crate) struct Decoder {
    conv_in: Conv2d,
    mid_block: MidBlock,
    /// From the lowest resolution.
    up_blocks: Vec<UpBlock>,
    conv_norm_out: Norm,
    conv_out: Conv2d,
}

/// One level of the decoder.
#[derive(Module, Debug)]
struct UpBlock {
    resnets: Vec<ResBlock>,
    /// One after each residual block, or none.
    attentions: Vec<Attention>,
    /// All levels but the first have one.
    upsampler: Option<Conv2d>,
}

impl Decoder {
    pub(crate) fn new(config: &TrunkConfig, norm: NormKind, init: &mut Init<'_>) -> Self {
        let kind = BlockKind { norm, activation: config.activation };
        let (first, last) = (config.width(0), config.width(config.last_level()));
        let conv_in = init.conv([config.latent_channels, last], 3);
        let mid_block = MidBlock::new(kind, config.mid_attention, last, init);
        let levels = (0..config.channel_mult.len()).rev();
        Self {
            conv_in,
            mid_block,
            up_blocks: levels.map(|level| UpBlock::new(config, level, kind, init)).collect(),
            conv_norm_out: norm.init(first, init),
            conv_out: init.conv([first, config.out_channels], 3),
        }
    }

    /// All but the last convolution.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, latent channels, h, w]`
    /// - `latent`: `[B, code channels, h, w]`, which norms that are modulated by it read
    /// - output: `[B, channels of the first level, f h, f w]`
    pub(crate) fn features(&self, x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        let mut x = self.mid_block.forward(kernels::conv2d(&self.conv_in, x), latent);
        for block in &self.up_blocks {
            x = block.forward(x, latent);
        }
        self.conv_norm_out.activated(Activation::Silu, x, latent)
    }

    /// The last convolution: `[B, image channels, f h, f w]`.
    pub(crate) fn image(&self, features: Tensor<4>) -> Tensor<4> {
        kernels::conv2d(&self.conv_out, features)
    }

    /// The last convolution's weights.
    pub(crate) fn last_weight(&self) -> Tensor<4> {
        self.conv_out.weight.val()
    }
}

impl UpBlock {
    fn new(config: &TrunkConfig, level: usize, kind: BlockKind, init: &mut Init<'_>) -> Self {
        let outputs = config.width(level);
        let mut inputs = config.width((level + 1).min(config.last_level()));
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for _ in 0..=config.num_res_blocks {
            resnets.push(ResBlock::new(kind, inputs, outputs, init));
            if config.decoder_attention.contains(&level) {
                attentions.push(Attention::new(kind.norm, outputs, init));
            }
            inputs = outputs;
        }
        let upsampler = (level > 0).then(|| init.conv([outputs, outputs], 3));
        Self { resnets, attentions, upsampler }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, inputs, H, W]`
    /// - output: `[B, outputs, 2H, 2W]`, or `[B, outputs, H, W]` at the first level
    fn forward(&self, mut x: Tensor<4>, latent: &Tensor<4>) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, latent);
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x, latent);
            }
        }
        let Some(conv) = &self.upsampler else { return x };
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
        kernels::conv2d(conv, interpolate(x, options))
    }
}
