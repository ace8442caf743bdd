//! One file per source of images or points.

mod cifar10;
mod csv;
mod dead_leaves;
mod digits;
mod folder;
mod heartbeat;
mod idx;
#[cfg(feature = "parquet")]
mod parquet;
mod parquet_config;
mod swiss_roll;
mod swiss_roll_law;

pub use cifar10::Cifar10Config;
pub use csv::CsvConfig;
pub use dead_leaves::DeadLeavesConfig;
pub use digits::DigitsConfig;
pub use folder::FolderConfig;
pub use heartbeat::HeartbeatConfig;
pub use idx::IdxConfig;
pub use parquet_config::{ParquetConfig, ShardFiles};
pub use swiss_roll::SwissRollConfig;
pub use swiss_roll_law::Unknown;

use crate::config::SourceConfig;
use crate::error::DataError;
use crate::points::OpenedPoints;
use crate::records::Opened;

/// A source as its reader found it.
pub(crate) enum Source {
    Pictures(Box<Opened>),
    Points(OpenedPoints),
}

impl SourceConfig {
    pub(crate) fn open(&self) -> Result<Source, DataError> {
        let pictures = match self {
            Self::Digits(config) => config.open(),
            Self::Idx(config) => config.open(),
            Self::Cifar10(config) => config.open(),
            #[cfg(feature = "parquet")]
            Self::Parquet(config) => config.open(),
            #[cfg(not(feature = "parquet"))]
            Self::Parquet(_) => Err(DataError::Feature { feature: "parquet" }),
            Self::Folder(config) => config.open(),
            Self::DeadLeaves(config) => config.open(),
            Self::Csv(config) => return config.open().map(Source::Points),
            Self::SwissRoll(config) => return config.open().map(Source::Points),
            Self::Heartbeat(config) => return config.open().map(Source::Points),
        };
        pictures.map(|opened| Source::Pictures(Box::new(opened)))
    }
}
