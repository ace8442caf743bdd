//! Folders in the diffusers layout: recorded, written and read back, and damaged.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod autoencoders;
mod cases;
mod conditions;
mod damage;
mod inpainting;
mod latent_export;
mod names;
mod outdated;
mod pipelines;
mod published;
mod round_trip;
mod shards;
mod text;

use std::fs;
use std::path::Path;

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
