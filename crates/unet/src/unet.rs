use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Embedding, GroupNorm};
use burn::tensor::{DType, Device, Int, Tensor};

use crate::down::{Descent, DownBlock};
use crate::embedding::TimeEmbedding;
use crate::init::Init;
use crate::mid::MidBlock;
use crate::time_proj::TimeProj;
use crate::up::{Ascent, UpBlock};
use crate::{Activation, ClassInput, Condition, UNetConfig, ops};

/// The U-Net of denoising diffusion models; made by [`UNetConfig::init`].
///
/// It draws no random number except for dropout, which draws from the device, and only in training.
#[derive(Module, Debug)]
pub struct UNet {
    time_proj: TimeProj,
    time_embedding: TimeEmbedding,
    class_embedding: Option<Embedding>,
    /// With [`ClassInput::Number`].
    class_projection: Option<TimeEmbedding>,
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<MidBlock>,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    /// The label of the null class.
    null_class: Option<usize>,
    center_input: bool,
    #[module(skip)]
    class_input: ClassInput,
    #[module(skip)]
    activation: Activation,
}

impl UNet {
    /// `config` has been validated.
    pub(crate) fn new(config: &UNetConfig, device: &Device, seed: u64) -> Self {
        let init = &mut Init::new(device, seed);
        let time_proj = TimeProj::new(config, init);
        let time_embedding = TimeEmbedding::new(config, init);
        let class_embedding =
            config.class_rows().map(|rows| init.embedding(rows, config.resolved_time_channels()));
        let numbered = config.class_input == ClassInput::Number;
        let class_projection = numbered.then(|| TimeEmbedding::new(config, init));
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
            time_proj,
            time_embedding,
            class_embedding,
            class_projection,
            conv_in,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out: init.group_norm(config, channels),
            conv_out: init.zero_conv([channels, config.out_channels]),
            null_class: config.num_classes.filter(|_| config.null_class),
            center_input: config.center_input,
            class_input: config.class_input,
            activation: config.activation,
        }
    }

    /// The label of the null class, which is the number of classes; none for a network that has no such class.
    pub fn null_class(&self) -> Option<usize> {
        self.null_class
    }

    /// The network's output for images `x` at `timesteps`, of classes `labels`.
    ///
    /// As [`forward_conditioned`](Self::forward_conditioned), for networks that know labels or nothing.
    pub fn forward(&self, x: Tensor<4>, timesteps: Tensor<1>, labels: Option<Tensor<1, Int>>) -> Tensor<4> {
        self.forward_conditioned(x, timesteps, labels.map(Condition::Labels))
    }

    /// The network's output for images `x` at `timesteps`.
    ///
    /// A network with a null class that is given no condition takes that class for all images.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, in_channels, H, W]`, where H and W can be halved between all levels
    /// - `timesteps`: `[B]`, in `0..num_train_timesteps`, not necessarily whole; noise levels above 0 with
    ///   [`TimeEncoding::Fourier`](crate::TimeEncoding)
    /// - `condition`: labels in `0..=num_classes`, or what [`ClassInput`] says
    /// - output: `[B, out_channels, H, W]`
    ///
    /// # Panics
    ///
    /// If a shape is not one of these, if the condition is not of the network's kind, or if it has none to fall back on.
    pub fn forward_conditioned(
        &self,
        x: Tensor<4>,
        timesteps: Tensor<1>,
        condition: Option<Condition>,
    ) -> Tensor<4> {
        self.check_shapes(&x, &timesteps);
        let emb = self.embed(timesteps.clone(), condition, x.dtype());
        let image = if self.center_input { x * 2.0 - 1.0 } else { x };
        let x = ops::conv(&self.conv_in, image.clone());
        let mut descent = Descent { skips: vec![x.clone()], x, image };
        for block in &self.down_blocks {
            descent = block.forward(descent, &emb);
        }
        let Descent { x, skips, .. } = descent;
        let x = match &self.mid_block {
            Some(mid_block) => mid_block.forward(x, &emb),
            None => x,
        };
        let mut ascent = Ascent { x, image: None, skips };
        for block in &self.up_blocks {
            ascent = block.forward(ascent, &emb);
        }
        let output = ops::conv(&self.conv_out, ops::group_norm_silu(&self.conv_norm_out, ascent.x));
        let output = match ascent.image {
            Some(image) => image + output,
            None => output,
        };
        self.time_proj.rescale(output, timesteps)
    }

    /// The embedding of timestep and condition `[B, time_channels]`, activated once here because every residual block
    /// begins with that.
    fn embed(&self, timesteps: Tensor<1>, condition: Option<Condition>, dtype: DType) -> Tensor<2> {
        let batch = timesteps.dims()[0];
        let device = timesteps.device();
        let time = self.time_embedding.forward(self.time_proj.forward(timesteps).cast(dtype));
        let null = || Some(Condition::Labels(Tensor::full([batch], self.null_class? as i64, &device)));
        let emb = match condition.or_else(null) {
            Some(condition) => time + self.embed_condition(condition, batch, dtype),
            None => {
                assert!(!self.is_conditional(), "a network without a null class is given no condition");
                time
            }
        };
        self.activation.apply(emb)
    }

    fn is_conditional(&self) -> bool {
        self.class_embedding.is_some() || self.class_input != ClassInput::Label
    }

    fn embed_condition(&self, condition: Condition, batch: usize, dtype: DType) -> Tensor<2> {
        match (condition, &self.class_embedding, &self.class_projection) {
            (Condition::Labels(labels), Some(table), _) => {
                assert_eq!(labels.dims(), [batch], "one label for each of {batch} images");
                table.forward(labels.unsqueeze_dim(1)).squeeze_dim(1)
            }
            (Condition::Labels(_), None, _) => panic!("labels given to a network without classes"),
            (Condition::Numbers(numbers), _, Some(projection)) => {
                projection.forward(self.time_proj.forward(numbers).cast(dtype))
            }
            (Condition::Embeddings(embeddings), ..) if self.class_input == ClassInput::Embedding => {
                embeddings
            }
            _ => panic!("a network with {:?} as its condition is given another", self.class_input),
        }
    }

    fn check_shapes(&self, x: &Tensor<4>, timesteps: &Tensor<1>) {
        let [batch, _, height, width] = x.dims();
        let multiple = 1 << (self.down_blocks.len() - 1);
        assert!(
            height % multiple == 0 && width % multiple == 0,
            "images of {height}x{width} given to a network that needs multiples of {multiple}"
        );
        assert_eq!(timesteps.dims(), [batch], "one timestep for each of {batch} images");
    }
}
