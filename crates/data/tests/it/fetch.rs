//! Downloads, from a server that misbehaves on request.
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::{TempDir, folder, gzip};
use data::fetch::{FetchError, PublishedFile, PublishedSet, download, fetch};
use sha2::{Digest, Sha256};

/// Answers every request with `content` or its range, cutting each answer after `limit` bytes.
struct Server {
    url: String,
    /// The `Range` of each request, empty without.
    ranges: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Ranges,
    NoRanges,
    NotFound,
    /// Its answers end without having been announced.
    Unannounced,
    /// The same, as web pages.
    Page,
    /// Connections stay open after `limit` bytes.
    Silent,
}

fn serve(content: Vec<u8>, limit: usize, mode: Mode) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = ranges.clone();
    thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut range = String::new();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                let line = line.unwrap();
                if let Some(("range", value)) = line.to_lowercase().split_once(": ") {
                    range = value.to_string();
                }
                if line.is_empty() {
                    break;
                }
            }
            seen.lock().unwrap().push(range.clone());
            let start: usize = match range.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')) {
                Some(start) if [Mode::Ranges, Mode::Silent].contains(&mode) => start.parse().unwrap(),
                _ => 0,
            };
            let status = match (mode, start) {
                (Mode::NotFound, _) => "404 Not Found".to_string(),
                (_, start) if start >= content.len() => "416 Range Not Satisfiable".to_string(),
                (_, 0) => "200 OK".to_string(),
                _ => format!(
                    "206 Partial Content\r\nContent-Range: bytes {start}-{}/{}",
                    content.len() - 1,
                    content.len()
                ),
            };
            let body = if mode == Mode::NotFound { &[] } else { &content[start.min(content.len())..] };
            let length = match mode {
                Mode::Unannounced => String::new(),
                Mode::Page => "Content-Type: text/html; charset=utf-8\r\n".into(),
                _ => format!("Content-Length: {}\r\n", body.len()),
            };
            let head = format!("HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            let _ = stream.write_all(&body[..body.len().min(limit)]);
            open.extend((mode == Mode::Silent).then_some(stream));
        }
    });
    Server { url, ranges }
}

fn content() -> Vec<u8> {
    (0..100_000u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect()
}

/// What is published, though the server may hold something else.
fn published(content: &[u8], unpack: &'static [&'static str]) -> PublishedFile {
    let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    PublishedFile { name: "file.bin", bytes: content.len() as u64, sha256: digest.leak(), unpack }
}

const SILENCE: Duration = Duration::from_millis(200);

fn get(server: &Server, folder: &Path) -> Result<(), FetchError> {
    download(&format!("{}/file.bin", server.url), &published(&content(), &[]), folder, SILENCE, &mut |_| ())
}

fn names(dir: &TempDir) -> Vec<String> {
    fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_arrives_once() {
    let (dir, server) = (folder(), serve(content(), usize::MAX, Mode::Ranges));
    let mut last = 0;
    let url = format!("{}/file.bin", server.url);
    download(&url, &published(&content(), &[]), dir.path(), SILENCE, &mut |there| last = there).unwrap();
    assert_eq!(last, 100_000);
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
    get(&server, dir.path()).unwrap();
    assert_eq!(server.ranges.lock().unwrap().len(), 1, "what is there was downloaded again");
    assert_eq!(names(&dir), ["file.bin"]);
}

#[test]
fn a_cut_connection_is_resumed_where_it_broke() {
    let (dir, server) = (folder(), serve(content(), 40_000, Mode::Ranges));
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
    assert_eq!(*server.ranges.lock().unwrap(), ["", "bytes=40000-", "bytes=80000-"]);
}

/// Seven connections, each of which brings something.
#[test]
fn attempts_that_go_on_are_not_counted() {
    let (dir, server) = (folder(), serve(content(), 15_000, Mode::Ranges));
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
    assert_eq!(server.ranges.lock().unwrap().len(), 7);
}

#[test]
fn attempts_that_bring_nothing_new_leave_a_part_for_the_next_run() {
    // Without ranges each begins anew.
    let (dir, server) = (folder(), serve(content(), 15_000, Mode::NoRanges));
    let error = get(&server, dir.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("broke off at 15000 of 100000 bytes; run the same command again to go on"),
        "{error}"
    );
    assert_eq!(server.ranges.lock().unwrap().len(), 5);
    assert_eq!(names(&dir), ["file.bin.part"]);
    let server = serve(content(), usize::MAX, Mode::Ranges);
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
    assert_eq!(*server.ranges.lock().unwrap(), ["bytes=15000-"]);
}

#[test]
fn a_connection_that_falls_silent_is_given_up_for_the_next() {
    let (dir, server) = (folder(), serve(content(), 40_000, Mode::Silent));
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
    assert_eq!(*server.ranges.lock().unwrap(), ["", "bytes=40000-", "bytes=80000-"]);
}

#[test]
fn another_length_than_the_published_one_is_refused_before_a_byte_is_kept() {
    for (bytes, mode) in [(50_000, Mode::Ranges), (200_000, Mode::NoRanges), (20, Mode::Ranges)] {
        let (dir, server) = (folder(), serve(content().repeat(2)[..bytes].to_vec(), usize::MAX, mode));
        let error = get(&server, dir.path()).unwrap_err().to_string();
        let expected =
            format!("the server has {bytes} bytes where 100000 were published; check the connection");
        assert!(error.contains(&expected), "{error}");
        assert!(names(&dir).is_empty());
    }
    // The same of a part.
    let (dir, server) = (folder(), serve(content().repeat(2), usize::MAX, Mode::Ranges));
    fs::write(dir.path().join("file.bin.part"), &content()[..500]).unwrap();
    assert!(get(&server, dir.path()).unwrap_err().to_string().contains("the server has 200000 bytes"));
}

#[test]
fn no_more_is_kept_than_was_published() {
    let (dir, server) =
        (folder(), serve([&content()[..], &[7; 9_000_000]].concat(), usize::MAX, Mode::Unannounced));
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
}

#[test]
fn a_web_page_is_no_beginning_of_a_file() {
    let page = b"<html>please log in</html>".to_vec();
    let (dir, server) = (folder(), serve(page.clone(), usize::MAX, Mode::Page));
    let error = get(&server, dir.path()).unwrap_err().to_string();
    assert!(error.contains("the server answered with a web page instead of the file"), "{error}");
    assert!(names(&dir).is_empty());
    // One that does not say what it is spoils the first try of the next run only.
    let server = serve(page, usize::MAX, Mode::Unannounced);
    assert!(matches!(get(&server, dir.path()), Err(FetchError::Broken { there: 26, .. })));
    get(&serve(content(), usize::MAX, Mode::Ranges), dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
}

#[test]
fn a_part_of_something_else_spoils_the_first_try_only() {
    let (dir, server) = (folder(), serve(content(), usize::MAX, Mode::Ranges));
    fs::write(dir.path().join("file.bin.part"), [1; 500]).unwrap();
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
    assert_eq!(*server.ranges.lock().unwrap(), ["bytes=500-", ""]);
}

#[cfg(unix)]
#[test]
fn a_part_that_is_a_link_is_not_followed() {
    let (dir, server) = (folder(), serve(content(), usize::MAX, Mode::Ranges));
    std::os::unix::fs::symlink(dir.path().join("victim"), dir.path().join("file.bin.part")).unwrap();
    assert!(get(&server, dir.path()).unwrap_err().to_string().contains("file.bin.part: it is a link"));
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (dir, server) = (folder(), serve(content(), usize::MAX, Mode::NoRanges));
    fs::write(dir.path().join("file.bin.part"), [1; 500]).unwrap();
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
}

#[test]
fn a_wrong_checksum_is_refused_and_removed() {
    let mut other = content();
    other[70_000] ^= 1;
    let (dir, server) = (folder(), serve(other, usize::MAX, Mode::Ranges));
    let error = get(&server, dir.path()).unwrap_err().to_string();
    assert!(error.contains("file.bin is not the published file: its sha256 is "), "{error}");
    assert!(error.ends_with("it was removed: name another server with --mirror URL"), "{error}");
    assert!(names(&dir).is_empty());
}

#[test]
fn a_part_longer_than_the_file_is_removed() {
    let (dir, server) = (folder(), serve(content(), usize::MAX, Mode::Ranges));
    fs::write(dir.path().join("file.bin.part"), [1; 100_001]).unwrap();
    get(&server, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("file.bin")).unwrap(), content());
}

#[test]
fn a_missing_file_and_a_missing_server_are_named() {
    let (dir, server) = (folder(), serve(content(), usize::MAX, Mode::NotFound));
    let error = get(&server, dir.path()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "failed to download {}/file.bin: the server answered 404 Not Found; \
             check the connection, or name another server with --mirror URL",
            server.url
        )
    );
    let nobody = Server { url: "http://127.0.0.1:1".into(), ranges: Arc::default() };
    let error = get(&nobody, dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("failed to download http://127.0.0.1:1/file.bin: "), "{error}");
    assert!(names(&dir).is_empty());
}

#[test]
fn an_archive_is_unpacked_and_nothing_else_of_it() {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, byte) in [("set/a.bin", 1u8), ("set/b.bin", 2), ("set/readme.html", 3)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, &[byte; 4][..]).unwrap();
    }
    let archive = gzip(&tar.into_inner().unwrap());
    let files: &'static [PublishedFile] = vec![published(&archive, &["a.bin", "b.bin"])].leak();
    let set = PublishedSet { name: "set", url: "http://127.0.0.1:1", files, config: "" };
    let (dir, server) = (folder(), serve(archive, usize::MAX, Mode::Ranges));
    let target = dir.path().join("new/folder");
    fetch(&set, &target, Some(&format!("{}/", server.url)), &mut |_, _| ()).unwrap();
    assert_eq!(fs::read(target.join("b.bin")).unwrap(), [2; 4]);
    assert!(!target.join("readme.html").exists());
}
