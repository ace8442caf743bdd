use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use infer::Args;

/// Finds out before the work whether its results can be written, without touching what is there.
///
/// # Errors
///
/// If one cannot be written, two are one file, or one is a picture that is read.
pub fn check_targets(args: &Args) -> Result<()> {
    let out = args.out();
    check_inputs(args, &out)?;
    for file in [Some(&out), args.animate.as_ref()].into_iter().flatten() {
        check_file(file)?;
    }
    if let Some(animation) = args.animate.as_ref().filter(|animation| are_one(&out, animation)) {
        bail!("--out {} and --animate {} are the same file: name two", out.display(), animation.display());
    }
    let Some(folder) = &args.separate else { return Ok(()) };
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    check_folder(folder, folder)?;
    for (option, file) in [("--out", Some(&out)), ("--animate", args.animate.as_ref())] {
        if let Some(file) = file.filter(|file| is_single(file, folder)) {
            bail!("{option} {}: --separate writes an image of that name: name another", file.display());
        }
    }
    Ok(())
}

/// Refuses to write over a picture that is to be changed: it may be somebody's only one.
fn check_inputs(args: &Args, out: &Path) -> Result<()> {
    let inputs = [
        ("--init-image", &args.edit.init_image),
        ("--mask", &args.edit.mask),
        ("--upscale", &args.cascade.upscale),
    ];
    for (option, input) in inputs.iter().filter_map(|(option, input)| Some((option, input.as_ref()?))) {
        let shown = input.display();
        for (target, file) in [("--out", Some(out)), ("--animate", args.animate.as_deref())] {
            if file.is_some_and(|file| are_one(file, input)) {
                bail!("{target} {shown}: it is the {option}, which would be lost: name another");
            }
        }
        if args.separate.as_ref().is_some_and(|folder| is_single(input, folder)) {
            bail!("--separate: {option} {shown} lies there and would be lost: name another folder");
        }
    }
    Ok(())
}

fn check_file(file: &Path) -> Result<()> {
    let shown = file.display();
    if !file.extension().is_some_and(|kind| kind == "png" || kind == "apng") {
        bail!("failed to write {shown}: pictures are PNG files: use a name that ends in .png");
    }
    let target = target(file);
    match fs::metadata(&target) {
        Ok(there) if there.is_dir() => bail!("failed to write {shown}: it is a folder"),
        Ok(there) if !there.is_file() => bail!("failed to write {shown}: it is there and is no regular file"),
        _ => {}
    }
    let folder = folder_of(&target);
    if !folder.is_dir() {
        bail!("failed to write {shown}: there is no folder {}", folder.display());
    }
    check_folder(&folder, file)
}

/// Files are written under another name and then renamed, so that the folder decides whether they can be.
fn check_folder(folder: &Path, target: &Path) -> Result<()> {
    let tried = tempfile::Builder::new().prefix(".anneal-").tempfile_in(folder);
    tried.map(drop).with_context(|| format!("failed to write {}", target.display()))
}

/// Whether two paths are one file, by whatever spelling or link.
fn are_one(a: &Path, b: &Path) -> bool {
    target(a) == target(b) || same_file::is_same_file(a, b).unwrap_or(false)
}

/// Whether a file is one of those that single images are written to.
fn is_single(file: &Path, folder: &Path) -> bool {
    let target = target(file);
    let numbered = target
        .file_stem()
        .and_then(|stem| stem.to_str())
        .is_some_and(|stem| stem.len() >= 6 && stem.bytes().all(|byte| byte.is_ascii_digit()));
    numbered && same_file::is_same_file(folder_of(&target), folder).unwrap_or(false)
}

/// Where a path leads: of a file that is not there yet, in its folder's true place.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    // As many links as systems follow at most.
    for _ in 0..40 {
        let Ok(link) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(link);
    }
    let folder = fs::canonicalize(folder_of(&path));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
