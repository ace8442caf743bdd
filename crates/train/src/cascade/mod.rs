//! Cascaded diffusion (Ho et al. 2021, arXiv 2106.15282): a model of small images and super-resolution stages above it,
//! each trained by itself, with conditioning augmentation between them.
//!
//! The first stage is a run like any other; the others are [`SuperResolution`] systems. A [`CascadeConfig`] is the one
//! file from which all are trained, a [`TrainedCascade`] what is sampled from.

mod config;
mod draft;
mod low_resolution;
mod low_resolution_config;
mod model;
mod preparation;
mod preview;
mod run;
mod session;
mod stage_walk;
mod super_resolution;
mod super_resolution_config;
mod trained;

pub(crate) use config::CASCADE;
pub use config::{CascadeConfig, StageConfig};
pub use draft::Stage;
pub use low_resolution::LowResolution;
pub use low_resolution_config::LowResolutionConfig;
pub use model::SuperResolutionModel;
pub use preparation::SuperResolutionBatch;
pub use run::CascadeDir;
pub use session::CascadeSession;
pub use stage_walk::{StageWalk, Walked};
pub use super_resolution::SuperResolution;
pub(crate) use super_resolution_config::SUPER_RESOLUTION;
pub use super_resolution_config::SuperResolutionConfig;
pub use trained::{Augmentation, CascadePlan, TrainedCascade};
