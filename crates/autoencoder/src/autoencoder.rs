use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    AutoencoderError, Codebook, KlAutoencoder, KlConfig, Posterior, Quantized, TrunkConfig, VqAutoencoder,
    VqConfig,
};

/// Either kind of autoencoder, chosen by the key `latent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "latent", rename_all = "lowercase")]
pub enum AutoencoderConfig {
    /// The latent is a Gaussian.
    Kl(KlConfig),
    /// The latent are vectors of a codebook.
    Vq(VqConfig),
}

/// Either kind of autoencoder.
#[derive(Module, Debug)]
pub enum Autoencoder {
    /// The latent is a Gaussian.
    Kl(KlAutoencoder),
    /// The latent are vectors of a codebook.
    Vq(VqAutoencoder),
}

/// What training makes of an image: the latent to decode, and what regularises it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of a batch")]
pub enum Encoded {
    /// A Gaussian, and a sample of it.
    Kl {
        /// The Gaussian.
        posterior: Posterior,
        /// The sample.
        latent: Tensor<4>,
    },
    /// The nearest vectors of the codebook.
    Vq {
        /// The vectors and their losses.
        quantized: Quantized,
        /// How many latents chose each: `[codes]`.
        counts: Tensor<1>,
        /// The latents: `[B, code channels, h, w]`.
        latent: Tensor<4>,
    },
}

impl AutoencoderConfig {
    /// Makes the network; its weights depend on the seed alone.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn init(&self, device: &Device, seed: u64) -> Result<Autoencoder, AutoencoderError> {
        match self {
            Self::Kl(config) => config.init(device, seed).map(Autoencoder::Kl),
            Self::Vq(config) => config.init(device, seed).map(Autoencoder::Vq),
        }
    }

    /// Checks that the configuration describes a network.
    ///
    /// # Errors
    ///
    /// The first key that does not fit, with what mends it.
    pub fn validate(&self) -> Result<(), AutoencoderError> {
        match self {
            Self::Kl(config) => config.validate(),
            Self::Vq(config) => config.validate(),
        }
    }

    /// Encoder and decoder.
    pub fn trunk(&self) -> &TrunkConfig {
        match self {
            Self::Kl(config) => &config.trunk,
            Self::Vq(config) => &config.trunk,
        }
    }

    /// Channels of the latent that is decoded.
    pub fn latent_channels(&self) -> usize {
        match self {
            Self::Kl(config) => config.trunk.latent_channels,
            Self::Vq(config) => config.resolved_code_channels(),
        }
    }
}

impl Autoencoder {
    /// Encodes to what is decoded in training.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]`
    /// - `noise`: `[B, latent channels, H/f, W/f]`, which a codebook does not read
    pub fn encode(&self, image: Tensor<4>, noise: Tensor<4>) -> Encoded {
        match self {
            Self::Kl(network) => {
                let posterior = network.encode(image);
                let latent = posterior.sample(noise);
                Encoded::Kl { posterior, latent }
            }
            Self::Vq(network) => {
                let (latent, codebook) = (network.encode(image), network.codebook());
                let quantized = codebook.quantize(latent.clone());
                let counts = codebook.counts(quantized.indices.clone());
                Encoded::Vq { quantized, counts, latent }
            }
        }
    }

    /// With what `map` makes of the codebook; a Gaussian has none.
    pub fn map_codebook(self, map: impl FnOnce(Codebook) -> Codebook) -> Self {
        match self {
            Self::Vq(network) => Self::Vq(network.map_codebook(map)),
            Self::Kl(network) => Self::Kl(network),
        }
    }

    /// The latent that diffusion works on: the mean of the Gaussian, or what is not yet quantised.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]`
    /// - output: `[B, latent channels, H/f, W/f]`
    pub fn latent(&self, image: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Kl(network) => network.encode(image).mean,
            Self::Vq(network) => network.encode(image),
        }
    }

    /// Decodes what diffusion works on; a codebook quantises it before.
    ///
    /// # Shapes
    ///
    /// - `latent`: `[B, latent channels, h, w]`
    /// - output: `[B, C, f h, f w]`
    pub fn decode(&self, latent: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Kl(network) => network.decode(latent),
            Self::Vq(network) => network.decode(network.codebook().quantize(latent).latent),
        }
    }

    /// All of the decoder but its last convolution, of a latent as training decodes it.
    ///
    /// # Shapes
    ///
    /// - `latent`: `[B, latent channels, h, w]`
    /// - output: `[B, channels of the first level, f h, f w]`
    pub fn features(&self, latent: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Kl(network) => network.features(latent),
            Self::Vq(network) => network.features(latent),
        }
    }

    /// The last convolution of the decoder: `[B, C, f h, f w]`.
    pub fn image(&self, features: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Kl(network) => network.decoder().image(features),
            Self::Vq(network) => network.decoder().image(features),
        }
    }

    /// The weights of that convolution, where a trainer compares the gradients of its losses.
    pub fn last_weight(&self) -> Tensor<4> {
        match self {
            Self::Kl(network) => network.decoder().last_weight(),
            Self::Vq(network) => network.decoder().last_weight(),
        }
    }
}

impl Encoded {
    /// The latent to decode: `[B, latent channels, h, w]`.
    pub fn latent(&self) -> Tensor<4> {
        match self {
            Self::Kl { latent, .. } => latent.clone(),
            Self::Vq { quantized, .. } => quantized.latent.clone(),
        }
    }
}
