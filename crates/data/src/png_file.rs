//! PNG and APNG files with text chunks.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Encoder, EncodingError};

use crate::atomic::write_atomically;
use crate::error::DataError;
use crate::picture::Picture;

impl Picture {
    /// Writes a PNG file with `text` (keyword, value) in its text chunks; keywords are 1 to 79 Latin-1
    /// characters (PNG specification, 11.3.3).
    ///
    /// The file appears whole or not at all.
    pub fn write_png(&self, path: &Path, text: &[(&str, &str)]) -> Result<(), DataError> {
        write_atomically(path, |file| {
            let mut writer = encoder(file, self, text)?.write_header()?;
            writer.write_image_data(self.bytes())?;
            writer.finish()
        })
    }
}

/// Writes an animated PNG that repeats for ever, each frame shown for `delay_ms` and the last for one second
/// more. Viewers without animation show the last frame.
///
/// The file appears whole or not at all.
///
/// # Errors
///
/// Without frames, with frames of unlike shapes, and when the file cannot be written.
pub fn write_apng(
    path: &Path,
    frames: &[Picture],
    delay_ms: u16,
    text: &[(&str, &str)],
) -> Result<(), DataError> {
    let failed = |reason: &str| DataError::Write { path: path.to_path_buf(), reason: reason.into() };
    let last = frames.last().ok_or_else(|| failed("an animation needs frames"))?;
    if frames.iter().any(|frame| frame.shape() != last.shape()) {
        return Err(failed("the frames of an animation must have one shape"));
    }
    write_atomically(path, |file| {
        let mut encoder = encoder(file, last, text)?;
        encoder.set_animated(frames.len() as u32, 0)?;
        encoder.set_sep_def_img(true)?;
        encoder.set_frame_delay(delay_ms, 1000)?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(last.bytes())?;
        for (i, frame) in frames.iter().enumerate() {
            if i + 1 == frames.len() {
                writer.set_frame_delay(delay_ms.saturating_add(1000), 1000)?;
            }
            writer.write_image_data(frame.bytes())?;
        }
        writer.finish()
    })
}

/// The value of a keyword in a PNG file's text chunks; none where the file is no PNG or lacks it.
pub fn read_png_text(path: &Path, keyword: &str) -> Option<String> {
    let reader = Decoder::new(BufReader::new(File::open(path).ok()?)).read_info().ok()?;
    let info = reader.info();
    let latin = info.uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == keyword);
    let other = || info.utf8_text.iter().find(|chunk| chunk.keyword == keyword)?.get_text().ok();
    latin.map(|chunk| chunk.text.clone()).or_else(other)
}

fn encoder<'a>(
    file: &'a mut BufWriter<File>,
    picture: &Picture,
    text: &[(&str, &str)],
) -> Result<Encoder<'static, &'a mut BufWriter<File>>, EncodingError> {
    let mut encoder = Encoder::new(file, picture.width() as u32, picture.height() as u32);
    encoder.set_color(if picture.shape()[0] == 1 { ColorType::Grayscale } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    for &(key, value) in text {
        // Every tool reads tEXt, which holds Latin-1 alone.
        if value.chars().all(|c| u32::from(c) < 256) {
            encoder.add_text_chunk(key.into(), value.into())?;
        } else {
            encoder.add_itxt_chunk(key.into(), value.into())?;
        }
    }
    Ok(encoder)
}
