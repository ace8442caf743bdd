use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use data::{Grid, Picture};
use infer::{Args, Drawn};

/// Milliseconds of an animation's frame.
const FRAME_DELAY: u16 = 80;

/// What was drawn, and how: as it is printed and written into pictures.
pub type Settings = Vec<(&'static str, String)>;

/// Finds out before the work whether its results can be written.
pub fn check_targets(args: &Args) -> Result<()> {
    if args.animate.as_ref() == Some(&args.out) {
        bail!("--out and --animate are the same file");
    }
    for file in [Some(&args.out), args.animate.as_ref()].into_iter().flatten() {
        if !file.extension().is_some_and(|kind| kind == "png" || kind == "apng") {
            bail!("failed to write {}: pictures are PNG files: use a name that ends in .png", file.display());
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if file.is_dir() {
            bail!("failed to write {}: it is a folder", file.display());
        }
        if !folder.is_dir() {
            bail!("failed to write {}: there is no folder {}", file.display(), folder.display());
        }
    }
    if let Some(folder) = &args.separate {
        fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    }
    Ok(())
}

/// Says what is drawn before it is.
pub fn announce(args: &Args, model: &Path, own: Settings) -> Settings {
    let mut settings = vec![("model", model.display().to_string())];
    settings.extend(own);
    for (key, value) in &settings {
        train::say(format_args!("{key}: {value}"));
    }
    if let Some(warning) = args.backend.warning() {
        eprintln!("warning: {warning}");
    }
    settings
}

/// Writes what was finished.
pub fn finish(
    args: &Args,
    grid: Grid,
    drawn: &Drawn,
    wanted: usize,
    shape: [usize; 3],
    settings: &[(&str, String)],
) -> Result<ExitCode> {
    if drawn.images == 0 {
        eprintln!("stopped before the first image was finished");
        return Ok(ExitCode::from(130));
    }
    write(args, grid, drawn, shape, settings)?;
    if drawn.images < wanted {
        eprintln!("stopped: kept the {} images that were finished", drawn.images);
        return Ok(ExitCode::from(130));
    }
    Ok(ExitCode::SUCCESS)
}

/// A picture of samples that are no images, and how it came to be.
pub struct Shown<'a> {
    pub picture: &'a Picture,
    /// The samples on their way, where an animation was asked for.
    pub frames: &'a [Picture],
    pub samples: usize,
    pub settings: &'a [(&'static str, String)],
}

/// Writes it, and says what was written.
pub fn show(args: &Args, shown: &Shown) -> Result<ExitCode> {
    for (key, value) in shown.settings {
        train::say(format_args!("{key}: {value}"));
    }
    let text: Vec<(&str, &str)> = shown.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    shown.picture.write_png(&args.out, &text)?;
    train::say(format_args!("{} samples: {}", shown.samples, args.out.display()));
    if let Some(path) = &args.animate {
        data::grid::write_apng(path, shown.frames, FRAME_DELAY, &text)?;
        train::say(format_args!("animation: {}", path.display()));
    }
    if args.show {
        train::say(infer::half_blocks(shown.picture).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn write(
    args: &Args,
    grid: Grid,
    drawn: &Drawn,
    shape: [usize; 3],
    settings: &[(&str, String)],
) -> Result<()> {
    let text: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let picture = grid.draw(&drawn.values, shape);
    picture.write_png(&args.out, &text)?;
    train::say(format_args!("{} images: {}", drawn.images.min(infer::MAX_GRID), args.out.display()));
    if let Some(path) = &args.animate {
        let frames: Vec<_> = drawn.frames.iter().map(|frame| grid.draw(frame, shape)).collect();
        data::grid::write_apng(path, &frames, FRAME_DELAY, &text)?;
        train::say(format_args!("animation: {}", path.display()));
    }
    if let Some(folder) = &args.separate {
        train::say(format_args!("single images: {}", folder.display()));
    }
    if args.show {
        let small = Grid { scale: 1, gap: 1, ..grid };
        train::say(infer::half_blocks(&small.draw(&drawn.values, shape)).trim_end());
    }
    Ok(())
}
