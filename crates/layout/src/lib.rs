//! Networks on disk in the layout of the diffusers and transformers libraries, read and written: a folder with a
//! `config.json` and weights as safetensors or torch wrote them.
//!
//! An option that a configuration names and that we do not have is an error with its name; so is each tensor that is
//! missing, superfluous or of another shape. Weights are read one tensor at a time.

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
mod error;
mod folder_content;
mod folder_hash;
mod json_file;
mod memory;
mod module_weights;
mod network_size;
mod parameter_names;
mod pickle;
mod pickle_value;
mod tensor_file;
mod tensor_store;
mod text_export;
mod text_folder;
mod text_import;
mod text_keys;
mod text_names;
mod text_reader;
mod torch_file;
mod torch_legacy;
mod torch_zip;
mod unet_export;
mod unet_folder;
mod unet_import;
mod unet_keys;
mod unet_weights;
mod weight_files;

pub use autoencoder_folder::{
    KlFolder, VqFolder, read_autoencoder, read_autoencoder_config, write_autoencoder,
};
pub use error::LayoutError;
pub use folder_content::{listing, part_folder};
pub use folder_hash::folder_hash;
pub use json_file::write_json;
pub use memory::{check_memory, memory_limit};
pub use module_weights::{ParameterNames, ParameterValue, collect_tensors, load_module, module_tensors};
pub use network_size::activation_bytes;
pub use tensor_file::{HostTensor, TensorFile};
pub use tensor_store::TensorStore;
pub use text_folder::{
    read_clip_text, read_ldm_bert, read_t5_encoder, write_clip_text, write_ldm_bert, write_t5_encoder,
};
pub use text_reader::{TextEncoder, TextFolder, TextReader};
pub use unet_folder::{UNetFolder, read_unet, write_unet};
pub use unet_import::{ImportedUNet, read_unet_config};
pub use unet_weights::{UNetNames, load_unet, unet_tensors};
