use serde::{Deserialize, Serialize};

use crate::{Activation, AddedInput, ClassInput, ContextConfig, LevelBlock, Mid, Resample, TimeEncoding};

/// The shape of a [`UNet`](crate::UNet).
///
/// The default is DDPM's CIFAR-10 network (Ho et al. 2020, appendix B; 35,746,307 parameters) without dropout,
/// which the paper sets to 0.1. Every key may be left out; an unknown key is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UNetConfig {
    /// Side of the images in pixels: where `attention_resolutions` counts from. The network itself takes any height
    /// and width that can be halved between the levels.
    pub image_size: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output; twice those of the image where the variance is learnt.
    pub out_channels: usize,
    /// Channels that `channel_mult` multiplies.
    pub channels: usize,
    /// Channels of each level as multiples of `channels`. Each level has half the resolution of the one before; the
    /// time embedding is made from as many sinusoids as the first level has channels.
    pub channel_mult: Vec<usize>,
    /// Residual blocks in a level on the way down; on the way up there is one more.
    pub num_res_blocks: usize,
    /// The same for each level, from full resolution, where they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level_res_blocks: Option<Vec<usize>>,
    /// Resolutions (image side in pixels) whose residual blocks are each followed by self-attention. The middle of
    /// the network always has it.
    pub attention_resolutions: Vec<usize>,
    /// Number of attention heads; 1 if neither this nor `head_channels` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_heads: Option<usize>,
    /// Channels of one attention head, instead of `num_heads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_channels: Option<usize>,
    /// Probability of dropping an activation before the second convolution of a residual block, in training.
    pub dropout: f64,
    /// Number of classes; none for an unconditional network. Labels are `0..num_classes`, and `num_classes` itself
    /// is the null class that classifier-free guidance needs (Ho and Salimans 2022, arXiv 2207.12598).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_classes: Option<usize>,
    /// Whether the time embedding scales and shifts the second norm of a residual block (Nichol and Dhariwal 2021)
    /// or is added before it (Ho et al. 2020).
    pub scale_shift: bool,
    /// How the resolution changes between levels.
    pub resample: Resample,
    /// Whether each level halves the resolution before its residual blocks instead of behind them, the first one too, and
    /// doubles it behind them on the way up (the Efficient U-Net of Saharia et al. 2022, arXiv 2205.11487, appendix B): no
    /// residual block works at full resolution. What the first convolution found there is added before the last one.
    #[serde(skip_serializing_if = "is_default")]
    pub resample_first: bool,
    /// Padding of the convolution that halves the resolution, with `resample = "conv"`.
    pub downsample_padding: DownsamplePadding,
    /// Whether the cosines of the time embedding come before the sines: `false` in DDPM's checkpoints, `true` in
    /// ADM's and Stable Diffusion's.
    pub flip_sin_to_cos: bool,
    /// The time embedding's frequencies are `10000^(-i / (n/2 - freq_shift))` for `n` sinusoids: 1 in
    /// DDPM's checkpoints, 0 in ADM's and Stable Diffusion's.
    pub freq_shift: f64,
    /// Groups of every group norm. If left out, the most that divide all levels, up to DDPM's 32, with four channels
    /// or more in a group (Karras et al. 2022, arXiv 2206.00364). A group of one channel would erase the time
    /// embedding that is added to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm_groups: Option<usize>,
    /// Whether every group norm has groups of four channels instead, up to 32 of them (NCSN++, Song et al. 2021).
    #[serde(skip_serializing_if = "is_default")]
    pub groups_of_four: bool,
    /// Added to the variance in every group norm: 1e-6 in DDPM's checkpoints, 1e-5 in ADM's and Stable Diffusion's.
    pub norm_eps: f64,
    /// The blocks of each level on the way down, from full resolution, where they are not those that
    /// `attention_resolutions` and `resample` make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_blocks: Option<Vec<LevelBlock>>,
    /// As `down_blocks`, on the way up; also from full resolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_blocks: Option<Vec<LevelBlock>>,
    /// The middle.
    #[serde(skip_serializing_if = "is_default")]
    pub mid: Mid,
    /// Groups of the norm before the middle's attention, where they are not `norm_groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid_norm_groups: Option<usize>,
    /// What the sums of the middle's blocks are divided by.
    #[serde(skip_serializing_if = "is_one")]
    pub mid_divisor: f64,
    /// The nonlinearity of the residual blocks, in front of their convolutions and of the embedding they are given.
    #[serde(skip_serializing_if = "is_default")]
    pub activation: Activation,
    /// How the network is told the time.
    #[serde(skip_serializing_if = "is_default")]
    pub time_encoding: TimeEncoding,
    /// Number of timesteps that `time_encoding = "learned"` knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_timesteps: Option<usize>,
    /// Channels of the time embedding; four times those of the first level unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_channels: Option<usize>,
    /// How the network is told what to draw, besides by `num_classes`.
    #[serde(skip_serializing_if = "is_default")]
    pub class_input: ClassInput,
    /// Whether the null class has an embedding, after those of `num_classes`.
    #[serde(skip_serializing_if = "is_true")]
    pub null_class: bool,
    /// Whether the class is concatenated to the embedding of the time instead of added to it.
    #[serde(skip_serializing_if = "is_default")]
    pub class_concat: bool,
    /// What pixels attend to besides each other, in the blocks with `cross`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextConfig>,
    /// What else is added to the embedding of the time.
    #[serde(skip_serializing_if = "is_default")]
    pub added_input: AddedInput,
    /// Channels of what may be added to the encoded time before its network, if anything may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_condition_channels: Option<usize>,
    /// The nonlinearity behind the network of the encoded time, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_post_activation: Option<Activation>,
    /// The nonlinearity of the whole embedding before it is given to the blocks, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_activation: Option<Activation>,
    /// The nonlinearity within the network of the encoded time and at the end of the network.
    #[serde(skip_serializing_if = "is_default")]
    pub outer_activation: Activation,
    /// What the sums of the blocks of levels with `resample = "block"` are divided by.
    #[serde(skip_serializing_if = "is_one")]
    pub block_divisor: f64,
    /// Whether those blocks, and a middle that attends likewise, take the embedding without its activation.
    #[serde(skip_serializing_if = "is_default")]
    pub block_raw_embedding: bool,
    /// Side of the first convolution, odd.
    #[serde(skip_serializing_if = "is_three")]
    pub conv_in_kernel: usize,
    /// Side of the last convolution, odd.
    #[serde(skip_serializing_if = "is_three")]
    pub conv_out_kernel: usize,
    /// Whether images in `[0, 1]` are moved to `[-1, 1]` first.
    #[serde(skip_serializing_if = "is_default")]
    pub center_input: bool,
}

/// Padding of the 3x3 convolution that halves the resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DownsamplePadding {
    /// One row below and one column to the right, as TensorFlow's "same" did in DDPM's checkpoints.
    Asymmetric,
    /// One row or column on each side (ADM, Stable Diffusion).
    Symmetric,
}

impl Default for UNetConfig {
    fn default() -> Self {
        Self {
            image_size: 32,
            in_channels: 3,
            out_channels: 3,
            channels: 128,
            channel_mult: vec![1, 2, 2, 2],
            num_res_blocks: 2,
            level_res_blocks: None,
            attention_resolutions: vec![16],
            num_heads: None,
            head_channels: None,
            dropout: 0.0,
            num_classes: None,
            scale_shift: false,
            resample: Resample::Conv,
            resample_first: false,
            downsample_padding: DownsamplePadding::Asymmetric,
            flip_sin_to_cos: false,
            freq_shift: 1.0,
            norm_groups: None,
            groups_of_four: false,
            norm_eps: 1e-6,
            down_blocks: None,
            up_blocks: None,
            mid: Mid::Attention,
            mid_norm_groups: None,
            mid_divisor: 1.0,
            activation: Activation::Silu,
            time_encoding: TimeEncoding::Positional,
            num_timesteps: None,
            time_channels: None,
            class_input: ClassInput::Label,
            null_class: true,
            class_concat: false,
            context: None,
            added_input: AddedInput::Nothing,
            time_condition_channels: None,
            time_post_activation: None,
            time_activation: None,
            outer_activation: Activation::Silu,
            block_divisor: 1.0,
            block_raw_embedding: false,
            conv_in_kernel: 3,
            conv_out_kernel: 3,
            center_input: false,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_three(value: &usize) -> bool {
    *value == 3
}
