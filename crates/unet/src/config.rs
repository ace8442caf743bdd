use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{UNet, UNetError};

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
}

/// How the resolution changes between levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resample {
    /// Down by a convolution of stride 2, up by repeating pixels and a convolution (DDPM).
    Conv,
    /// Down by averaging, up by repeating pixels: no parameters.
    Pool,
    /// By a residual block that averages or repeats pixels within it (BigGAN, ADM).
    Block,
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

    /// Checks that the configuration describes a network.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn validate(&self) -> Result<(), UNetError> {
        self.validate_counts()?;
        self.validate_ranges()?;
        self.validate_resolutions()?;
        self.validate_heads()?;
        self.validate_groups()
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

    pub(crate) fn has_attention(&self, level: usize) -> bool {
        self.attention_resolutions.contains(&self.resolution(level))
    }

    /// Channels of the time embedding.
    pub(crate) fn time_channels(&self) -> usize {
        4 * self.width(0)
    }

    /// Number of attention heads on `channels` channels.
    pub(crate) fn heads(&self, channels: usize) -> usize {
        self.head_channels.map_or(self.num_heads.unwrap_or(1), |size| channels / size)
    }

    fn resolution(&self, level: usize) -> usize {
        self.image_size >> level
    }

    /// The largest number that divides the channels of all levels, and so those of their concatenations too.
    fn common_width(&self) -> usize {
        (0..self.levels()).map(|level| self.width(level)).fold(0, gcd)
    }

    fn validate_counts(&self) -> Result<(), UNetError> {
        if self.channel_mult.is_empty() {
            return Err(UNetError::NoLevels);
        }
        let counts = [
            ("image_size", Some(self.image_size)),
            ("in_channels", Some(self.in_channels)),
            ("out_channels", Some(self.out_channels)),
            ("channels", Some(self.channels)),
            ("channel_mult", self.channel_mult.iter().min().copied()),
            ("num_res_blocks", Some(self.num_res_blocks)),
            ("num_heads", self.num_heads),
            ("head_channels", self.head_channels),
            ("num_classes", self.num_classes),
            ("norm_groups", self.norm_groups),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == Some(0)) {
            return Err(UNetError::Zero { key });
        }
        let limits = [
            ("image_size", self.image_size, 1 << 16),
            ("channels", self.channels, 1 << 14),
            ("channel_mult", self.channel_mult.iter().max().copied().unwrap_or(0), 1 << 10),
            ("the number of levels in channel_mult", self.channel_mult.len(), 16),
            ("num_res_blocks", self.num_res_blocks, 1 << 8),
            ("num_classes", self.num_classes.unwrap_or(0), 1 << 20),
        ];
        match limits.into_iter().find(|(_, value, most)| value > most) {
            Some((key, value, most)) => Err(UNetError::TooLarge { key, value, most }),
            None => Ok(()),
        }
    }

    fn validate_ranges(&self) -> Result<(), UNetError> {
        let half = (self.width(0) / 2) as f64;
        let ranges = [
            ("dropout", self.dropout, (0.0..1.0).contains(&self.dropout), "in [0, 1)".to_owned()),
            ("norm_eps", self.norm_eps, self.norm_eps > 0.0 && self.norm_eps < 1.0, "in (0, 1)".to_owned()),
            (
                "freq_shift",
                self.freq_shift,
                (0.0..half).contains(&self.freq_shift),
                format!("in [0, {half}), below half of the first level's channels"),
            ),
        ];
        match ranges.into_iter().find(|(_, _, fits, _)| !fits) {
            Some((key, value, _, range)) => Err(UNetError::OutOfRange { key, value, range }),
            None => Ok(()),
        }
    }

    fn validate_resolutions(&self) -> Result<(), UNetError> {
        let (levels, halvings) = (self.levels(), self.levels() - 1);
        let multiple = 1_usize.checked_shl(halvings as u32).unwrap_or(usize::MAX);
        if !self.image_size.is_multiple_of(multiple) {
            return Err(UNetError::ImageSize { image_size: self.image_size, levels, halvings, multiple });
        }
        let there: Vec<usize> = (0..levels).map(|level| self.resolution(level)).collect();
        match self.attention_resolutions.iter().find(|asked| !there.contains(asked)) {
            Some(&resolution) => Err(UNetError::AttentionResolution { resolution, levels: there }),
            None => Ok(()),
        }
    }

    fn validate_heads(&self) -> Result<(), UNetError> {
        let (key, value) = match (self.num_heads, self.head_channels) {
            (Some(_), Some(_)) => return Err(UNetError::HeadsTwice),
            (None, Some(size)) => ("head_channels", size),
            (count, None) => ("num_heads", count.unwrap_or(1)),
        };
        let last = self.levels() - 1;
        for level in (0..=last).filter(|&level| level == last || self.has_attention(level)) {
            let channels = self.width(level);
            if !channels.is_multiple_of(value) {
                return Err(UNetError::Heads { key, value, channels, level });
            }
        }
        Ok(())
    }

    fn validate_groups(&self) -> Result<(), UNetError> {
        let groups = self.resolved_norm_groups();
        for level in 0..self.levels() {
            let channels = self.width(level);
            if !channels.is_multiple_of(groups) {
                let suggestion = largest_divisor(self.common_width(), groups);
                return Err(UNetError::NormGroups { groups, channels, level, suggestion });
            }
        }
        Ok(())
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The largest divisor of `n` that is at most `bound`; both at least 1.
fn largest_divisor(n: usize, bound: usize) -> usize {
    (1..=bound.min(n)).rev().find(|&d| n.is_multiple_of(d)).unwrap_or(1)
}
