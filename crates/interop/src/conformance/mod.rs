//! Recorded cases of the reference library, run here.
//!
//! A case is a folder with a `case.json`, the library's own files (configurations, weights) and `io.safetensors` with the
//! recorded inputs and outputs. [`find_cases`] finds them, [`Case::run`] runs one.

mod asked;
mod autoencoder;
mod case;
mod closed_forms;
mod comparison;
mod last_digit;
mod pipelines;
mod prompts;
mod recorded_noise;
mod report;
mod schedulers;
mod tables;
mod text;
mod toy;
mod train_step;
mod unet2d;

pub use case::{Case, find_cases};
pub use comparison::Comparison;
pub use report::{Outcome, Report};
