//! Model folders that draw images from prompts: Stable Diffusion 1, 2 and XL, its upscaler, IF, and latent diffusion.
//!
//! A [`Pipeline`] is a folder with a `model_index.json`, taken apart: text encoders, a network, a scheduler, and a first
//! stage that decodes what the network draws. What is drawn is a [`Drawing`].

mod begin;
mod beside;
mod blending;
mod channels;
mod conditions;
mod defaults;
mod draw;
mod drawing;
mod error;
mod facts;
mod first_stage;
mod folder;
mod index;
mod kind;
mod not_a_folder;
mod outdated;
mod text_stage;

pub use defaults::{Defaults, Task};
pub use drawing::{Drawing, Embeddings, Guidance, ImageSizes, Start};
pub use error::PipelineError;
pub use facts::PipelineFacts;
pub use first_stage::FirstStage;
pub use folder::Pipeline;
pub use index::ModelIndex;
pub use kind::PipelineKind;
pub use text_stage::TextStage;
