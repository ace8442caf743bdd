//! Encoded images to pictures.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::error::{LimitError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::error::DataError;
use crate::fit::cover;
use crate::jpeg_end::ends_early;
use crate::picture::Picture;
use crate::png_palette;

/// Larger images are taken for damaged: a few bytes can claim a size that no memory holds.
const MAX_PIXELS: u64 = 1 << 28;
/// What stands in a clone instead of a file that Git LFS keeps elsewhere.
pub(crate) const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

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
    decode(&read_encoded(path)?, &path.display().to_string())
}

/// The bytes of an image file.
pub(crate) fn read_encoded(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |reason: String| DataError::Image { name: path.display().to_string(), reason };
    // A pipe would be waited for without end.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(failed("it is no regular file".into()));
    }
    fs::read(path).map_err(|e| failed(e.to_string()))
}

/// Decodes PNG, JPEG, WebP, BMP, GIF (its first frame) or TIFF (its first page); `name` is for the error.
///
/// Images are turned as their Exif data say. What is transparent becomes white. A file that ends before its picture does is
/// an error.
pub(crate) fn decode(bytes: &[u8], name: &str) -> Result<Picture, DataError> {
    let failed = |reason: String| DataError::Image { name: name.into(), reason };
    if bytes.is_empty() {
        return Err(failed("the file is empty".into()));
    }
    if bytes.starts_with(LFS_POINTER) {
        return Err(failed("it is a pointer of Git LFS, not the picture: run `git lfs pull`".into()));
    }
    let format = image::guess_format(bytes);
    if matches!(format, Ok(ImageFormat::Png)) && !png_palette::is_whole(bytes) {
        return Err(failed("its palette is no list of at most 256 colours".into()));
    }
    let image = decode_oriented(bytes).map_err(|e| failed(e.to_string()))?;
    let pixels = |bytes: &[u8]| decode_oriented(bytes).ok().map(DynamicImage::into_bytes);
    let cut = match format {
        Ok(ImageFormat::Jpeg) => ends_early(bytes, pixels),
        Ok(ImageFormat::WebP) => is_shorter_than_announced(bytes),
        _ => false,
    };
    if cut {
        return Err(failed("the file ends before the picture does: it was cut".into()));
    }
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

/// Whether a RIFF file lacks bytes of those that it announces; the decoder of lossy WebP takes zeros for them.
fn is_shorter_than_announced(bytes: &[u8]) -> bool {
    let size = bytes.get(4..8).and_then(|size| size.first_chunk().copied()).map_or(0, u32::from_le_bytes);
    u64::from(size) + 8 > bytes.len() as u64
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

    /// A picture whose every row differs, so that one that is missing shows.
    fn encoded(format: ImageFormat) -> Vec<u8> {
        let pixel = |x: u32, y: u32| image::Rgb([(x * 13 + y * 7) as u8, (y * 31) as u8, (x * y) as u8]);
        let mut bytes = Cursor::new(Vec::new());
        let image = DynamicImage::from(image::RgbImage::from_fn(21, 19, pixel));
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// The number of first bytes that make the whole picture; all fewer must be refused.
    fn least_whole(bytes: &[u8]) -> usize {
        let whole = decode(bytes, "x").unwrap();
        let mut least = bytes.len();
        for length in (0..bytes.len()).rev() {
            match decode(&bytes[..length], "x") {
                Ok(picture) => {
                    assert_eq!(picture, whole, "of {length} of {} bytes", bytes.len());
                    least = length;
                }
                Err(error) => assert!(error.to_string().starts_with("x: unreadable image: "), "{error}"),
            }
        }
        least
    }

    #[test]
    fn no_file_that_ends_early_makes_a_picture() {
        use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
        for format in [Png, Jpeg, WebP, Bmp, Gif, Tiff] {
            let bytes = encoded(format);
            // What may be missing holds no pixels: checksums, ends, and the list of a TIFF's properties.
            let most = 20;
            assert!(least_whole(&bytes) >= bytes.len() - most, "{format:?}");
        }
    }

    #[test]
    fn a_progressive_file_without_its_last_scans_is_cut() {
        let bytes = include_bytes!("../tests/fixtures/progressive.jpg");
        assert!(least_whole(bytes) >= bytes.len() - 4);
    }

    /// Each of its rows of blocks can be read without the one before it.
    #[test]
    fn a_file_of_restarts_that_lacks_some_is_cut() {
        let bytes = include_bytes!("../tests/fixtures/restarts.jpg");
        assert!(least_whole(bytes) >= bytes.len() - 4);
    }

    #[test]
    fn a_lossy_webp_is_as_long_as_it_says() {
        let bytes = include_bytes!("../tests/fixtures/lossy.webp");
        assert_eq!(least_whole(bytes), bytes.len());
    }

    /// As a download leaves it that reserves its space beforehand.
    #[test]
    fn zeros_take_no_part_of_a_jpeg() {
        let whole = encoded(ImageFormat::Jpeg);
        let refused = |bytes: &[u8]| decode(bytes, "x").unwrap_err().to_string();
        let mut bytes = whole.clone();
        bytes[whole.len() * 3 / 4..].fill(0);
        assert!(refused(&bytes).contains("the file ends before the picture does: it was cut"));
        assert!(decode(&whole[..whole.len() - 2], "x").is_ok(), "the end mark alone is missing");
        assert!(decode(&[&whole[..], &[0; 99]].concat(), "x").is_ok());
    }

    #[test]
    fn what_stands_instead_of_a_picture_is_named() {
        let refused = |bytes: &[u8]| decode(bytes, "x").unwrap_err().to_string();
        assert!(refused(b"").contains("the file is empty"));
        assert!(refused(&[LFS_POINTER, b"v1\noid sha256:12"].concat()).contains("run `git lfs pull`"));
    }
}
