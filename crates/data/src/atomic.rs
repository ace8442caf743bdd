//! Files that appear whole or not at all.

use std::collections::HashSet;
use std::fmt::Display;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::{Builder, NamedTempFile};

use crate::error::DataError;

/// What names of temporary files begin and end with; what is between them is random.
const PREFIX: &str = ".anneal-";
const SUFFIX: &str = ".tmp";
/// Links that are followed one after the other.
const MOST_LINKS: usize = 40;

/// Writes `path` through a temporary file beside it, which takes its name when `write` has succeeded and the bytes
/// are on the disk.
///
/// The temporary file is new, has a random name and is locked while it is written: a link that lies in its way is not
/// followed, and what a killed process left in the folder is removed before this process first writes there. An existing
/// file keeps its permissions; of a link, the file that it leads to is written.
///
/// # Errors
///
/// What `write` or the file system says, and if `path` is there and is write-protected or no regular file; `path` is then as
/// it was.
pub fn write_atomically<E: Display>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), DataError> {
    let failed = |reason: String| DataError::Write { path: path.to_path_buf(), reason };
    let target = behind_links(path).map_err(|e| failed(e.to_string()))?;
    if target.file_name().is_none() {
        return Err(failed("it names no file".into()));
    }
    let there = fs::metadata(&target).ok();
    match &there {
        Some(there) if !there.is_file() => return Err(failed("it is there and is no regular file".into())),
        Some(there) if there.permissions().readonly() => return Err(failed("it is write-protected".into())),
        _ => {}
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sweep_once(folder);
    let (file, temporary) = create(folder).map_err(|e| failed(e.to_string()))?.into_parts();
    let mut file = BufWriter::new(file);
    write(&mut file).map_err(|e| failed(e.to_string()))?;
    let file = file.into_inner().map_err(|e| failed(e.to_string()))?;
    let kept = there.map_or(Ok(()), |there| file.set_permissions(there.permissions()));
    let done = kept.and_then(|()| file.sync_all()).and_then(|()| Ok(temporary.persist(&target)?));
    done.map_err(|e| failed(e.to_string()))
}

/// The path that links lead to, whether something is there or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other(format!("more than {MOST_LINKS} links lead on from it")))
}

/// A new file of a random name, locked where the file system has locks.
fn create(folder: &Path) -> io::Result<NamedTempFile> {
    let builder = || Builder::new().prefix(PREFIX).suffix(SUFFIX).rand_bytes(12).to_owned();
    loop {
        let file = builder().make_in(folder, |path| File::create_new(path))?;
        match file.as_file().try_lock() {
            Err(TryLockError::Error(_)) => return Ok(file),
            // Another process that sweeps the folder may have come before the lock.
            Ok(()) if file.path().exists() => return Ok(file),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
        }
    }
}

/// Removes the temporary files of dead processes from a folder, the first time that it is asked for it.
fn sweep_once(folder: &Path) {
    static SWEPT: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if swept.get_or_insert_default().insert(folder.to_path_buf()) {
        sweep(folder);
    }
}

/// What cannot be removed is left: it is in nobody's way.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write(path: &Path, text: &str) -> Result<(), DataError> {
        write_atomically(path, |file| file.write_all(text.as_bytes()))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_live_one_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let alive = create(folder.path()).unwrap();
        let left = folder.path().join(".anneal-abcdefghijkl.tmp");
        fs::write(&left, "half").unwrap();
        fs::write(folder.path().join(".other.tmp"), "not ours").unwrap();
        write(&folder.path().join("a"), "new").unwrap();
        assert!(!left.exists());
        assert!(alive.path().exists());
        drop(alive);
        assert_eq!(names(folder.path()), [".other.tmp", "a"]);
    }

    #[test]
    fn a_failed_write_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, "old").unwrap();
        let failed = write_atomically(&path, |file| {
            file.write_all(b"new").map_err(|e| e.to_string())?;
            Err("no more".to_string())
        });
        assert!(failed.unwrap_err().to_string().ends_with("a: no more"));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder.path()).len()), ("old", 1));
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let [file, link, dangling, ring] =
            ["file", "link", "dangling", "ring"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);

        symlink("later", &dangling).unwrap();
        write(&dangling, "there").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("later")).unwrap(), "there");

        symlink("ring", &ring).unwrap();
        assert!(write(&ring, "x").unwrap_err().to_string().contains("more than 40 links"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
        assert!(write(&file, "x").unwrap_err().to_string().ends_with("file: it is write-protected"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| write(path, "x").unwrap_err().to_string();
        assert!(refused(folder.path()).ends_with("it is there and is no regular file"));
        assert!(refused(Path::new("")).ends_with("it names no file"));
        assert!(refused(&folder.path().join("none/a")).contains("none/a: No such file"));
    }
}
