//! A captioned data set of emoji, made from a colour font (feature `emoji`).
//!
//! The font's bitmap strikes give the pictures; names, groups and short codes are Unicode's, from the crate `emojis`.

mod appearance;
mod caption;
mod font;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use emojis::{Emoji, Group, SkinTone};
use serde::Serialize;

use appearance::Appearance;
pub use font::EmojiFont;

use crate::atomic::write_atomically;
use crate::error::DataError;

/// What [`make_emoji`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeEmoji {
    /// Pictures written.
    pub pictures: usize,
    /// Emoji left out because the font has no glyph for them.
    pub missing: usize,
}

/// Why the emoji cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EmojiError {
    /// No font is installed.
    #[error(
        "there is no Noto Color Emoji font in {}: install it (Debian and Ubuntu: apt-get install \
         fonts-noto-color-emoji), or name a font with colour bitmaps by --font FILE", places.join(", ")
    )]
    NoFont {
        /// Where it was looked for.
        places: &'static [&'static str],
    },

    /// The font file cannot be read.
    #[error("failed to read the font {path}: {reason}")]
    ReadFont {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },

    /// The font is none, or another kind.
    #[error("{path}: {reason}; name another font by --font FILE")]
    Font {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A size out of range.
    #[error("--size {size}: it must be from 8 to 512 pixels")]
    Size {
        /// The side of the pictures.
        size: usize,
    },

    /// The target exists.
    #[error("{path} is there already: remove it, or name another folder by --dir FOLDER")]
    Exists {
        /// The folder.
        path: PathBuf,
    },

    /// A file or folder cannot be written.
    #[error("failed to write {path}: {reason}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },

    /// A picture cannot be decoded or written.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// One line of `metadata.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    file_name: String,
    text: String,
    label: &'a str,
}

/// Writes pictures of all emoji that `font` has into `folder`, with `metadata.jsonl` (captions, groups as labels) and
/// the font's licence. Equal fonts and sizes give equal bytes. `progress` is told (done, all).
///
/// Of an emoji that comes in skin tones there are two pictures, the yellow one and one toned, the tones taking turns:
/// with all five, hands and people would be two thirds of the set.
///
/// # Errors
///
/// If the size is out of range, the folder is there already, a glyph is damaged, or a file cannot be written; the folder
/// appears whole or not at all.
pub fn make_emoji(
    font: &EmojiFont,
    size: usize,
    folder: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<MadeEmoji, EmojiError> {
    if !(8..=512).contains(&size) {
        return Err(EmojiError::Size { size });
    }
    if folder.exists() {
        return Err(EmojiError::Exists { path: folder.to_path_buf() });
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |reason| EmojiError::Write { path, reason }
    };
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let staged = tempfile::Builder::new().prefix(".emoji-").tempdir_in(parent).map_err(failed(parent))?;
    let images = staged.path().join("images");
    fs::create_dir(&images).map_err(failed(&images))?;

    let chosen = chosen();
    let mut lines = Vec::with_capacity(chosen.len());
    for (index, emoji) in chosen.iter().enumerate() {
        progress(index, chosen.len());
        let Some(picture) = font.picture(emoji.as_str(), size)? else { continue };
        let file_name = format!("images/{}.png", file_stem(emoji));
        picture.write_png(&staged.path().join(&file_name), &[])?;
        let text = caption::caption(emoji, &Appearance::of(&picture));
        lines.push(Line { file_name, text, label: group_name(emoji.group()) });
    }
    progress(chosen.len(), chosen.len());
    let (metadata, licence) = (staged.path().join("metadata.jsonl"), staged.path().join("FONT-LICENCE"));
    write_atomically(&metadata, |file| {
        lines.iter().try_for_each(|line| {
            serde_json::to_writer(&mut *file, line)?;
            file.write_all(b"\n")
        })
    })?;
    write_atomically(&licence, |file| font.licence().iter().try_for_each(|line| writeln!(file, "{line}")))?;
    publish(staged, folder)?;
    Ok(MadeEmoji { pictures: lines.len(), missing: chosen.len() - lines.len() })
}

/// Gives the finished folder its name and the permissions of any new folder.
fn publish(staged: tempfile::TempDir, folder: &Path) -> Result<(), EmojiError> {
    let failed = |reason| EmojiError::Write { path: folder.to_path_buf(), reason };
    fs::create_dir(folder).map_err(failed)?;
    let permissions = fs::metadata(folder).map_err(failed)?.permissions();
    fs::set_permissions(staged.path(), permissions).map_err(failed)?;
    fs::rename(staged.path(), folder).map_err(failed)?;
    // It is no longer there to be removed.
    let _ = staged.keep();
    Ok(())
}

/// All emoji in Unicode's order; after each that comes in skin tones, one of its tones.
fn chosen() -> Vec<&'static Emoji> {
    const TONES: [SkinTone; 5] =
        [SkinTone::Light, SkinTone::MediumLight, SkinTone::Medium, SkinTone::MediumDark, SkinTone::Dark];
    let mut toned = 0;
    let mut chosen = Vec::new();
    for emoji in emojis::iter() {
        chosen.push(emoji);
        if let Some(tone) = emoji.with_skin_tone(TONES[toned % TONES.len()]) {
            chosen.push(tone);
            toned += 1;
        }
    }
    chosen
}

fn file_stem(emoji: &Emoji) -> String {
    let points = emoji.as_str().chars().filter(|&point| point != '\u{fe0f}');
    let points: Vec<String> = points.map(|point| format!("{:04x}", u32::from(point))).collect();
    format!("u{}", points.join("_"))
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::SmileysAndEmotion => "smileys and emotion",
        Group::PeopleAndBody => "people and body",
        Group::AnimalsAndNature => "animals and nature",
        Group::FoodAndDrink => "food and drink",
        Group::TravelAndPlaces => "travel and places",
        Group::Activities => "activities",
        Group::Objects => "objects",
        Group::Symbols => "symbols",
        Group::Flags => "flags",
    }
}
