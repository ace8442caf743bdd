//! Denoising diffusion on Burn tensors: forward process, parameterizations, loss, denoisers, solvers and the one
//! sampling loop.
//!
//! Tensors are images `[B, C, H, W]` in `[-1, 1]`. Randomness is always passed in. A [`Denoiser`] turns a noisy
//! image and its level into a clean one; a [`Solver`] makes one step between two levels out of it; [`sample`] walks
//! down a list of levels and reports every step to an observer.

mod ancestral;
mod ddim;
mod denoiser;
mod error;
mod forward;
mod guidance;
mod image_noise;
mod loss;
mod network;
mod parameterization;
mod sample;
mod sampler;
mod solver;

pub use ancestral::Ancestral;
pub use ddim::Ddim;
pub use denoiser::{ClipX0, Denoiser};
pub use error::DiffusionError;
pub use forward::{Levels, markov_step, q_sample};
pub use guidance::ClassifierFree;
pub use image_noise::ImageNoise;
pub use loss::{per_image_loss, target_weights};
pub use network::NetworkDenoiser;
pub use parameterization::Parameterization;
pub use sample::{Step, sample};
pub use sampler::SamplerConfig;
pub use solver::{Solver, SolverConfig};
