//! Classifiers of noisy images as a [`System`](crate::System): what classifier guidance follows (Dhariwal & Nichol 2021, section
//! 4).

mod config;
mod model;
mod preview;
mod system;

pub use config::{ClassifierRunConfig, NoiseConfig};
pub use model::{ClassGradient, TrainedClassifier};
pub use system::ClassifierSystem;
