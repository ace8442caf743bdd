//! The first stage of latent diffusion as a [`System`](crate::System): an autoencoder (Rombach et al. 2022, section 3.1).

mod adversarial;
mod batches;
mod codebook_averages;
mod codebook_moves;
mod codebook_revival;
mod config;
mod loss;
mod model;
mod perceptual;
mod preview;
mod system;

pub use adversarial::AdversarialConfig;
pub use batches::FirstStageBatch;
pub use config::{FirstStageRunConfig, RegularizationConfig};
pub(crate) use model::latent_scale;
pub use model::{Reconstructions, TrainedFirstStage};
pub use perceptual::{PerceptualConfig, PerceptualNetwork};
pub use system::{FirstStage, FirstStageNet};
