//! `dataset make emoji`.

use std::path::PathBuf;

use clap::Subcommand;
use data::emoji::{EmojiFont, make_emoji};
use indicatif::{ProgressBar, ProgressStyle};
use terminal::say;

#[derive(Subcommand)]
pub enum Set {
    /// Captioned pictures of emoji, out of a colour font such as Noto Color Emoji
    Emoji {
        /// Font with colour bitmaps [default: Noto Color Emoji as the system installs it]
        #[arg(long, value_name = "FILE")]
        font: Option<PathBuf>,
        /// Side of the pictures in pixels
        #[arg(long, default_value_t = 64)]
        size: usize,
        /// Folder to make
        #[arg(long, default_value = "datasets/emoji")]
        dir: PathBuf,
    },
}

pub fn run(set: Set) -> anyhow::Result<()> {
    let Set::Emoji { font, size, dir } = set;
    let path = match &font {
        Some(path) => path,
        None => EmojiFont::installed()?,
    };
    let font = EmojiFont::read(path)?;
    say(format_args!("emoji from {} to {}", path.display(), dir.display()));
    let bar = ProgressBar::no_length();
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} eta {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let made = make_emoji(&font, size, &dir, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    say(format_args!("{} pictures of {size}x{size} with captions and 9 groups", made.pictures));
    if made.missing > 0 {
        say(format_args!("{} newer emoji are not in this font", made.missing));
    }
    say("licence of the pictures, as the font states it:");
    font.licence().iter().for_each(|line| say(format_args!("  {line}")));
    say(format_args!(
        "\nuse it with\n\n[dataset]\ntype = \"folder\"\npath = \"{}\"\nchannels = \"rgb\"",
        dir.display()
    ));
    Ok(())
}
