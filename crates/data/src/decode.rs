//! Encoded images to pictures.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::error::{LimitError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};

use crate::error::DataError;
use crate::fit::cover;
use crate::picture::Picture;

/// Larger images are taken for damaged: a few bytes can claim a size that no memory holds.
const MAX_PIXELS: u64 = 1 << 28;

/// Reads an image file for a model: as grey or RGB, resized so that it covers the shape, centre-cropped.
///
/// # Shapes
///
/// - `shape`: `[C, H, W]`, with C 1 or 3
/// - returns `[C, H, W]` with values in [-1, 1]
pub fn read_image(path: &Path, shape: [usize; 3]) -> Result<Vec<f32>, DataError> {
    let [channels, height, width] = shape;
    let picture = read_picture(path).map_err(|error| match error {
        DataError::Image { name, reason } => DataError::Picture { name, reason },
        other => other,
    })?;
    let picture = cover(picture.with_channels(channels), width, height);
    let mut values = Vec::with_capacity(channels * height * width);
    picture.extend_unit(&mut values);
    Ok(values)
}

/// Reads an image file as it is.
///
/// # Errors
///
/// If it is no image.
pub fn read_picture(path: &Path) -> Result<Picture, DataError> {
    let name = path.display().to_string();
    // A pipe would be waited for without end.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(DataError::Image { name, reason: "it is no regular file".into() });
    }
    match fs::read(path) {
        Ok(bytes) => decode(&bytes, &name),
        Err(e) => Err(DataError::Image { name, reason: e.to_string() }),
    }
}

/// Decodes PNG, JPEG, WebP, BMP or GIF (its first frame); `name` is for the error.
///
/// Images are turned as their Exif data say. What is transparent becomes white.
pub(crate) fn decode(bytes: &[u8], name: &str) -> Result<Picture, DataError> {
    let image =
        decode_oriented(bytes).map_err(|e| DataError::Image { name: name.into(), reason: e.to_string() })?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let color = image.color();
    Ok(if color.has_alpha() {
        let rgb = image.to_rgba8().as_chunks::<4>().0.iter().flat_map(over_white).collect();
        let picture = Picture::from_bytes(width, height, 3, rgb);
        if color.has_color() { picture } else { picture.with_channels(1) }
    } else if color.has_color() {
        Picture::from_bytes(width, height, 3, image.into_rgb8().into_raw())
    } else {
        Picture::from_bytes(width, height, 1, image.into_luma8().into_raw())
    })
}

fn decode_oriented(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
    let mut decoder = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageError::Limits(LimitError::from_kind(LimitErrorKind::DimensionError)));
    }
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn over_white([r, g, b, alpha]: &[u8; 4]) -> [u8; 3] {
    let alpha = u32::from(*alpha);
    [*r, *g, *b].map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, ImageFormat, RgbaImage};

    use super::*;

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn transparency_becomes_white() {
        let image = RgbaImage::from_raw(3, 1, vec![9, 8, 7, 0, 9, 8, 7, 255, 0, 100, 255, 51]).unwrap();
        let picture = decode(&png(image), "x").unwrap();
        assert_eq!(picture.bytes(), [255, 255, 255, 9, 8, 7, 204, 224, 255]);
    }

    #[test]
    fn grey_with_alpha_stays_grey() {
        let image = GrayAlphaImage::from_raw(2, 1, vec![10, 255, 10, 0]).unwrap();
        let picture = decode(&png(image), "x").unwrap();
        assert_eq!((picture.shape(), picture.bytes()), ([1, 1, 2], &[10, 255][..]));
    }
}
