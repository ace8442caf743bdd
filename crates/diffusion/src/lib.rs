//! Denoising diffusion on Burn tensors: forward process, parameterizations, loss, denoisers, solvers and the one
//! sampling loop.
//!
//! Tensors are images `[B, C, H, W]` in `[-1, 1]`. Randomness is always passed in. A [`Denoiser`] turns a noisy
//! image and its level into a clean one; a [`Solver`] makes one step between two levels out of it; [`sample`] walks
//! down a list of levels and reports every step to an observer. [`likelihood`] says how likely a model holds images to be.

mod adams;
mod ancestral;
mod boundary;
mod churn;
mod classifier;
mod consistency;
mod ddim;
mod denoiser;
mod dpm_multistep;
mod dpm_sde;
mod dpm_singlestep;
mod error;
mod euler;
mod exponential;
mod forward;
mod guidance;
mod heun;
mod image_noise;
mod ipndm;
mod known;
pub mod likelihood;
mod limit;
mod lms;
mod loss;
mod mean_perturbation;
mod midpoint;
mod network;
mod parameterization;
mod partial_noising;
mod pndm;
mod polynomial;
mod repaint;
mod reverse_variance;
mod sample;
mod sampler;
mod solver;
mod solver_config;
mod tcd;
mod unipc;

pub use ancestral::Ancestral;
pub use boundary::ConsistencyBoundary;
pub use churn::Churn;
pub use classifier::{ClassifierGuided, LogProbability};
pub use consistency::Consistency;
pub use ddim::Ddim;
pub use denoiser::{Denoiser, LearnedVariance, Prediction};
pub use dpm_multistep::{DpmMultistep, DpmMultistepConfig};
pub use dpm_sde::DpmSde;
pub use dpm_singlestep::{DpmSinglestep, DpmSinglestepConfig};
pub use error::DiffusionError;
pub use euler::Euler;
pub use exponential::Smooth;
pub use forward::{Levels, markov_step, q_sample};
pub use guidance::ClassifierFree;
pub use heun::Heun;
pub use image_noise::ImageNoise;
pub use ipndm::Ipndm;
pub use known::Known;
pub use limit::{Limit, LimitX0};
pub use lms::Lms;
pub use loss::{per_image_loss, target_weights};
pub use mean_perturbation::MeanPerturbed;
pub use midpoint::Midpoint;
pub use network::{NetworkDenoiser, VarianceOutput};
pub use parameterization::Parameterization;
pub use partial_noising::{noised, remaining_levels};
pub use pndm::{Pndm, WarmUp};
pub use polynomial::Polynomial;
pub use repaint::{RePaint, RePaintConfig};
pub use reverse_variance::ReverseVariance;
pub use sample::{Step, sample};
pub use sampler::SamplerConfig;
pub use solver::{Solver, Stage};
pub use solver_config::SolverConfig;
pub use tcd::Tcd;
pub use unipc::{Bh, UniPc, UniPcConfig};
