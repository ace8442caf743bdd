use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use data::Picture;
use infer::{Args, Contents, Drawn, Sheet};

/// Milliseconds of an animation's frame.
const FRAME_DELAY: u16 = 80;

/// What was drawn, and how: as it is printed and written into pictures.
pub type Settings = Vec<(&'static str, String)>;

/// Says what is drawn before it is.
pub fn announce(args: &Args, model: &Path, own: Settings) -> Settings {
    let mut settings = vec![("model", model.display().to_string())];
    settings.extend(own);
    for (key, value) in &settings {
        terminal::say(format_args!("{key}: {value}"));
    }
    if let Some(warning) = args.backend.warning() {
        terminal::warn(warning);
    }
    settings
}

/// Writes what was finished.
pub fn finish(
    args: &Args,
    contents: Contents,
    drawn: &Drawn,
    wanted: usize,
    shape: [usize; 3],
    settings: &[(&str, String)],
) -> Result<ExitCode> {
    if drawn.images == 0 {
        terminal::note("stopped before the first image was finished");
        return Ok(ExitCode::from(130));
    }
    write(args, &Sheet::new(contents, drawn, shape, args.zoom()), drawn, settings)?;
    if drawn.images < wanted {
        terminal::note(format_args!("stopped: kept the {} images that were finished", drawn.images));
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
        terminal::say(format_args!("{key}: {value}"));
    }
    let text: Vec<(&str, &str)> = shown.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let out = args.out();
    shown.picture.write_png(&out, &text)?;
    terminal::say(format_args!("{} samples: {}", shown.samples, out.display()));
    if let Some(path) = &args.animate {
        data::grid::write_apng(path, shown.frames, FRAME_DELAY, &text)?;
        terminal::say(format_args!("animation: {}", path.display()));
    }
    if args.show {
        terminal::draw(&infer::half_blocks(shown.picture));
    }
    Ok(ExitCode::SUCCESS)
}

fn write(args: &Args, sheet: &Sheet, drawn: &Drawn, settings: &[(&str, String)]) -> Result<()> {
    let text: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let picture = sheet.draw(&drawn.values);
    let out = args.out();
    picture.write_png(&out, &text)?;
    terminal::say(format_args!("{} images: {}", drawn.images.min(infer::MAX_GRID), out.display()));
    if let Some(path) = &args.animate {
        let frames: Vec<_> = drawn.frames.iter().map(|frame| sheet.draw(frame)).collect();
        data::grid::write_apng(path, &frames, FRAME_DELAY, &text)?;
        terminal::say(format_args!("animation: {}", path.display()));
    }
    if let Some(folder) = &args.separate {
        terminal::say(format_args!("single images: {}", folder.display()));
    }
    if args.show {
        terminal::draw(&infer::half_blocks(&sheet.draw_small(&drawn.values)));
    }
    Ok(())
}
