//! Image data sets for diffusion models: readers, deterministic batches, pixels and image grids.
//!
//! ```
//! use data::{Batches, DatasetConfig};
//! use random::Seed;
//!
//! let digits = DatasetConfig::default().open(false)?;
//! assert_eq!(digits.image_shape(), [1, 8, 8]);
//! let batches = Batches::new(digits.train.clone(), 4, Seed(0))?;
//! let batch = batches.batch(100)?; // depends on (seed, step) alone
//! assert_eq!(batch.shape, [4, 1, 8, 8]);
//! # Ok::<(), data::DataError>(())
//! ```
//!
//! Four rules hold throughout. Only [`pixels`] converts between bytes and [-1, 1]. A batch is a function of
//! (seed, step), so that workers and resumption change nothing. Images are decoded when they are used, so that
//! memory does not grow with the set. Every error names the file and what mends it.

mod atomic;
mod batches;
mod check;
mod config;
mod content;
mod decode;
#[cfg(feature = "emoji")]
pub mod emoji;
mod encoded;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
mod fingerprint;
mod fit;
pub mod grid;
mod jpeg_end;
pub mod law;
mod left_out;
mod lettering;
mod picture;
pub mod pixels;
mod png_file;
mod png_palette;
mod points;
pub mod prefetch;
mod readers;
mod records;
pub mod resample;
mod set;
mod splits;
mod survey;

pub use atomic::write_atomically;
pub use batches::{Batches, HostBatch};
pub use check::Skipped;
pub use config::{Channels, DatasetConfig, ImageOptions, SourceConfig};
pub use decode::{read_image, read_picture};
pub use encoded::ReadEncoded;
pub use error::DataError;
pub use grid::{Captions, Grid};
pub use picture::Picture;
pub use png_file::read_png_text;
pub use prefetch::Prefetch;
pub use readers::{
    Cifar10Config, CsvConfig, DeadLeavesConfig, DigitsConfig, FolderConfig, HeartbeatConfig, IdxConfig,
    ParquetConfig, ShardFiles, SwissRollConfig, Unknown,
};
pub use resample::Upsampling;
pub use set::{ImageItem, ImageSet};
pub use splits::Splits;
pub use survey::Survey;
