//! Pictures of emoji out of a colour font.

use std::fs;
use std::path::{Path, PathBuf};

use harfrust::font::Font;
use harfrust::{Buffer, BufferFlags, ShapeOptions, ShaperFont, shape};
use skrifa::bitmap::{BitmapData, BitmapStrikes};
use skrifa::instance::Size;
use skrifa::string::StringId;
use skrifa::{FontRef, MetadataProvider};

use super::EmojiError;
use crate::decode::decode;
use crate::fit::contain_on_white;
use crate::picture::Picture;

/// Where systems install Noto Color Emoji: Debian and Ubuntu, Arch, Fedora, Alpine.
const USUAL_PLACES: [&str; 4] = [
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-color-emoji-fonts/NotoColorEmoji.ttf",
    "/usr/share/fonts/noto-emoji/NotoColorEmoji.ttf",
];

/// A colour font whose glyphs are bitmaps (tables `CBDT` or `sbix`), held in memory.
pub struct EmojiFont {
    path: PathBuf,
    bytes: Vec<u8>,
    shaping: Font,
}

impl EmojiFont {
    /// The font file of this system.
    ///
    /// # Errors
    ///
    /// If Noto Color Emoji is in none of the usual places.
    pub fn installed() -> Result<&'static Path, EmojiError> {
        let found = USUAL_PLACES.iter().map(Path::new).find(|path| path.is_file());
        found.ok_or(EmojiError::NoFont { places: &USUAL_PLACES })
    }

    /// Reads a font file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no font, or has no colour bitmaps.
    pub fn read(path: &Path) -> Result<Self, EmojiError> {
        let bytes =
            fs::read(path).map_err(|reason| EmojiError::ReadFont { path: path.to_path_buf(), reason })?;
        let damaged = |reason: String| EmojiError::Font { path: path.to_path_buf(), reason };
        let font = FontRef::new(&bytes).map_err(|e| damaged(e.to_string()))?;
        if BitmapStrikes::new(&font).is_empty() {
            return Err(damaged("it has no colour bitmaps (tables CBDT or sbix)".into()));
        }
        let shaping =
            Font::new(bytes.clone(), 0).ok_or_else(|| damaged("its glyphs cannot be shaped".into()))?;
        Ok(Self { path: path.to_path_buf(), bytes, shaping })
    }

    /// The picture of an emoji on white, `size` x `size` pixels; none if the font has no single glyph for it.
    ///
    /// # Errors
    ///
    /// If the glyph's bitmap is damaged.
    pub fn picture(&self, emoji: &str, size: usize) -> Result<Option<Picture>, EmojiError> {
        let damaged = |reason: String| EmojiError::Font { path: self.path.clone(), reason };
        let Some(glyph) = self.glyph(emoji).map_err(&damaged)? else { return Ok(None) };
        let font = FontRef::new(&self.bytes).map_err(|e| damaged(e.to_string()))?;
        let Some(bitmap) = font.bitmap_strikes().glyph_for_size(Size::new(size as f32), glyph.into()) else {
            return Ok(None);
        };
        let BitmapData::Png(png) = bitmap.data else { return Ok(None) };
        let picture = decode(png, &format!("{emoji} of {}", self.path.display()))?;
        Ok(Some(contain_on_white(picture, size)))
    }

    /// Copyright and licence as the font states them, each where it does.
    pub fn licence(&self) -> Vec<String> {
        let Ok(font) = FontRef::new(&self.bytes) else { return Vec::new() };
        let ids = [StringId::COPYRIGHT_NOTICE, StringId::LICENSE_DESCRIPTION, StringId::LICENSE_URL];
        let strings = ids.into_iter().filter_map(|id| font.localized_strings(id).english_or_first());
        strings.map(|string| string.to_string()).filter(|string| !string.is_empty()).collect()
    }

    /// The one glyph that a sequence of code points is drawn with; 0, "not defined", is none.
    fn glyph(&self, emoji: &str) -> Result<Option<u32>, String> {
        let mut buffer = Buffer::new();
        buffer.push_str(emoji);
        buffer.set_flags(BufferFlags::REMOVE_DEFAULT_IGNORABLES);
        buffer.guess_segment_properties();
        shape(&ShaperFont::new(&self.shaping), &mut buffer, ShapeOptions::default())
            .map_err(|e| format!("{emoji} cannot be shaped: {e}"))?;
        Ok(match buffer.glyph_infos() {
            [glyph] if glyph.glyph_id != 0 => Some(glyph.glyph_id),
            _ => None,
        })
    }
}
