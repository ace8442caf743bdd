//! Points by a denoiser, as a [`System`](crate::System): what DDPM and its solvers do where a picture is two numbers.

mod bound;
mod config;
mod model;
mod network;
mod picture;
mod system;

pub use config::PointRunConfig;
pub use model::TrainedPoints;
pub use network::{PointNet, PointNetConfig};
pub use picture::{PointWalk, draw_points};
pub use system::PointSystem;
