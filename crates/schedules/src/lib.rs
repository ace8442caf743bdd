//! Noise schedules of diffusion models: plain `f64` mathematics, no tensors.
//!
//! Every family is one coordinate, `x_t = alpha x0 + sigma eps` ([`NoiseLevel`]). A [`Schedule`] says which levels
//! a model is trained at, a [`Spacing`] which of them a sampler visits, a [`Posterior`] how to go back from one to
//! another, and a [`Weighting`] how much the loss counts at each.
//!
//! ```
//! use schedules::{ScheduleConfig, Spacing};
//! let schedule = ScheduleConfig::default().build(1000)?;
//! let timesteps = Spacing::Trailing.timesteps(1000, 50)?;
//! assert_eq!(timesteps[..3], [999, 979, 959]);
//! assert!(schedule.level(979).snr() < 1e-3);
//! # Ok::<(), schedules::ScheduleError>(())
//! ```

mod betas;
mod curve;
mod edm;
mod error;
mod flow;
mod flow_shift;
mod grid;
mod level;
mod normal;
mod posterior;
mod reverse_chain;
mod schedule;
mod schedule_config;
pub mod sigmas;
mod spacing;
mod spacing_text;
mod walk;
mod weighting;

pub use curve::Curve;
pub use edm::Edm;
pub use error::ScheduleError;
pub use flow::{Flow, FlowTimes};
pub use flow_shift::{FlowShift, stretch_to_terminal};
pub use grid::{Grid, Visit};
pub use level::NoiseLevel;
pub use posterior::{FixedVariance, Posterior};
pub use reverse_chain::{ReverseChain, ReverseStep};
pub use schedule::Schedule;
pub use schedule_config::ScheduleConfig;
pub use spacing::Spacing;
pub use walk::FinalSigma;
pub use weighting::Weighting;
