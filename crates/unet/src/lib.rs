//! The U-Net of denoising diffusion models.
//!
//! DDPM's network (Ho, Jain, Abbeel 2020, arXiv 2006.11239, appendix B) with the options that its descendants need:
//! class labels, scale-shift conditioning and several attention heads (Nichol and Dhariwal 2021, arXiv 2102.09672),
//! residual blocks that change the resolution (Dhariwal and Nichol 2021, arXiv 2105.05233), the image skips, filters
//! and noise-level encoding of NCSN++ (Song et al. 2021, arXiv 2011.13456), and attention to a context, such as the words
//! of a prompt (Rombach et al. 2022, arXiv 2112.10752; Saharia et al. 2022, arXiv 2205.11487).
//!
//! A [`UNet`] maps an image, a timestep and perhaps [`Conditions`] to a tensor of the image's size; what that tensor
//! means (noise, clean image, velocity) is no concern of this crate. Blocks, layers and their order are those of the
//! reference library's `UNet2DModel` and `UNet2DConditionModel`, so that a published checkpoint is loaded by renaming its
//! tensors.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use unet::UNetConfig;
//!
//! let config = UNetConfig {
//!     image_size: 8,
//!     channels: 16,
//!     channel_mult: vec![1, 2],
//!     attention_resolutions: vec![4],
//!     num_classes: Some(10),
//!     ..UNetConfig::default()
//! };
//! let device = Device::flex();
//! let unet = config.init(&device, 0)?;
//! let images = Tensor::zeros([2, 3, 8, 8], &device);
//! let timesteps = Tensor::from_floats([0.0, 999.0], &device);
//! let labels = Tensor::from_ints([7, 10], &device); // 10 is the null class
//! assert_eq!(unet.forward(images, timesteps, Some(labels)).dims(), [2, 3, 8, 8]);
//! # Ok::<(), unet::UNetError>(())
//! ```

mod activation;
mod added_attention;
mod added_embedding;
mod attention;
mod attention_pool;
mod blocks;
mod classifier;
mod condition;
mod config;
mod context;
mod cross_attention;
mod down;
mod embedding;
mod error;
mod forward_error;
mod given;
mod image_skip;
mod init;
mod memory;
mod mid;
mod ops;
mod resample;
mod resblock;
mod resolve;
mod super_resolution;
mod time_proj;
mod transformer;
mod unet;
mod up;
mod validate;
mod validate_context;

pub use activation::Activation;
pub use added_embedding::AddedInput;
pub use blocks::{LevelBlock, Mid, Resample};
pub use classifier::NoisyClassifier;
pub use condition::{ClassInput, Condition, Conditions, Residuals};
pub use config::{DownsamplePadding, UNetConfig};
pub use context::{ContextConfig, ContextInput};
pub use cross_attention::CrossAttention;
pub use error::UNetError;
pub use forward_error::ForwardError;
pub use init::Init;
pub use resolve::norm_groups;
pub use super_resolution::SuperResolutionUNet;
pub use time_proj::{Sinusoids, TimeEncoding};
pub use unet::UNet;
