//! Making every image of a set the same size.

use crate::config::{Channels, ImageOptions};
use crate::error::DataError;
use crate::picture::Picture;

/// The sizes and channels that images are brought to.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    image_size: Option<usize>,
    pad_to: Option<usize>,
    channels: Option<usize>,
}

impl Fit {
    pub(crate) fn new(options: &ImageOptions) -> Self {
        let channels = options.channels.map(Channels::count);
        Self { image_size: options.image_size, pad_to: options.pad_to, channels }
    }

    /// The `[C, H, W]` that an image of `shape` gets before it is padded.
    pub(crate) fn shape_of(&self, [channels, height, width]: [usize; 3]) -> [usize; 3] {
        let channels = self.channels.unwrap_or(channels);
        match self.image_size {
            Some(size) => [channels, size, size],
            None => [channels, height, width],
        }
    }

    /// The `[C, H, W]` of `shape` after padding.
    pub(crate) fn padded_shape(&self, [c, height, width]: [usize; 3]) -> Result<[usize; 3], DataError> {
        match self.pad_to {
            None => Ok([c, height, width]),
            Some(size) if size >= height && size >= width => Ok([c, size, size]),
            Some(size) => {
                let reason = format!("{size} is smaller than the images, which are {width}x{height}");
                Err(DataError::Config { key: "pad_to", reason })
            }
        }
    }

    pub(crate) fn apply(&self, picture: Picture) -> Picture {
        let mut picture = match self.channels {
            Some(channels) => picture.with_channels(channels),
            None => picture,
        };
        if let Some(size) = self.image_size {
            picture = cover(picture, size, size);
        }
        match self.pad_to {
            Some(size) => picture.padded(size, size),
            None => picture,
        }
    }
}

/// The middle of a picture in the proportions of `width` x `height`, resized to that.
///
/// Cropped first: of a very long picture no more than what is kept is ever resampled.
pub(crate) fn cover(picture: Picture, width: usize, height: usize) -> Picture {
    let (from_width, from_height) = (picture.width(), picture.height());
    let share = |side: usize, wanted: usize, other: usize| (side * wanted).div_ceil(other.max(1)).max(1);
    let crop_width = from_width.min(share(from_height, width, height));
    let crop_height = from_height.min(share(from_width, height, width));
    picture.centre_cropped(crop_width, crop_height).resized(width, height)
}

/// The whole of an RGB picture in the middle of a white square, resized to `size` x `size`.
#[cfg(feature = "emoji")]
pub(crate) fn contain_on_white(picture: Picture, size: usize) -> Picture {
    let side = picture.width().max(picture.height());
    let mut square = Picture::filled(side, side, &[255; 3]);
    square.paste(&picture, (side - picture.width()) / 2, (side - picture.height()) / 2);
    square.resized(size, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red, green and blue thirds, each 4x4: only green is in the middle.
    #[test]
    fn the_long_side_is_cropped_and_the_rest_resized() {
        let mut picture = Picture::filled(12, 4, &[255, 0, 0]);
        picture.paste(&Picture::filled(4, 4, &[0, 255, 0]), 4, 0);
        picture.paste(&Picture::filled(4, 4, &[0, 0, 255]), 8, 0);
        assert_eq!(cover(picture, 4, 4), Picture::filled(4, 4, &[0, 255, 0]));
        assert_eq!(cover(Picture::filled(30, 17, &[9]), 8, 8), Picture::filled(8, 8, &[9]));
        assert_eq!(cover(Picture::filled(1, 5000, &[9]), 8, 6), Picture::filled(8, 6, &[9]));
    }
}
