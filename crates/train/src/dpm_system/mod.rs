//! Sohl-Dickstein et al. 2015 as a [`System`](crate::System).

mod batches;
mod bound;
mod config;
mod model;
mod noise;
mod picture;
mod plot;
mod standardize;
mod system;

pub use batches::DpmBatch;
pub use bound::Bound;
pub use config::DpmRunConfig;
pub use model::TrainedDpm;
pub use noise::StateNoise;
pub use picture::{draw_states, trajectories};
pub use standardize::Standardize;
pub use system::DpmSystem;
