//! Sohl-Dickstein et al. 2015 as a [`System`](crate::System).

mod batches;
mod bound;
mod config;
mod heartbeat_limit;
mod limit;
mod model;
mod noise;
mod picture;
mod system;

pub use batches::DpmBatch;
pub use config::DpmRunConfig;
pub use model::TrainedDpm;
pub use noise::StateNoise;
pub use picture::{draw_states, trajectories};
pub use system::DpmSystem;
