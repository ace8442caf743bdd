//! One file over HTTP: resumed, verified, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, RANGE};
use ureq::http::{HeaderMap, StatusCode};

use super::{FetchError, PublishedFile};
use crate::fingerprint::hex;

/// Attempts in a row that may bring nothing new before it is left to the user to go on.
const ATTEMPTS: usize = 4;
/// Bytes that an attempt must bring to count as one that goes on, unless they are the last.
const LEAST_PROGRESS: u64 = 1 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Downloads `url` to `folder` under the name of `file`, unless the file is there already.
///
/// Bytes gather in `NAME.part`, from whose end the download goes on after it was cut short. A connection on which nothing
/// comes for as long as `silence` is given up for the next. `progress(bytes there)` is called as bytes arrive.
///
/// # Errors
///
/// When the server refuses or offers another file than the published one, or four attempts in a row bring nothing new.
pub fn download(
    url: &str,
    file: &PublishedFile,
    folder: &Path,
    silence: Duration,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let path = folder.join(file.name);
    if path.is_file() && sha256(&path)? == file.sha256 {
        progress(file.bytes);
        return Ok(());
    }
    let part = folder.join(format!("{}.part", file.name));
    if part.is_symlink() {
        return Err(FetchError::disk(&part, io::Error::other("it is a link: remove it")));
    }
    let transfer = Transfer { agent: agent(silence), url, file, part: &part };
    let begun = transfer.there()?;
    transfer.complete(progress)?;
    match verify(url, file, &part, &path) {
        // What an earlier run left may have spoiled it.
        Err(FetchError::Checksum { .. }) if begun > 0 => {
            transfer.complete(progress)?;
            verify(url, file, &part, &path)
        }
        verified => verified,
    }
}

fn agent(silence: Duration) -> ureq::Agent {
    ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(silence))
            .http_status_as_error(false)
            .user_agent(concat!("anneal/", env!("CARGO_PKG_VERSION")))
            .build(),
    )
}

/// A file that is being downloaded.
struct Transfer<'a> {
    agent: ureq::Agent,
    url: &'a str,
    file: &'a PublishedFile,
    part: &'a Path,
}

impl Transfer<'_> {
    /// Asks for what is missing until as many bytes are there as were published.
    fn complete(&self, progress: &mut dyn FnMut(u64)) -> Result<(), FetchError> {
        let (mut most, mut attempts) = (self.there()?, 0);
        while most < self.file.bytes && attempts < ATTEMPTS {
            self.attempt(self.there()?, progress)?;
            let there = self.there()?;
            attempts = if there >= most + LEAST_PROGRESS { 0 } else { attempts + 1 };
            most = most.max(there);
        }
        let there = self.there()?;
        if there < self.file.bytes {
            return Err(FetchError::Broken { url: self.url.into(), there, bytes: self.file.bytes });
        }
        Ok(())
    }

    /// The bytes of the `.part` file; one that is too long to be a beginning of the published file is removed.
    fn there(&self) -> Result<u64, FetchError> {
        let there = fs::metadata(self.part).map_or(0, |metadata| metadata.len());
        if there > self.file.bytes {
            fs::remove_file(self.part).map_err(|e| FetchError::disk(self.part, e))?;
            return Ok(0);
        }
        Ok(there)
    }

    fn refused(&self, reason: impl ToString) -> FetchError {
        FetchError::Refused { url: self.url.into(), reason: reason.to_string() }
    }

    /// Adds to the `.part` file what comes before the connection ends, however it ends.
    fn attempt(&self, there: u64, progress: &mut dyn FnMut(u64)) -> Result<(), FetchError> {
        let mut request = self.agent.get(self.url);
        if there > 0 {
            request = request.header(RANGE, format!("bytes={there}-"));
        }
        let mut response = request.call().map_err(|e| self.refused(e))?;
        let resumes = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                self.check_range(response.headers(), there)?;
                true
            }
            StatusCode::OK => {
                self.check_length(response.headers())?;
                false
            }
            // What is there is no beginning of that file: start over at the next attempt.
            StatusCode::RANGE_NOT_SATISFIABLE if there > 0 => {
                return fs::remove_file(self.part).map_err(|e| FetchError::disk(self.part, e));
            }
            status => return Err(self.refused(format_args!("the server answered {status}"))),
        };
        let there = if resumes { there } else { 0 };
        let mut options = OpenOptions::new();
        let file = options.create(true).write(true).append(resumes).truncate(!resumes).open(self.part);
        let mut file = file.map_err(|e| FetchError::disk(self.part, e))?;
        let body = response.body_mut().as_reader().take(self.file.bytes - there);
        copy(body, &mut file, there, progress).map_err(|e| FetchError::disk(self.part, e))
    }

    /// Whether the whole file that comes can be the published one.
    fn check_length(&self, headers: &HeaderMap) -> Result<(), FetchError> {
        let bytes = self.file.bytes;
        match header(headers, CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()) {
            Some(length) if length != bytes => {
                Err(self.refused(format_args!("the server has {length} bytes where {bytes} were published")))
            }
            None if header(headers, CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html")) => {
                Err(self.refused("the server answered with a web page instead of the file"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the part that comes begins at byte `there` of a file as long as the published one.
    fn check_range(&self, headers: &HeaderMap, there: u64) -> Result<(), FetchError> {
        let range = header(headers, CONTENT_RANGE).unwrap_or_default();
        let bytes = self.file.bytes;
        if !range.starts_with(&format!("bytes {there}-")) {
            return Err(self.refused("the server sent another part than was asked for"));
        }
        match range.rsplit_once('/').and_then(|(_, total)| total.parse::<u64>().ok()) {
            Some(total) if total != bytes => {
                Err(self.refused(format_args!("the server has {total} bytes where {bytes} were published")))
            }
            _ => Ok(()),
        }
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
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
