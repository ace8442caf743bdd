use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use unet::{Activation, Init};

use crate::TrunkConfig;
use crate::attention::Attention;
use crate::mid::MidBlock;
use crate::norm::{Norm, NormKind};
use crate::resblock::{BlockKind, ResBlock};

/// From an image to what its latent is made of.
#[derive(Module, Debug)]
pub(crate) struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    conv_norm_out: Norm,
    conv_out: Conv2d,
}

/// One level of the encoder.
#[derive(Module, Debug)]
struct DownBlock {
    resnets: Vec<ResBlock>,
    /// One after each residual block, or none.
    attentions: Vec<Attention>,
    /// All levels but the last have one.
    downsampler: Option<Conv2d>,
}

impl Encoder {
    pub(crate) fn new(config: &TrunkConfig, outputs: usize, init: &mut Init<'_>) -> Self {
        let norm = NormKind::Group { groups: config.resolved_norm_groups() };
        let kind = BlockKind { norm, activation: config.activation };
        let (first, last) = (config.width(0), config.width(config.last_level()));
        let conv_in = init.conv([config.in_channels, first], 3);
        let levels = 0..config.channel_mult.len();
        Self {
            conv_in,
            down_blocks: levels.map(|level| DownBlock::new(config, level, kind, init)).collect(),
            mid_block: MidBlock::new(kind, config.mid_attention, last, init),
            conv_norm_out: norm.init(last, init),
            conv_out: init.conv([last, outputs], 3),
        }
    }

    /// # Shapes
    ///
    /// - `image`: `[B, image channels, H, W]`
    /// - output: `[B, outputs, H/f, W/f]`
    pub(crate) fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut x = kernels::conv2d(&self.conv_in, image);
        for block in &self.down_blocks {
            x = block.forward(x);
        }
        let x = self.mid_block.forward(x.clone(), &x);
        let x = self.conv_norm_out.activated(Activation::Silu, x.clone(), &x);
        kernels::conv2d(&self.conv_out, x)
    }
}

impl DownBlock {
    fn new(config: &TrunkConfig, level: usize, kind: BlockKind, init: &mut Init<'_>) -> Self {
        let outputs = config.width(level);
        let mut inputs = config.width(level.saturating_sub(1));
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for _ in 0..config.num_res_blocks {
            resnets.push(ResBlock::new(kind, inputs, outputs, init));
            if config.encoder_attention.contains(&level) {
                attentions.push(Attention::new(kind.norm, outputs, init));
            }
            inputs = outputs;
        }
        // A row and a column of zeros at the lower right, as in DDPM's network.
        let halving =
            |conv| Conv2d { stride: [2, 2], padding: PaddingConfig2d::Explicit(0, 0, 1, 1), ..conv };
        let downsampler = (level < config.last_level()).then(|| halving(init.conv([outputs, outputs], 3)));
        Self { resnets, attentions, downsampler }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, inputs, H, W]`
    /// - output: `[B, outputs, H/2, W/2]`, or `[B, outputs, H, W]` at the last level
    fn forward(&self, mut x: Tensor<4>) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x.clone(), &x);
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x.clone(), &x);
            }
        }
        match &self.downsampler {
            Some(conv) => kernels::conv2d(conv, x),
            None => x,
        }
    }
}
