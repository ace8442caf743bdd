//! Data sets, batches and files of images.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod batches;
mod common;
#[cfg(feature = "emoji")]
mod emoji;
mod errors;
#[cfg(feature = "fetch")]
mod fetch;
mod fingerprints;
mod folders;
#[cfg(feature = "parquet")]
mod parquet;
mod png_files;
mod readers;
