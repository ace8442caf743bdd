//! The configuration of Hugging Face parquet shards, which every build understands.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Parquet shards as Hugging Face data sets have them: an image column of `struct<bytes, path>` or of raw bytes,
/// and, if wanted, a column of whole-number labels, whose names are taken from the file's metadata.
///
/// The encoded images of the row groups last used are kept in memory, up to 1 GiB, and each image is decoded when
/// it is used. A larger set works, but training takes images in random order, so that most of them cost the
/// reading of a row group: such a set is better unpacked into a folder.
///
/// Needs the cargo feature `parquet`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParquetConfig {
    /// The shards; of a folder, those called `train-*.parquet`.
    pub files: ShardFiles,
    /// The validation shards; of a folder, those called `validation-*.parquet` or else `test-*.parquet`. A share
    /// of `files` serves without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_files: Option<ShardFiles>,
    /// The column of images; `image` or `img`, whichever is there, without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_column: Option<String>,
    /// The column of labels; the set has no classes without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
}

/// Which shards: in TOML a string or a list of strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShardFiles {
    /// A folder, a file, or a pattern with `*`.
    Pattern(String),
    /// Files, in this order.
    List(Vec<PathBuf>),
}
