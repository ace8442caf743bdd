//! The configuration of Hugging Face parquet shards, which every build understands.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Parquet shards as Hugging Face data sets have them: an image column of `struct<bytes, path>` or of raw bytes,
/// and, if wanted, a column of labels: text, or whole numbers whose names are taken from the file's metadata.
///
/// The encoded images of the row groups last used are kept in memory, up to 1 GiB, and each image is decoded when
/// it is used. A larger set works, but training takes images in random order, so that most of them cost the
/// reading of a row group: such a set is better unpacked into a folder.
///
/// Needs the cargo feature `parquet`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParquetConfig {
    /// The shards; of a folder, those called `train-*.parquet`, `train.parquet` or `train/*.parquet`, there or in its folders
    /// `data` and `default`, or else all that are not called as validation shards are.
    pub files: ShardFiles,
    /// The validation shards; of a folder, those called alike after `validation`, `valid`, `val`, `dev` or `test`. A
    /// share of `files` serves without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_files: Option<ShardFiles>,
    /// The column of images; `image` or `img`, whichever is there, without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_column: Option<String>,
    /// The column of labels; the set has no classes without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// The column of captions; `text` or `caption`, if one of them is there, without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption_column: Option<String>,
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
