use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Embedding, GroupNorm};
use burn::tensor::activation::silu;
use burn::tensor::{DType, Device, Int, Tensor};

use crate::down::DownBlock;
use crate::embedding::{Sinusoids, TimeEmbedding};
use crate::init::Init;
use crate::mid::MidBlock;
use crate::up::UpBlock;
use crate::{UNetConfig, ops};

/// The U-Net of denoising diffusion models; made by [`UNetConfig::init`].
///
/// It draws no random number except for dropout, which draws from the device, and only in training.
#[derive(Module, Debug)]
pub struct UNet {
    sinusoids: Sinusoids,
    time_embedding: TimeEmbedding,
    class_embedding: Option<Embedding>,
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    num_classes: Option<usize>,
}

impl UNet {
    /// `config` has been validated.
    pub(crate) fn new(config: &UNetConfig, device: &Device, seed: u64) -> Self {
        let init = &mut Init::new(device, seed);
        let time_embedding = TimeEmbedding::new(config, init);
        let class_embedding =
            config.num_classes.map(|classes| init.embedding(classes + 1, config.time_channels()));
        let conv_in = init.conv([config.in_channels, config.width(0)], 3);

        let (mut channels, mut skips) = (config.width(0), vec![config.width(0)]);
        let mut down_blocks = Vec::new();
        for level in 0..config.levels() {
            down_blocks.push(DownBlock::new(config, level, channels, &mut skips, init));
            channels = config.width(level);
        }
        let mid_block = MidBlock::new(config, channels, init);
        skips.reverse();
        let mut up_blocks = Vec::new();
        for (level, taken) in (0..config.levels()).rev().zip(skips.chunks(config.num_res_blocks + 1)) {
            up_blocks.push(UpBlock::new(config, level, channels, taken, init));
            channels = config.width(level);
        }
        Self {
            sinusoids: Sinusoids::new(config),
            time_embedding,
            class_embedding,
            conv_in,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out: init.group_norm(config, channels),
            conv_out: init.zero_conv([channels, config.out_channels]),
            num_classes: config.num_classes,
        }
    }

    /// Number of classes, which is also the label of the null class; none for an unconditional network.
    pub fn num_classes(&self) -> Option<usize> {
        self.num_classes
    }

    /// The network's output for images `x` at `timesteps`.
    ///
    /// A network with classes that is given no labels takes the null class for all images.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, in_channels, H, W]`, where H and W can be halved between all levels
    /// - `timesteps`: `[B]`, in `0..num_train_timesteps`, not necessarily whole
    /// - `labels`: `[B]`, in `0..=num_classes`
    /// - output: `[B, out_channels, H, W]`
    ///
    /// # Panics
    ///
    /// If a shape is not one of these, or if a network without classes is given labels.
    pub fn forward(&self, x: Tensor<4>, timesteps: Tensor<1>, labels: Option<Tensor<1, Int>>) -> Tensor<4> {
        self.check_shapes(&x, &timesteps, labels.as_ref());
        let emb = self.embed(timesteps, labels, x.dtype());
        let mut x = ops::conv(&self.conv_in, x);
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, &emb, &mut skips);
        }
        x = self.mid_block.forward(x, &emb);
        for block in &self.up_blocks {
            x = block.forward(x, &emb, &mut skips);
        }
        ops::conv(&self.conv_out, ops::group_norm_silu(&self.conv_norm_out, x))
    }

    /// The embedding of timestep and class `[B, time_channels]`, activated once here because every residual block
    /// begins with that.
    fn embed(&self, timesteps: Tensor<1>, labels: Option<Tensor<1, Int>>, dtype: DType) -> Tensor<2> {
        let ([batch], device) = (timesteps.dims(), timesteps.device());
        let time = self.time_embedding.forward(self.sinusoids.forward(timesteps).cast(dtype));
        let (Some(embedding), Some(null_class)) = (&self.class_embedding, self.num_classes) else {
            return silu(time);
        };
        let labels = labels.unwrap_or_else(|| Tensor::full([batch], null_class as i64, &device));
        let class = embedding.forward(labels.unsqueeze_dim(1)).squeeze_dim(1);
        silu(time + class)
    }

    fn check_shapes(&self, x: &Tensor<4>, timesteps: &Tensor<1>, labels: Option<&Tensor<1, Int>>) {
        let [batch, _, height, width] = x.dims();
        let multiple = 1 << (self.down_blocks.len() - 1);
        assert!(
            height % multiple == 0 && width % multiple == 0,
            "images of {height}x{width} given to a network that needs multiples of {multiple}"
        );
        assert_eq!(timesteps.dims(), [batch], "one timestep for each of {batch} images");
        if let Some(labels) = labels {
            assert_eq!(labels.dims(), [batch], "one label for each of {batch} images");
            assert!(self.num_classes.is_some(), "labels given to a network without classes");
        }
    }
}
