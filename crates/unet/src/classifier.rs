use burn::module::Module;
use burn::nn::GroupNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};

use crate::attention_pool::AttentionPool;
use crate::down::{DownBlock, descend};
use crate::embedding::TimeEmbedding;
use crate::given::Given;
use crate::init::Init;
use crate::mid::MidBlock;
use crate::time_proj::TimeProj;
use crate::{Activation, AddedInput, ClassInput, UNetConfig, UNetError};

/// A classifier of noisy images: the way down of a [`UNet`](crate::UNet), its middle, and attention that pools (Dhariwal and
/// Nichol 2021, arXiv 2105.05233, section 4.1).
#[derive(Module, Debug)]
pub struct NoisyClassifier {
    time_proj: TimeProj,
    time_embedding: TimeEmbedding,
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<MidBlock>,
    norm_out: GroupNorm,
    pool: AttentionPool,
    /// Side of the images.
    image_size: usize,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    outer_activation: Activation,
}

impl UNetConfig {
    /// Makes a classifier of noisy images with the weights of `seed`; its `out_channels` are the classes.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate), and [`UNetError::Classifier`] if a network of that configuration is told more than the
    /// time.
    pub fn init_classifier(&self, device: &Device, seed: u64) -> Result<NoisyClassifier, UNetError> {
        self.validate()?;
        let told = [
            ("num_classes", self.num_classes.is_some()),
            ("class_input", self.class_input != ClassInput::Label),
            ("context", self.context.is_some()),
            ("added_input", self.added_input != AddedInput::Nothing),
        ];
        if let Some((key, _)) = told.into_iter().find(|(_, given)| *given) {
            return Err(UNetError::Classifier { key });
        }
        Ok(NoisyClassifier::new(self, device, seed))
    }
}

impl NoisyClassifier {
    fn new(config: &UNetConfig, device: &Device, seed: u64) -> Self {
        let init = &mut Init::new(device, seed);
        let time_proj = TimeProj::new(config, init);
        let time_embedding = TimeEmbedding::of_time(config, init);
        let conv_in = init.conv([config.in_channels, config.width(0)], config.conv_in_kernel);
        let (down_blocks, _) = DownBlock::all(config, init);
        let last = config.levels() - 1;
        let channels = config.width(last);
        let mid_block = MidBlock::new(config, channels, init);
        Self {
            time_proj,
            time_embedding,
            conv_in,
            down_blocks,
            mid_block,
            norm_out: init.group_norm(config, channels),
            pool: AttentionPool::new(config, channels, config.resolution(last).pow(2), init),
            image_size: config.image_size,
            activation: config.activation,
            outer_activation: config.outer_activation,
        }
    }

    /// The logits of the classes of noisy images `x` at `timesteps`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, in_channels, image_size, image_size]`
    /// - `timesteps`: `[B]`, not necessarily whole
    /// - output: `[B, out_channels]`
    ///
    /// # Panics
    ///
    /// If the images are of another size.
    pub fn forward(&self, x: Tensor<4>, timesteps: Tensor<1>) -> Tensor<2> {
        let [.., height, width] = x.dims();
        assert_eq!(
            [height, width],
            [self.image_size; 2],
            "images of the size that the classifier was made for"
        );
        let encoded = self.time_proj.forward(timesteps).cast(x.dtype());
        let raw_emb = self.time_embedding.forward(encoded, None);
        let given = Given { emb: self.activation.apply(raw_emb.clone()), raw_emb, context: None };
        let x = descend(&self.conv_in, &self.down_blocks, x, Vec::new(), &given).x;
        let x = match &self.mid_block {
            Some(mid_block) => mid_block.forward(x, &given),
            None => x,
        };
        self.pool.forward(self.outer_activation.group_norm(&self.norm_out, x))
    }
}
