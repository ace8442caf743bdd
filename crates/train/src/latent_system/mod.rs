//! Latent diffusion as a [`System`](crate::System): a UNet on the latents of a first stage that stays as it is, told
//! classes or texts (Rombach et al. 2022, arXiv 2112.10752, sections 3.2 and 3.3).

mod batches;
mod captions;
mod concat;
mod config;
mod encode;
mod first_stage;
mod latent_file;
mod masks;
mod model;
mod network;
mod phrases;
mod preview;
mod resolve;
mod system;

pub use batches::LatentBatch;
pub use captions::CaptionTokenizer;
pub use concat::{ConcatConfig, Shown};
pub use config::{FirstStageSource, LatentRunConfig, TextConfig};
pub use first_stage::FrozenFirstStage;
pub use model::TrainedLatent;
pub use network::{LatentNet, Texts, Told};
pub use phrases::Phrases;
pub use system::LatentSystem;
