//! One file per source of images.

mod cifar10;
mod digits;
mod folder;
mod idx;
#[cfg(feature = "parquet")]
mod parquet;
mod parquet_config;
#[cfg(feature = "parquet")]
mod row_groups;

pub use cifar10::Cifar10Config;
pub use digits::DigitsConfig;
pub use folder::FolderConfig;
pub use idx::IdxConfig;
pub use parquet_config::{ParquetConfig, ShardFiles};

use crate::config::SourceConfig;
use crate::error::DataError;
use crate::records::Opened;

impl SourceConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        match self {
            Self::Digits(config) => config.open(),
            Self::Idx(config) => config.open(),
            Self::Cifar10(config) => config.open(),
            #[cfg(feature = "parquet")]
            Self::Parquet(config) => config.open(),
            #[cfg(not(feature = "parquet"))]
            Self::Parquet(_) => Err(DataError::Feature { feature: "parquet" }),
            Self::Folder(config) => config.open(),
        }
    }
}
