use burn::tensor::Device;

use crate::resblock::skip_groups;
use crate::{DownsamplePadding, LevelBlock, Resample, UNet, UNetConfig, UNetError};

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
        self.norm_groups.unwrap_or_else(|| norm_groups([self.common_width()]))
    }

    /// Groups of a group norm of so many channels.
    pub(crate) fn groups_of(&self, channels: usize) -> usize {
        if self.groups_of_four { skip_groups(channels) } else { self.resolved_norm_groups() }
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

    /// Channels of the embedding that the residual blocks are given.
    pub(crate) fn block_time_channels(&self) -> usize {
        self.resolved_time_channels() * if self.class_concat { 2 } else { 1 }
    }

    /// Residual blocks of a level on the way down; on the way up there is one more.
    pub fn res_blocks(&self, level: usize) -> usize {
        let given = self.level_res_blocks.as_ref().and_then(|levels| levels.get(level));
        given.copied().unwrap_or(self.num_res_blocks)
    }

    /// Whether the residual blocks of a level take the embedding without its activation.
    pub(crate) fn takes_raw_embedding(&self, block: &LevelBlock) -> bool {
        self.block_raw_embedding && block.resample == Resample::Block
    }

    /// What both sides of an image must be a multiple of. Convolutions with symmetric padding halve any side, and what
    /// they rounded up is cropped on the way up.
    pub fn size_multiple(&self) -> usize {
        let halvings = self.halvings();
        let rounds = |level| self.down_block(level).resample == Resample::Conv;
        let symmetric = self.downsample_padding == DownsamplePadding::Symmetric;
        let any = symmetric && (0..halvings).all(rounds);
        if any { 1 } else { 1_usize.checked_shl(halvings as u32).unwrap_or(usize::MAX) }
    }

    /// Rows of the table of class embeddings: the classes and the null class.
    pub fn class_rows(&self) -> Option<usize> {
        self.num_classes.map(|classes| classes + usize::from(self.null_class))
    }

    /// Number of attention heads on `channels` channels.
    pub(crate) fn heads(&self, channels: usize) -> usize {
        self.head_channels.map_or(self.num_heads.unwrap_or(1), |size| channels / size)
    }

    /// How often the resolution is halved on the way to a level's residual blocks.
    fn halvings_to(&self, level: usize) -> usize {
        level + usize::from(self.resample_first)
    }

    /// How often the resolution is halved.
    pub(crate) fn halvings(&self) -> usize {
        self.halvings_to(self.levels() - 1)
    }

    /// Side of the images in a level's residual blocks.
    pub(crate) fn resolution(&self, level: usize) -> usize {
        self.image_size >> self.halvings_to(level)
    }

    /// The largest number that divides the channels of all levels, and so those of their concatenations too.
    pub(crate) fn common_width(&self) -> usize {
        (0..self.levels()).map(|level| self.width(level)).fold(0, gcd)
    }
}

/// The most groups up to 32 that divide all widths and have at least 4 channels each, where there are so many: a norm of single
/// channels takes its mean away from each.
pub fn norm_groups(widths: impl IntoIterator<Item = usize>) -> usize {
    let common = widths.into_iter().fold(0, gcd);
    largest_divisor(common, (common / 4).clamp(1, 32))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The largest divisor of `n` that is at most `bound`; both at least 1.
pub(crate) fn largest_divisor(n: usize, bound: usize) -> usize {
    (1..=bound.min(n)).rev().find(|&d| n.is_multiple_of(d)).unwrap_or(1)
}
