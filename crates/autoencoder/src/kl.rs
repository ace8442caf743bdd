use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use unet::Init;

use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::norm::NormKind;
use crate::{KlConfig, Posterior};

/// An autoencoder whose latent is a Gaussian (Rombach et al. 2022, section 3.1, "KL-reg.").
///
/// Latents are those of the network itself: [`LatentScale`](crate::LatentScale) brings them to what diffusion works on.
#[derive(Module, Debug)]
pub struct KlAutoencoder {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
}

impl KlAutoencoder {
    /// Of a valid configuration.
    pub(crate) fn new(config: &KlConfig, init: &mut Init<'_>) -> Self {
        let (trunk, channels) = (&config.trunk, config.trunk.latent_channels);
        let norm = NormKind::Group { groups: trunk.resolved_norm_groups() };
        Self {
            encoder: Encoder::new(trunk, 2 * channels, init),
            decoder: Decoder::new(trunk, norm, init),
            quant_conv: config.quant_conv.then(|| init.conv([2 * channels, 2 * channels], 1)),
            post_quant_conv: config.post_quant_conv.then(|| init.conv([channels, channels], 1)),
        }
    }

    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]`; a height or width that cannot be halved is rounded up, so that the decoded image is
    ///   larger than the image
    pub fn encode(&self, image: Tensor<4>) -> Posterior {
        Posterior::of_moments(self.moments(image))
    }

    /// Means and logarithms of variances, not yet taken apart.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]`
    /// - output: `[B, 2 latent channels, H/f, W/f]`
    pub fn moments(&self, image: Tensor<4>) -> Tensor<4> {
        let moments = self.encoder.forward(image);
        match &self.quant_conv {
            Some(conv) => kernels::conv2d(conv, moments),
            None => moments,
        }
    }

    /// # Shapes
    ///
    /// - `latent`: `[B, latent channels, h, w]`
    /// - output: `[B, C, f h, f w]`
    pub fn decode(&self, latent: Tensor<4>) -> Tensor<4> {
        self.decoder.image(self.features(latent))
    }

    pub(crate) fn features(&self, latent: Tensor<4>) -> Tensor<4> {
        let x = match &self.post_quant_conv {
            Some(conv) => kernels::conv2d(conv, latent),
            None => latent,
        };
        self.decoder.features(x.clone(), &x)
    }

    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}
