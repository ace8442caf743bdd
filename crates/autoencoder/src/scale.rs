use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::AutoencoderError;

/// What brings the latents of an autoencoder to mean 0 and variance 1, as diffusion wants them (Rombach et al. 2022,
/// appendix G): `(latent - shift) scale`.
///
/// Both are one number for all channels, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatentScale {
    /// What is subtracted.
    pub shift: Vec<f64>,
    /// What the rest is multiplied by.
    pub scale: Vec<f64>,
}

impl Default for LatentScale {
    fn default() -> Self {
        Self { shift: vec![0.0], scale: vec![1.0] }
    }
}

impl LatentScale {
    /// One scale for all channels.
    pub fn uniform(scale: f64) -> Self {
        Self { shift: vec![0.0], scale: vec![scale] }
    }

    /// Checks that the latents of so many channels can be scaled and brought back.
    ///
    /// # Errors
    ///
    /// If a scale is not positive, a number is none, or their count is neither 1 nor that of the channels.
    pub fn validate(&self, channels: usize) -> Result<(), AutoencoderError> {
        for (key, values) in [("shift", &self.shift), ("scale", &self.scale)] {
            if values.len() != 1 && values.len() != channels {
                return Err(AutoencoderError::ScaleChannels { key, found: values.len(), channels });
            }
        }
        let scale = self.scale.iter().find(|scale| !(scale.is_finite() && **scale > 0.0));
        let shift = self.shift.iter().find(|shift| !shift.is_finite());
        match (scale, shift) {
            (Some(&value), _) => Err(AutoencoderError::Scale { key: "scale", value, wanted: "positive" }),
            (None, Some(&value)) => Err(AutoencoderError::Scale { key: "shift", value, wanted: "finite" }),
            (None, None) => Ok(()),
        }
    }

    /// From the autoencoder's latents to those of diffusion; both are `[B, C, h, w]`.
    pub fn apply(&self, latent: Tensor<4>) -> Tensor<4> {
        let device = latent.device();
        (latent - channels(&self.shift, &device)) * channels(&self.scale, &device)
    }

    /// From the latents of diffusion to the autoencoder's; both are `[B, C, h, w]`.
    pub fn invert(&self, latent: Tensor<4>) -> Tensor<4> {
        let device = latent.device();
        latent / channels(&self.scale, &device) + channels(&self.shift, &device)
    }
}

/// `[1, C, 1, 1]`
fn channels(values: &[f64], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([1, values.len(), 1, 1])
}
