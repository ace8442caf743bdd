//! The folder layout of the diffusers library, read and written, and conformance with that library.
//!
//! [`ModelFolder::read`] makes a network and its sampler of such a folder, [`export_run`] makes such a folder of a run.
//! The networks of such a folder are read and written by the crate `layout`; schedulers and whole pipelines are here.
//!
//! [`conformance`] runs recorded cases: what the library answered, against what we answer.

pub mod conformance;
mod latent_export;
mod model_folder;
pub mod pipeline;
mod python_json;
mod scheduler;
mod scheduler_chain;
mod scheduler_continuous;
mod scheduler_denoiser;
mod scheduler_dpm_grid;
mod scheduler_export;
mod scheduler_export_continuous;
mod scheduler_fault;
mod scheduler_folder;
mod scheduler_grid;
mod scheduler_k_grid;
mod scheduler_landing;
mod scheduler_options;
mod scheduler_ranges;
mod scheduler_rest;
mod scheduler_sigmas;
mod scheduler_solver;
mod scheduler_spellings;
mod scheduler_table;
mod scheduler_timesteps;
mod scheduler_walk;

pub use latent_export::export_latent;
pub use layout::LayoutError as InteropError;
pub use layout::{
    HostTensor, ImportedUNet, KlFolder, TensorFile, TensorStore, UNetFolder, VqFolder, load_unet,
    memory_limit, part_folder, read_clip_text, read_ldm_bert, read_t5_encoder, read_unet, read_unet_config,
    unet_tensors, write_autoencoder, write_clip_text, write_ldm_bert, write_t5_encoder, write_unet,
};
pub use model_folder::{ModelFolder, export_run};
pub use scheduler::{Call, Scheduler};
pub use scheduler_folder::FolderSampler;
pub use scheduler_options::{Options, Unsupported};
