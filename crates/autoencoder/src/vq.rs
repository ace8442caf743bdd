use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use unet::Init;

use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::norm::NormKind;
use crate::{Codebook, VqConfig};

/// An autoencoder whose latent are vectors of a codebook (Rombach et al. 2022, section 3.1, "VQ-reg.").
///
/// Diffusion works on latents before they are quantised; decoding them quantises first ("the quantisation layer is
/// absorbed by the decoder").
#[derive(Module, Debug)]
pub struct VqAutoencoder {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Conv2d,
    post_quant_conv: Conv2d,
    quantize: Codebook,
}

impl VqAutoencoder {
    /// Of a valid configuration.
    pub(crate) fn new(config: &VqConfig, init: &mut Init<'_>) -> Self {
        let (trunk, latent_channels) = (&config.trunk, config.trunk.latent_channels);
        let code_channels = config.resolved_code_channels();
        let norm = match config.spatial_norm {
            true => NormKind::Spatial { latent_channels },
            false => NormKind::Group { groups: trunk.resolved_norm_groups() },
        };
        Self {
            encoder: Encoder::new(trunk, latent_channels, init),
            decoder: Decoder::new(trunk, norm, init),
            quant_conv: init.conv([latent_channels, code_channels], 1),
            post_quant_conv: init.conv([code_channels, latent_channels], 1),
            quantize: Codebook::new(config.codes, code_channels, init),
        }
    }

    /// The latent before it is quantised.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]`
    /// - output: `[B, code channels, H/f, W/f]`
    pub fn encode(&self, image: Tensor<4>) -> Tensor<4> {
        kernels::conv2d(&self.quant_conv, self.encoder.forward(image))
    }

    /// Decodes the latent as it is; [`Codebook::quantize`] it before.
    ///
    /// # Shapes
    ///
    /// - `latent`: `[B, code channels, h, w]`
    /// - output: `[B, C, f h, f w]`
    pub fn decode(&self, latent: Tensor<4>) -> Tensor<4> {
        self.decoder.image(self.features(latent))
    }

    pub(crate) fn features(&self, latent: Tensor<4>) -> Tensor<4> {
        self.decoder.features(kernels::conv2d(&self.post_quant_conv, latent.clone()), &latent)
    }

    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The vectors that stand for latents.
    pub fn codebook(&self) -> &Codebook {
        &self.quantize
    }

    pub(crate) fn map_codebook(self, map: impl FnOnce(Codebook) -> Codebook) -> Self {
        Self { quantize: map(self.quantize), ..self }
    }
}
