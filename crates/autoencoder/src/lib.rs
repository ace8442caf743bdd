//! The first stage of latent diffusion: convolutional autoencoders (Rombach et al. 2022, arXiv 2112.10752, section 3.1).
//!
//! A [`KlAutoencoder`] encodes an image as a Gaussian, held near the standard one by a small weight; a
//! [`VqAutoencoder`] as vectors of a codebook (van den Oord et al. 2017, arXiv 1711.00937). Layers and their order are
//! those of the reference library's `AutoencoderKL` and `VQModel`, so that a published checkpoint is loaded by renaming
//! its tensors. [`LatentScale`] brings latents to the unit variance that diffusion wants, [`Tiling`] bounds the memory
//! that large images take.
//!
//! ```
//! use autoencoder::{KlConfig, TrunkConfig};
//! use burn::tensor::{Device, Tensor};
//!
//! let trunk = TrunkConfig { channels: 8, channel_mult: vec![1, 2], ..TrunkConfig::default() };
//! let device = Device::flex();
//! let autoencoder = KlConfig { trunk, ..KlConfig::default() }.init(&device, 0)?;
//! let posterior = autoencoder.encode(Tensor::zeros([1, 3, 16, 16], &device));
//! assert_eq!(posterior.mean.dims(), [1, 4, 8, 8]);
//! assert_eq!(autoencoder.decode(posterior.mean).dims(), [1, 3, 16, 16]);
//! # Ok::<(), autoencoder::AutoencoderError>(())
//! ```

mod attention;
mod autoencoder;
mod codebook;
mod config;
mod decoder;
mod discriminator;
mod encoder;
mod error;
mod kl;
mod memory;
mod mid;
mod norm;
mod posterior;
mod resblock;
mod scale;
mod tiling;
mod vq;

pub use autoencoder::{Autoencoder, AutoencoderConfig, Encoded};
pub use codebook::{Codebook, Quantized};
pub use config::{KlConfig, TrunkConfig, VqConfig};
pub use discriminator::{DiscriminatorConfig, PatchDiscriminator};
pub use error::AutoencoderError;
pub use kl::KlAutoencoder;
pub use posterior::Posterior;
pub use scale::LatentScale;
pub use tiling::Tiling;
pub use vq::VqAutoencoder;
