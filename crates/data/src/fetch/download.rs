//! One file over HTTP: resumed, verified, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::header::{CONTENT_RANGE, RANGE};
use ureq::http::{HeaderMap, StatusCode};

use super::{FetchError, PublishedFile};
use crate::fingerprint::hex;

/// Connections that may break before it is left to the user to go on.
const ATTEMPTS: usize = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Downloads `url` to `folder` under the name of `file`, unless the file is there already.
///
/// Bytes gather in `NAME.part`, from whose end the download goes on after it was cut short. `progress(bytes there)`
/// is called as bytes arrive.
///
/// # Errors
///
/// When the server refuses, the connection breaks four times, or the file is not the published one.
pub fn download(
    url: &str,
    file: &PublishedFile,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let path = folder.join(file.name);
    if path.is_file() && sha256(&path)? == file.sha256 {
        progress(file.bytes);
        return Ok(());
    }
    let part = folder.join(format!("{}.part", file.name));
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(CONNECT_TIMEOUT))
            .http_status_as_error(false)
            .user_agent(concat!("anneal/", env!("CARGO_PKG_VERSION")))
            .build(),
    );
    let mut there = length(&part);
    for _ in 0..ATTEMPTS {
        if there < file.bytes {
            transfer(&agent, url, &part, there, progress)?;
        }
        there = length(&part);
        if there >= file.bytes {
            return verify(url, file, &part, &path);
        }
    }
    Err(FetchError::Broken { url: url.into(), there, bytes: file.bytes })
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Adds to `part` what comes before the connection ends, however it ends.
fn transfer(
    agent: &ureq::Agent,
    url: &str,
    part: &Path,
    there: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let refused = |reason: String| FetchError::Refused { url: url.into(), reason };
    let mut request = agent.get(url);
    if there > 0 {
        request = request.header(RANGE, format!("bytes={there}-"));
    }
    let mut response = request.call().map_err(|e| refused(e.to_string()))?;
    let resumes = match response.status() {
        StatusCode::PARTIAL_CONTENT => starts_at(response.headers(), there),
        StatusCode::OK => false,
        // What is there is no beginning of that file: start over at the next attempt.
        StatusCode::RANGE_NOT_SATISFIABLE if there > 0 => {
            return fs::remove_file(part).map_err(|e| FetchError::disk(part, e));
        }
        status => return Err(refused(format!("the server answered {status}"))),
    };
    if response.status() == StatusCode::PARTIAL_CONTENT && !resumes {
        return Err(refused("the server sent another part than was asked for".into()));
    }
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumes)
        .truncate(!resumes)
        .open(part)
        .map_err(|e| FetchError::disk(part, e))?;
    copy(response.body_mut().as_reader(), &mut file, if resumes { there } else { 0 }, progress)
        .map_err(|e| FetchError::disk(part, e))
}

/// Whether the part of a file that comes begins at byte `there`.
fn starts_at(headers: &HeaderMap, there: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {there}-")))
}

/// Copies until the end or until the connection breaks; only failures to write are errors.
fn copy(mut from: impl Read, to: &mut File, mut there: u64, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        to.write_all(&buffer[..read])?;
        there += read as u64;
        progress(there);
    }
    Ok(())
}

fn verify(url: &str, file: &PublishedFile, part: &Path, path: &Path) -> Result<(), FetchError> {
    let found = sha256(part)?;
    if found != file.sha256 {
        fs::remove_file(part).map_err(|e| FetchError::disk(part, e))?;
        return Err(FetchError::Checksum { url: url.into(), found, expected: file.sha256 });
    }
    fs::rename(part, path).map_err(|e| FetchError::disk(path, e))
}

fn sha256(path: &Path) -> Result<String, FetchError> {
    let mut hash = Sha256::new();
    let mut file = File::open(path).map_err(|e| FetchError::disk(path, e))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(|e| FetchError::disk(path, e))? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}
