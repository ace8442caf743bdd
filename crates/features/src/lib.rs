//! Networks that look at images, by whose activations others compare them: the in-house classifier, and LPIPS.
//!
//! The in-house [`Classifier`] is trained by this tool on the data that is judged; nothing is downloaded. Where the data have
//! no classes, it learns to tell [`QuarterTurns`]. [`Perceptual`] says how far two images look from each other.

mod classifier;
mod classifier_trunk;
mod error;
mod examples;
mod lpips;
mod perceptual;
mod quarter_turns;

pub use classifier::{CLASSIFIER_VERSION, Classifier, ClassifierTraining};
pub use classifier_trunk::ClassifierTrunk;
pub use error::FeatureError;
pub use examples::{Examples, Labelled};
pub use lpips::{LPIPS_LEAST_SIDE, Lpips};
pub use perceptual::Perceptual;
pub use quarter_turns::QuarterTurns;
