//! The folder layout of the diffusers library, read and written, and conformance with that library.
//!
//! [`ModelFolder::read`] makes a network and its sampler of such a folder, [`export_run`] makes such a folder of a run.
//! An option that a configuration names and that we do not have is an error with its name; so is each tensor that is
//! missing, superfluous or of another shape.
//!
//! [`conformance`] runs recorded cases: what the library answered, against what we answer.

mod autoencoder_export;
mod autoencoder_folder;
mod autoencoder_import;
mod autoencoder_keys;
mod autoencoder_names;
mod condition_blocks;
mod condition_export;
mod condition_import;
mod condition_keys;
mod condition_levels;
pub mod conformance;
mod error;
mod model_folder;
mod module_weights;
mod parameter_names;
mod pickle;
mod pickle_value;
pub mod pipeline;
mod scheduler;
mod scheduler_chain;
mod scheduler_continuous;
mod scheduler_denoiser;
mod scheduler_export;
mod scheduler_folder;
mod scheduler_grid;
mod scheduler_options;
mod scheduler_solver;
mod scheduler_table;
mod scheduler_walk;
mod tensor_file;
mod tensor_store;
mod text_export;
mod text_folder;
mod text_import;
mod text_keys;
mod text_names;
mod torch_file;
mod unet_export;
mod unet_import;
mod unet_keys;
mod unet_weights;

pub use autoencoder_folder::{KlFolder, VqFolder, export_first_stage};
pub use error::InteropError;
pub(crate) use model_folder::read_network;
pub use model_folder::{ModelFolder, export_run, read_unet, write_unet};
pub use scheduler::{Call, Scheduler};
pub use scheduler_folder::FolderSampler;
pub use scheduler_options::{Options, Unsupported};
pub use tensor_file::{HostTensor, TensorFile};
pub use tensor_store::TensorStore;
pub use text_folder::{
    read_clip_text, read_ldm_bert, read_t5_encoder, write_clip_text, write_ldm_bert, write_t5_encoder,
};
pub use unet_import::{ImportedUNet, read_unet_config};
pub use unet_weights::{load_unet, unet_tensors};
