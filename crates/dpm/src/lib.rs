//! Diffusion probabilistic models as they began: J. Sohl-Dickstein, E. Weiss, N. Maheswaranathan, S. Ganguli, "Deep
//! unsupervised learning using nonequilibrium thermodynamics", 2015 (arXiv 1503.03585).
//!
//! A [`Chain`] turns data into noise, step by step; a [`Dpm`] is one whose steps back a network has learnt. It is measured
//! by the paper's bound K on the log-likelihood ([`Reverse::bound`]) and drawn from by [`Dpm::sample`].
//!
//! Data are tensors `[G, N, D]`: G groups of N states of D values, each group at its own step t of the chain, `1..=T` as
//! in the paper. Time and randomness are always passed in.

mod activation;
mod binomial;
mod bumps;
mod chain;
mod error;
mod factor;
mod gaussian;
mod init;
mod kernel;
mod learned_betas;
mod memory;
mod mlp;
mod model;
mod multiscale;
mod network;
mod rbf;
mod readout;
mod reverse;
mod sample;

pub use activation::Activation;
pub use binomial::BinomialSteps;
pub use bumps::{Bumps, TimeScale};
pub use chain::{Chain, ChainConfig, Steps};
pub use error::DpmError;
pub use factor::Factor;
pub use gaussian::{GaussianSteps, MeanForm};
pub use kernel::Kernel;
pub use learned_betas::LearnedBetas;
pub use mlp::MlpConfig;
pub use model::{Dpm, DpmConfig};
pub use multiscale::MultiScaleConfig;
pub use network::NetworkConfig;
pub use readout::ReadoutConfig;
pub use reverse::Reverse;
pub use sample::Sampled;
