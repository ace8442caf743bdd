use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{Activation, ClassInput, LevelBlock, Mid, Resample, TimeEncoding, UNet, UNetError};

/// The shape of a [`UNet`].
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
    /// The nonlinearity of the residual blocks.
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
            attention_resolutions: vec![16],
            num_heads: None,
            head_channels: None,
            dropout: 0.0,
            num_classes: None,
            scale_shift: false,
            resample: Resample::Conv,
            downsample_padding: DownsamplePadding::Asymmetric,
            flip_sin_to_cos: false,
            freq_shift: 1.0,
            norm_groups: None,
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
            center_input: false,
        }
    }
}

impl UNetConfig {
    /// Makes the network with the weights of `seed`.
    ///
    /// Weights are drawn on the host, so that one seed gives the same network on every backend: uniform in
    /// `+-1/sqrt(fan_in)` for convolutions and linear layers, standard normal for the class embedding, ones and
    /// zeros for norms, zeros where DDPM starts from zeros (the last convolution of a residual block and of the
    /// network, the last layer of attention). Parameter `i`, in the order of construction, is drawn from stream
    /// `("unet/init", i)` when it is first used: when that is does not change it, and counting parameters or
    /// loading others over them draws nothing.
    ///
    /// To train, pass a device with autodiff.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device, seed: u64) -> Result<UNet, UNetError> {
        self.validate()?;
        Ok(UNet::new(self, device, seed))
    }

    /// Groups of every group norm, with the default filled in.
    pub fn resolved_norm_groups(&self) -> usize {
        self.norm_groups.unwrap_or_else(|| {
            let common = self.common_width();
            largest_divisor(common, (common / 4).clamp(1, 32))
        })
    }

    pub(crate) fn levels(&self) -> usize {
        self.channel_mult.len()
    }

    /// Channels of a level.
    pub(crate) fn width(&self, level: usize) -> usize {
        self.channels * self.channel_mult[level]
    }

    /// Channels of the time embedding, with the default filled in.
    pub fn resolved_time_channels(&self) -> usize {
        self.time_channels.unwrap_or_else(|| 4 * self.width(0))
    }

    /// Rows of the table of class embeddings: the classes and the null class.
    pub fn class_rows(&self) -> Option<usize> {
        self.num_classes.map(|classes| classes + usize::from(self.null_class))
    }

    /// Number of attention heads on `channels` channels.
    pub(crate) fn heads(&self, channels: usize) -> usize {
        self.head_channels.map_or(self.num_heads.unwrap_or(1), |size| channels / size)
    }

    pub(crate) fn resolution(&self, level: usize) -> usize {
        self.image_size >> level
    }

    /// The largest number that divides the channels of all levels, and so those of their concatenations too.
    pub(crate) fn common_width(&self) -> usize {
        (0..self.levels()).map(|level| self.width(level)).fold(0, gcd)
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The largest divisor of `n` that is at most `bound`; both at least 1.
pub(crate) fn largest_divisor(n: usize, bound: usize) -> usize {
    (1..=bound.min(n)).rev().find(|&d| n.is_multiple_of(d)).unwrap_or(1)
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
