//! Downloads of published data sets (feature `fetch`).
//!
//! Files are downloaded to `NAME.part`, resumed from there when they were cut short, verified by SHA-256 and only
//! then given their name.

mod catalogue;
mod download;
mod unpack;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use catalogue::{PublishedFile, PublishedSet, published, published_names};
pub use download::download;

/// How long a connection may stay silent before it is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// Downloads, verifies and where needed unpacks `set` into `folder`; what is already there is kept.
///
/// `mirror` replaces the address of the folder that the files are published in. `progress(file, bytes there)` is
/// called as bytes arrive.
///
/// # Errors
///
/// When a file cannot be had; running it again goes on where it stopped.
pub fn fetch(
    set: &PublishedSet,
    folder: &Path,
    mirror: Option<&str>,
    progress: &mut dyn FnMut(&PublishedFile, u64),
) -> Result<(), FetchError> {
    std::fs::create_dir_all(folder).map_err(|e| FetchError::disk(folder, e))?;
    let base = mirror.unwrap_or(set.url).trim_end_matches('/');
    for file in set.files {
        let url = format!("{base}/{}", file.name);
        download(&url, file, folder, SILENCE, &mut |there| progress(file, there))?;
        if !file.unpack.is_empty() {
            unpack::unpack(&folder.join(file.name), file.unpack, folder)?;
        }
    }
    Ok(())
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server refused or could not be reached.
    #[error(
        "failed to download {url}: {reason}; check the connection, or name another server with --mirror URL"
    )]
    Refused {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },

    /// The last attempts brought nothing new.
    #[error(
        "the download of {url} broke off at {there} of {bytes} bytes; run the same command again to go on"
    )]
    Broken {
        /// The address.
        url: String,
        /// Bytes that are kept in the `.part` file.
        there: u64,
        /// Bytes of the whole file.
        bytes: u64,
    },

    /// The file is not the published one.
    #[error(
        "{url} is not the published file: its sha256 is {found}, not {expected}; \
         it was removed: name another server with --mirror URL"
    )]
    Checksum {
        /// The address.
        url: String,
        /// The SHA-256 of what arrived.
        found: String,
        /// The published one.
        expected: &'static str,
    },

    /// An archive that does not hold what it should.
    #[error("failed to unpack {path}: {reason}")]
    Unpack {
        /// The archive.
        path: PathBuf,
        /// Why.
        reason: String,
    },

    /// A file or folder cannot be read or written.
    #[error("failed to write {path}: {reason}")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

impl FetchError {
    fn disk(path: &Path, reason: io::Error) -> Self {
        Self::Disk { path: path.into(), reason }
    }
}
