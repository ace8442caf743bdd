mod embed;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Embedding, GroupNorm, Linear};
use burn::tensor::{Device, Int, Tensor};

use crate::added_embedding::AddedEmbedding;
use crate::context::ContextProjection;
use crate::down::{DownBlock, descend};
use crate::embedding::TimeEmbedding;
use crate::forward_error::count;
use crate::given::Given;
use crate::init::Init;
use crate::mid::MidBlock;
use crate::time_proj::TimeProj;
use crate::up::{Ascent, UpBlock};
use crate::{Activation, ClassInput, Condition, Conditions, ForwardError, Residuals, UNetConfig, ops};

/// The U-Net of denoising diffusion models; made by [`UNetConfig::init`].
///
/// It draws no random number except for dropout, which draws from the device, and only in training.
#[derive(Module, Debug)]
pub struct UNet {
    time_proj: TimeProj,
    time_embedding: TimeEmbedding,
    class_embedding: Option<Embedding>,
    /// With [`ClassInput::Number`] and [`ClassInput::Projection`].
    class_projection: Option<TimeEmbedding>,
    /// With [`ClassInput::Linear`].
    class_linear: Option<Linear>,
    add_embedding: Option<AddedEmbedding>,
    encoder_hid_proj: Option<ContextProjection>,
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<MidBlock>,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    /// The label of the null class.
    null_class: Option<usize>,
    center_input: bool,
    class_concat: bool,
    /// Whether a block has nothing else to attend to.
    needs_context: bool,
    /// What both sides of an image must be a multiple of.
    multiple: usize,
    #[module(skip)]
    class_input: ClassInput,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    outer_activation: Activation,
    #[module(skip)]
    time_activation: Option<Activation>,
}

impl UNet {
    /// `config` has been validated.
    pub(crate) fn new(config: &UNetConfig, device: &Device, seed: u64) -> Self {
        let init = &mut Init::new(device, seed);
        let time_proj = TimeProj::new(config, init);
        let time_embedding = TimeEmbedding::of_time(config, init);
        let class_embedding =
            config.class_rows().map(|rows| init.embedding(rows, config.resolved_time_channels()));
        let class_projection = match config.class_input {
            ClassInput::Number => Some(TimeEmbedding::of_number(config, init)),
            ClassInput::Projection(channels) => Some(TimeEmbedding::of_vector(channels, config, init)),
            ClassInput::Label | ClassInput::Embedding | ClassInput::Linear(_) => None,
        };
        let class_linear = match config.class_input {
            ClassInput::Linear(channels) => Some(init.linear(channels, config.resolved_time_channels())),
            _ => None,
        };
        let add_embedding = AddedEmbedding::new(config, init);
        let encoder_hid_proj = ContextProjection::new(config, init);
        let conv_in = init.conv([config.in_channels, config.width(0)], config.conv_in_kernel);

        let (down_blocks, mut skips) = DownBlock::all(config, init);
        let mut channels = config.width(config.levels() - 1);
        let mid_block = MidBlock::new(config, channels, init);
        let mut up_blocks = Vec::new();
        for level in (0..config.levels()).rev() {
            let mut taken = skips.split_off(skips.len() - config.res_blocks(level) - 1);
            taken.reverse();
            up_blocks.push(UpBlock::new(config, level, channels, &taken, init));
            channels = config.width(level);
        }
        Self {
            time_proj,
            time_embedding,
            class_embedding,
            class_projection,
            class_linear,
            add_embedding,
            encoder_hid_proj,
            conv_in,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out: init.group_norm(config, channels),
            conv_out: init.zero_conv([channels, config.out_channels], config.conv_out_kernel),
            null_class: config.num_classes.filter(|_| config.null_class),
            center_input: config.center_input,
            class_concat: config.class_concat,
            needs_context: config.needs_context(),
            multiple: config.size_multiple(),
            class_input: config.class_input,
            activation: config.activation,
            outer_activation: config.outer_activation,
            time_activation: config.time_activation,
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
    /// As [`forward_or_nan`](Self::forward_or_nan), for networks that know one label or vector for an image.
    pub fn forward_conditioned(
        &self,
        x: Tensor<4>,
        timesteps: Tensor<1>,
        condition: Option<Condition>,
    ) -> Tensor<4> {
        self.forward_or_nan(x, timesteps, Conditions { class: condition, ..Conditions::default() })
    }

    /// As [`forward_with`](Self::forward_with), for a loss or a sampler that looks at the numbers: where that is an error, all
    /// are NaN.
    pub fn forward_or_nan(&self, x: Tensor<4>, timesteps: Tensor<1>, conditions: Conditions) -> Tensor<4> {
        let ([batch, _, height, width], device) = (x.dims(), x.device());
        self.forward_with(x, timesteps, conditions).unwrap_or_else(|_| {
            let [channels, ..] = self.conv_out.weight.dims();
            Tensor::full([batch, channels, height, width], f64::NAN, &device)
        })
    }

    /// The network's output for images `x` at `timesteps`.
    ///
    /// A network with a null class that is given no class takes that one for all images.
    ///
    /// # Shapes
    ///
    /// - `x`: `[B, in_channels, H, W]`, where H and W are multiples of [`UNetConfig::size_multiple`]
    /// - `timesteps`: `[B]`, in `0..num_train_timesteps`, not necessarily whole; noise levels above 0 with
    ///   [`TimeEncoding::Fourier`](crate::TimeEncoding)
    /// - `conditions`: as [`Conditions`] says; labels in `0..=num_classes`
    /// - output: `[B, out_channels, H, W]`
    ///
    /// # Errors
    ///
    /// If the images, timesteps or classes are not such, if a condition is not of the network's kind, or if it lacks one that
    /// it needs.
    pub fn forward_with(
        &self,
        x: Tensor<4>,
        timesteps: Tensor<1>,
        mut conditions: Conditions,
    ) -> Result<Tensor<4>, ForwardError> {
        self.check_shapes(&x, &timesteps)?;
        let Residuals { skips, mid, levels } = std::mem::take(&mut conditions.residuals);
        let given = self.prepare(timesteps.clone(), conditions, x.dtype())?;
        let image = if self.center_input { x * 2.0 - 1.0 } else { x };
        let mut descent = descend(&self.conv_in, &self.down_blocks, image, levels, &given);
        if !skips.is_empty() {
            count("residuals, one for each skip connection", descent.skips.len(), skips.len())?;
            descent.skips = descent.skips.into_iter().zip(skips).map(|(skip, more)| skip + more).collect();
        }
        let x = match &self.mid_block {
            Some(mid_block) => mid_block.forward(descent.x, &given),
            None => descent.x,
        };
        let fits = |more: &Tensor<4>| more.dims() == x.dims();
        let last = descent.residuals.pop_front().filter(fits);
        let x = [last, mid].into_iter().flatten().fold(x, |x, more| x + more);
        Ok(self.time_proj.rescale(self.ascend(x, descent.skips, &given), timesteps))
    }

    fn ascend(&self, x: Tensor<4>, skips: Vec<Tensor<4>>, given: &Given) -> Tensor<4> {
        let mut ascent = Ascent { x, image: None, skips };
        for block in &self.up_blocks {
            ascent = block.forward(ascent, given);
        }
        // Where levels halve first, the features of full resolution are still to be taken.
        let x = ascent.skips.into_iter().fold(ascent.x, |x, skip| x + skip);
        let x = self.outer_activation.group_norm(&self.conv_norm_out, x);
        let output = ops::conv(&self.conv_out, x);
        match ascent.image {
            Some(image) => image + output,
            None => output,
        }
    }

    fn check_shapes(&self, x: &Tensor<4>, timesteps: &Tensor<1>) -> Result<(), ForwardError> {
        let ([batch, channels, height, width], multiple) = (x.dims(), self.multiple);
        if height % multiple != 0 || width % multiple != 0 {
            return Err(ForwardError::Size { height, width, multiple });
        }
        count("channels", self.conv_in.weight.dims()[1], channels)?;
        count("timesteps, one for each image", batch, timesteps.dims()[0])
    }
}
