//! How far two sets of images are apart, and what a set leaves out.
//!
//! Everything here compares rows of numbers, [`Features`]: a classifier's, Inception's, or pixels. Nothing is known of
//! runs, networks or files, and nothing runs on a device.
//!
//! ```
//! use metrics::{Features, Gaussian, frechet_distance};
//!
//! let at = |offset: f32| Features::new((0..40).map(|i| offset + (i as f32).sin()).collect(), 2);
//! let near = frechet_distance(&Gaussian::fit(&at(0.0)?)?, &Gaussian::fit(&at(0.1)?)?)?;
//! assert!((near - 0.02).abs() < 1e-6); // 0.1 in each of two directions, squared
//! # Ok::<(), metrics::MetricError>(())
//! ```

mod class_histogram;
mod error;
mod features;
mod frechet;
mod gaussian;
mod kernel_distance;
mod manifold;
mod memorisation;
mod neighbours;
mod pixel_mmd;

pub use class_histogram::ClassHistogram;
pub use error::MetricError;
pub use features::Features;
pub use frechet::frechet_distance;
pub use gaussian::Gaussian;
pub use kernel_distance::{KernelDistance, Subsets, kernel_distance};
pub use manifold::{DensityCoverage, PrecisionRecall, density_coverage, precision_recall};
pub use memorisation::{Memorisation, memorisation};
pub use pixel_mmd::{PixelMmd, pixel_mmd};
