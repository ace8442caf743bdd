use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use unet::{Activation, Init};

use crate::{AutoencoderError, KlAutoencoder, VqAutoencoder};

/// Groups of a norm that is modulated by the latent: the reference library has no other number.
pub(crate) const SPATIAL_GROUPS: usize = 32;

/// The encoder and the decoder, which mirror each other.
///
/// Each level has half the resolution of the one before, so that a latent pixel stands for
/// [`f = 2^(levels - 1)`](Self::factor) pixels in height and width. The default has 4 latent channels at f = 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkConfig {
    /// Channels of the image.
    pub in_channels: usize,
    /// Channels of the decoded image.
    pub out_channels: usize,
    /// Channels of the latent.
    pub latent_channels: usize,
    /// Channels that `channel_mult` multiplies.
    pub channels: usize,
    /// Channels of each level as multiples of `channels`, from full resolution.
    pub channel_mult: Vec<usize>,
    /// Residual blocks in a level of the encoder; the decoder has one more.
    pub num_res_blocks: usize,
    /// Levels of the encoder, 0 at full resolution, whose residual blocks are each followed by attention.
    pub encoder_attention: Vec<usize>,
    /// The same of the decoder.
    pub decoder_attention: Vec<usize>,
    /// Whether the middle of encoder and decoder, at the lowest resolution, has attention.
    pub mid_attention: bool,
    /// Groups of every group norm. If left out, the most up to 32 that divide the channels of all levels and have at least 4
    /// channels each: a norm of single channels takes the mean colour away from an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm_groups: Option<usize>,
    /// The nonlinearity of the residual blocks.
    pub activation: Activation,
}

impl Default for TrunkConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            channels: 32,
            channel_mult: vec![1, 2, 4],
            num_res_blocks: 1,
            encoder_attention: Vec::new(),
            decoder_attention: Vec::new(),
            mid_attention: true,
            norm_groups: None,
            activation: Activation::default(),
        }
    }
}

/// An autoencoder whose latent is a Gaussian.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KlConfig {
    /// Encoder and decoder.
    pub trunk: TrunkConfig,
    /// Whether a 1x1 convolution follows the encoder.
    pub quant_conv: bool,
    /// Whether a 1x1 convolution precedes the decoder.
    pub post_quant_conv: bool,
}

impl Default for KlConfig {
    fn default() -> Self {
        Self { trunk: TrunkConfig::default(), quant_conv: true, post_quant_conv: true }
    }
}

/// An autoencoder whose latent are vectors of a codebook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VqConfig {
    /// Encoder and decoder.
    pub trunk: TrunkConfig,
    /// Vectors in the codebook.
    pub codes: usize,
    /// Length of a vector; as many as the latent channels if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_channels: Option<usize>,
    /// Whether the latent modulates the norms of the decoder (MoVQ: Zheng et al. 2022, arXiv 2209.09002). These have 32
    /// groups, and the vectors as many channels as the latent.
    pub spatial_norm: bool,
}

impl Default for VqConfig {
    fn default() -> Self {
        Self { trunk: TrunkConfig::default(), codes: 256, code_channels: None, spatial_norm: false }
    }
}

impl KlConfig {
    /// Checks that the configuration describes a network.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn validate(&self) -> Result<(), AutoencoderError> {
        self.trunk.validate(false)
    }

    /// Makes the network; its weights depend on the seed alone.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn init(&self, device: &Device, seed: u64) -> Result<KlAutoencoder, AutoencoderError> {
        self.validate()?;
        Ok(KlAutoencoder::new(self, &mut Init::new(device, seed)))
    }
}

impl VqConfig {
    /// Checks that the configuration describes a network.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn validate(&self) -> Result<(), AutoencoderError> {
        self.trunk.validate(self.spatial_norm)?;
        check_counts(&[("codes", self.codes), ("code_channels", self.resolved_code_channels())])?;
        let [codes, latents] = [self.resolved_code_channels(), self.trunk.latent_channels];
        match self.spatial_norm && codes != latents {
            true => Err(AutoencoderError::SpatialCodes { codes, latents }),
            false => Ok(()),
        }
    }

    /// Makes the network; its weights depend on the seed alone.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn init(&self, device: &Device, seed: u64) -> Result<VqAutoencoder, AutoencoderError> {
        self.validate()?;
        Ok(VqAutoencoder::new(self, &mut Init::new(device, seed)))
    }

    /// Length of a vector of the codebook.
    pub fn resolved_code_channels(&self) -> usize {
        self.code_channels.unwrap_or(self.trunk.latent_channels)
    }
}

impl TrunkConfig {
    /// Pixels of the image to one of the latent, in height and in width.
    pub fn factor(&self) -> usize {
        1 << self.last_level()
    }

    pub(crate) fn last_level(&self) -> usize {
        self.channel_mult.len() - 1
    }

    pub(crate) fn width(&self, level: usize) -> usize {
        self.channels * self.channel_mult[level]
    }

    /// Groups of every group norm.
    pub fn resolved_norm_groups(&self) -> usize {
        let widths = (0..self.channel_mult.len()).map(|level| self.width(level));
        self.norm_groups.unwrap_or_else(|| unet::norm_groups(widths))
    }

    /// Checks the keys; with `spatial` also those of the decoder's norms.
    fn validate(&self, spatial: bool) -> Result<(), AutoencoderError> {
        if self.channel_mult.is_empty() {
            return Err(AutoencoderError::NoLevels);
        }
        check_counts(&[
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("latent_channels", self.latent_channels),
            ("channels", self.channels),
            ("channel_mult", self.channel_mult.iter().min().copied().unwrap_or(0)),
            ("channel_mult", self.channel_mult.iter().max().copied().unwrap_or(0)),
            ("num_res_blocks", self.num_res_blocks),
            ("norm_groups", self.norm_groups.unwrap_or(1)),
        ])?;
        let limits = [
            ("the number of levels in channel_mult", self.channel_mult.len(), 16),
            ("num_res_blocks", self.num_res_blocks, 1 << 8),
        ];
        if let Some((key, value, most)) = limits.into_iter().find(|(_, value, most)| value > most) {
            return Err(AutoencoderError::TooLarge { key, value, most });
        }
        let attended =
            [("encoder_attention", &self.encoder_attention), ("decoder_attention", &self.decoder_attention)];
        for (key, levels) in attended {
            let last = self.last_level();
            if let Some(&level) = levels.iter().find(|level| **level > last) {
                return Err(AutoencoderError::Level { key, level, last });
            }
        }
        self.check_groups(self.resolved_norm_groups(), "norm_groups that divide them")?;
        if spatial {
            self.check_groups(SPATIAL_GROUPS, "a multiple of 32, or spatial_norm = false")?;
        }
        Ok(())
    }

    fn check_groups(&self, groups: usize, mend: &'static str) -> Result<(), AutoencoderError> {
        let undivided = |level: &usize| !self.width(*level).is_multiple_of(groups);
        match (0..self.channel_mult.len()).find(undivided) {
            Some(level) => Err(AutoencoderError::Groups { groups, channels: self.width(level), level, mend }),
            None => Ok(()),
        }
    }
}

fn check_counts(counts: &[(&'static str, usize)]) -> Result<(), AutoencoderError> {
    const MOST: usize = 1 << 20;
    for &(key, value) in counts {
        match value {
            0 => return Err(AutoencoderError::Zero { key }),
            value if value > MOST => return Err(AutoencoderError::TooLarge { key, value, most: MOST }),
            _ => {}
        }
    }
    Ok(())
}
