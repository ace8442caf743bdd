//! Tiny data sets in temporary folders.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use data::{DataError, DatasetConfig, Picture, Splits};
use flate2::Compression;
use flate2::write::GzEncoder;

pub use tempfile::TempDir;

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A configuration from TOML in which `DIR` stands for the folder.
pub fn config(folder: &Path, text: &str) -> DatasetConfig {
    toml::from_str(&text.replace("DIR", &folder.display().to_string())).unwrap()
}

pub fn open(folder: &Path, text: &str) -> Result<Splits, DataError> {
    config(folder, text).open(false)
}

/// The message of the error that opening must end in, with `DIR` for the folder.
pub fn error(folder: &Path, text: &str) -> String {
    let error = open(folder, text).expect_err("it must not open");
    error.to_string().replace(&folder.display().to_string(), "DIR")
}

pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// IDX content: magic number, lengths, bytes.
pub fn idx(magic: u32, lengths: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut content = magic.to_be_bytes().to_vec();
    lengths.iter().for_each(|length| content.extend(length.to_be_bytes()));
    content.extend(bytes);
    content
}

/// `count` images of 4x4, each filled with its number, and labels 0, 1, 2, 0, ...
pub fn write_idx(folder: &Path, count: u8) {
    let pixels: Vec<u8> = (0..count).flat_map(|i| [i; 16]).collect();
    let labels: Vec<u8> = (0..count).map(|i| i % 3).collect();
    write(folder, "images", &idx(0x803, &[count.into(), 4, 4], &pixels));
    write(folder, "labels", &idx(0x801, &[count.into()], &labels));
}

pub const IDX: &str =
    "type = \"idx\"\nimages = \"DIR/images\"\nlabels = \"DIR/labels\"\nvalid_fraction = 0.0";

/// A PNG file of one colour.
pub fn write_png(folder: &Path, name: &str, size: usize, colour: &[u8]) {
    let path = write(folder, name, &[]);
    Picture::filled(size, size, colour).write_png(&path, &[]).unwrap();
}

/// Twelve RGB images of 6x6 in three classes, the red value counting up.
pub fn write_classes(folder: &Path) {
    for i in 0..12u8 {
        let class = ["ant", "bee", "cat"][usize::from(i) / 4];
        write_png(folder, &format!("{class}/{i:02}.png"), 6, &[i, 100, 200]);
    }
}

/// The first pixel's first channel as a byte, for sets whose images are told apart by it.
pub fn mark(picture: &Picture) -> u8 {
    picture.at(0, 0)[0]
}
