//! Noise schedules of diffusion models: plain `f64` mathematics, no tensors.
//!
//! Every family is one coordinate, `x_t = alpha x0 + sigma eps` ([`NoiseLevel`]). A [`Schedule`] says which levels
//! a model is trained at, a [`Spacing`] which of them a sampler visits, a [`Posterior`] how to go back from one to
//! another, and a [`Weighting`] how much the loss counts at each.
//!
//! ```
//! use schedules::{ScheduleConfig, Spacing};
//! let schedule = ScheduleConfig::default().build(1000)?;
//! let timesteps = Spacing::Leading.timesteps(1000, 50)?;
//! assert_eq!(timesteps[..3], [980, 960, 940]);
//! assert!(schedule.level(980).snr() < 1e-3);
//! # Ok::<(), schedules::ScheduleError>(())
//! ```

mod error;
mod level;
mod posterior;
mod schedule;
mod spacing;
mod weighting;

pub use error::ScheduleError;
pub use level::NoiseLevel;
pub use posterior::{FixedVariance, Posterior};
pub use schedule::{Schedule, ScheduleConfig};
pub use spacing::Spacing;
pub use weighting::Weighting;
