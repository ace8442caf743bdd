//! Mutations of files whose format is not taken apart.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

/// Changes a few bytes, numbers or pieces.
pub fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.extend_from_slice(b"\0");
    }
    // Headers are short and decide the most.
    let end = if rng.bool() { bytes.len() } else { bytes.len().min(64) };
    let at = rng.usize(..end);
    match rng.u8(0..8) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << rng.u8(0..8),
        2 => bytes[at] = rng.u8(..),
        3 => overwrite(bytes, at, &number(rng)),
        4 => drop(bytes.drain(at..(at + rng.usize(1..9)).min(bytes.len()))),
        5 => drop(bytes.splice(at..at, bytes[at..(at + 64).min(bytes.len())].to_vec())),
        6 => overwrite(bytes, at, &[0; 16]),
        _ => bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(16)),
    }
}

/// A whole number of 2, 4 or 8 bytes, of either order.
fn number(rng: &mut Rng) -> Vec<u8> {
    const NUMBERS: [u64; 12] = [
        0,
        1,
        2,
        0x7fff,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0xffff_ffff,
        1 << 32,
        i64::MAX as u64,
        1 << 63,
        u64::MAX,
    ];
    let bytes = NUMBERS[rng.usize(..NUMBERS.len())].to_le_bytes();
    let mut bytes = bytes[..[2, 4, 8][rng.usize(..3)]].to_vec();
    if rng.bool() {
        bytes.reverse();
    }
    bytes
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    let end = (at + with.len()).min(bytes.len());
    bytes[at..end].copy_from_slice(&with[..end - at]);
}

/// Puts something else where a file is: nothing, a folder, a link, an empty file, a pointer of Git LFS.
///
/// # Errors
///
/// If it cannot be written.
pub fn replace_file(path: &Path, rng: &mut Rng) -> Result<()> {
    let context = || format!("failed to replace {}", path.display());
    fs::remove_file(path).with_context(context)?;
    match rng.u8(0..6) {
        0 => Ok(()),
        1 => fs::create_dir(path),
        2 => link(path, path),
        3 => link(Path::new(".."), path),
        4 => fs::write(path, ""),
        _ => fs::write(path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n"),
    }
    .with_context(context)
}

#[cfg(unix)]
fn link(to: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, path)
}

#[cfg(not(unix))]
fn link(_: &Path, path: &Path) -> std::io::Result<()> {
    fs::write(path, "")
}
