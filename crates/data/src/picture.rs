//! An 8-bit picture in memory: what readers decode to and what PNG files are written from.

use image::imageops::{self, FilterType};
use image::{GrayImage, RgbImage};

use crate::pixels;

/// A grey or RGB picture, 8 bits a channel, stored row by row with its channels interleaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Picture {
    /// A picture of one colour; `colour` has one value (grey) or three (RGB).
    ///
    /// # Panics
    ///
    /// If `colour` has another length.
    pub fn filled(width: usize, height: usize, colour: &[u8]) -> Self {
        Self::from_bytes(width, height, colour.len(), colour.repeat(width * height))
    }

    /// A picture from interleaved bytes.
    ///
    /// # Panics
    ///
    /// If `channels` is neither 1 nor 3, or `bytes` is not `width * height * channels` long.
    pub fn from_bytes(width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> Self {
        assert!(channels == 1 || channels == 3, "a picture has 1 or 3 channels, not {channels}");
        assert_eq!(bytes.len(), width * height * channels, "{width}x{height}x{channels} picture");
        Self { width, height, channels, bytes }
    }

    /// A picture from values in [-1, 1]: the first channel in grey, or the first three in colours where there are so many.
    ///
    /// # Shapes
    ///
    /// - `values`: `[C, H, W]`; what is missing is black
    pub fn from_unit(values: &[f32], shape: [usize; 3]) -> Self {
        let bytes: Vec<u8> = values.iter().map(|&value| pixels::from_unit(value)).collect();
        Self::from_planes(&bytes, shape)
    }

    /// A picture from planes, `[C, H, W]`; which of them as in [`from_unit`](Self::from_unit).
    pub(crate) fn from_planes(planes: &[u8], [channels, height, width]: [usize; 3]) -> Self {
        let (plane, channels) = (height * width, shown(channels));
        let mut bytes = vec![0; plane * channels];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = planes.get((i % channels) * plane + i / channels).copied().unwrap_or_default();
        }
        Self::from_bytes(width, height, channels, bytes)
    }

    /// Appends the picture's values in [-1, 1] as `[C, H, W]`.
    pub fn extend_unit(&self, values: &mut Vec<f32>) {
        for channel in 0..self.channels {
            let plane = self.bytes.iter().skip(channel).step_by(self.channels);
            values.extend(plane.map(|&byte| pixels::to_unit(byte)));
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// `[C, H, W]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// The interleaved bytes, row by row.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The channel values at column `x` and row `y`.
    ///
    /// # Panics
    ///
    /// If the point lies outside.
    pub fn at(&self, x: usize, y: usize) -> &[u8] {
        assert!(x < self.width && y < self.height, "({x}, {y}) lies outside the picture");
        &self.bytes[(y * self.width + x) * self.channels..][..self.channels]
    }

    /// The same picture with 1 channel (luma of ITU-R BT.601) or 3 (grey repeated).
    pub(crate) fn with_channels(self, channels: usize) -> Self {
        let bytes = match (self.channels, channels) {
            (3, 1) => self.bytes.chunks_exact(3).map(luma).collect(),
            (1, 3) => self.bytes.iter().flat_map(|&byte| [byte; 3]).collect(),
            _ => return self,
        };
        Self { channels, bytes, ..self }
    }

    /// Resampled with a bicubic filter that is widened when shrinking, so that it does not alias.
    pub(crate) fn resized(self, width: usize, height: usize) -> Self {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let (from, to) = ((self.width as u32, self.height as u32), (width as u32, height as u32));
        let filter = FilterType::CatmullRom;
        let bytes = if self.channels == 1 {
            GrayImage::from_raw(from.0, from.1, self.bytes)
                .map(|image| imageops::resize(&image, to.0, to.1, filter).into_raw())
        } else {
            RgbImage::from_raw(from.0, from.1, self.bytes)
                .map(|image| imageops::resize(&image, to.0, to.1, filter).into_raw())
        };
        Self::from_bytes(width, height, self.channels, bytes.unwrap_or_default())
    }

    /// The means of blocks of `block` x `block` pixels, which divides both sides.
    pub(crate) fn averaged(self, block: usize) -> Self {
        if block == 1 {
            return self;
        }
        let (width, height, channels) = (self.width / block, self.height / block, self.channels);
        let mut sums = vec![0_usize; width * height * channels];
        for (row, pixels) in self.bytes.chunks_exact(self.width * channels).enumerate() {
            let start = row / block * width;
            for (i, &byte) in pixels.iter().enumerate() {
                sums[(start + i / channels / block) * channels + i % channels] += usize::from(byte);
            }
        }
        let count = block * block;
        let bytes = sums.into_iter().map(|sum| ((sum + count / 2) / count) as u8).collect();
        Self::from_bytes(width, height, channels, bytes)
    }

    /// The middle `width` x `height` of the picture.
    pub(crate) fn centre_cropped(self, width: usize, height: usize) -> Self {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let (left, top) = ((self.width - width) / 2, (self.height - height) / 2);
        let mut bytes = Vec::with_capacity(width * height * self.channels);
        for y in top..top + height {
            let row = (y * self.width + left) * self.channels;
            bytes.extend_from_slice(&self.bytes[row..row + width * self.channels]);
        }
        Self::from_bytes(width, height, self.channels, bytes)
    }

    /// The picture in the middle of a black one of `width` x `height`.
    pub(crate) fn padded(self, width: usize, height: usize) -> Self {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let mut padded = Self::filled(width, height, &vec![0; self.channels]);
        padded.paste(&self, (width - self.width) / 2, (height - self.height) / 2);
        padded
    }

    /// Mirrored left to right.
    pub(crate) fn flipped(mut self) -> Self {
        let row = self.width * self.channels;
        for (i, pixel) in self.bytes.clone().chunks_exact(self.channels).enumerate() {
            let (y, x) = (i / self.width, self.width - 1 - i % self.width);
            self.bytes[y * row + x * self.channels..][..self.channels].copy_from_slice(pixel);
        }
        self
    }

    /// Every pixel repeated `times` x `times`.
    pub(crate) fn enlarged(&self, times: usize) -> Self {
        let mut enlarged = Self::filled(self.width * times, self.height * times, &vec![0; self.channels]);
        let row = enlarged.width * self.channels;
        for y in 0..enlarged.height {
            for x in 0..enlarged.width {
                let start = y * row + x * self.channels;
                enlarged.bytes[start..start + self.channels].copy_from_slice(self.at(x / times, y / times));
            }
        }
        enlarged
    }

    /// Mixes a grey into the pixel at column `x` and row `y`, as far as it covers; nothing outside the picture.
    pub(crate) fn blend(&mut self, x: usize, y: usize, grey: u8, cover: u8) {
        if x >= self.width || y >= self.height {
            return;
        }
        for byte in &mut self.bytes[(y * self.width + x) * self.channels..][..self.channels] {
            let (old, new, share) = (u32::from(*byte), u32::from(grey), u32::from(cover));
            *byte = ((new * share + old * (255 - share) + 127) / 255) as u8;
        }
    }

    /// Copies `other`, which has the same channels, to column `left` and row `top`.
    pub(crate) fn paste(&mut self, other: &Self, left: usize, top: usize) {
        let length = other.width * other.channels;
        for (y, row) in other.bytes.chunks_exact(length).enumerate() {
            let start = ((top + y) * self.width + left) * self.channels;
            self.bytes[start..start + length].copy_from_slice(row);
        }
    }
}

/// Channels of a picture of values with so many: 1 or 3.
pub(crate) fn shown(channels: usize) -> usize {
    if channels < 3 { 1 } else { 3 }
}

fn luma(rgb: &[u8]) -> u8 {
    let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
    ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(width: usize, height: usize, channels: usize) -> Picture {
        Picture::from_bytes(width, height, channels, (0..(width * height * channels) as u8).collect())
    }

    #[test]
    fn planes_and_interleaved_bytes_are_the_same_picture() {
        let picture = counting(3, 2, 3);
        let mut values = Vec::new();
        picture.extend_unit(&mut values);
        assert_eq!(crate::pixels::from_unit(values[6 + 4]), picture.at(1, 1)[1]);
        assert_eq!(Picture::from_unit(&values, [3, 2, 3]), picture);
    }

    #[test]
    fn any_number_of_channels_is_shown() {
        let values: Vec<f32> = (0..10).map(|i| crate::pixels::to_unit(i * 10)).collect();
        let bytes =
            |channels: usize| Picture::from_unit(&values[..2 * channels], [channels, 1, 2]).bytes().to_vec();
        assert_eq!(bytes(2), [0, 10]);
        assert_eq!(bytes(4), [0, 20, 40, 10, 30, 50]);
        assert_eq!(bytes(5), bytes(4));
        assert_eq!(Picture::from_unit(&[], [0, 1, 2]).bytes(), [0, 0]);
    }

    #[test]
    fn cropping_and_padding_keep_the_middle() {
        let cropped = counting(4, 4, 1).centre_cropped(2, 2);
        assert_eq!(cropped.bytes(), [5, 6, 9, 10]);
        let padded = cropped.padded(4, 4);
        assert_eq!(padded.bytes(), [0, 0, 0, 0, 0, 5, 6, 0, 0, 9, 10, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn blocks_are_averaged_channel_by_channel() {
        assert_eq!(counting(4, 4, 1).averaged(2).bytes(), [3, 5, 11, 13]); // 2.5, 4.5, 10.5, 12.5
        assert_eq!(counting(2, 2, 3).averaged(2).bytes(), [5, 6, 7]); // 4.5, 5.5, 6.5
        assert_eq!(counting(6, 3, 1).averaged(3), Picture::from_bytes(2, 1, 1, vec![7, 10]));
    }

    #[test]
    fn flipping_mirrors_each_row() {
        assert_eq!(counting(3, 2, 1).flipped().bytes(), [2, 1, 0, 5, 4, 3]);
        assert_eq!(counting(2, 1, 3).flipped().bytes(), [3, 4, 5, 0, 1, 2]);
    }

    #[test]
    fn luma_weighs_green_most() {
        let rgb = Picture::from_bytes(4, 1, 3, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
        assert_eq!(rgb.with_channels(1).bytes(), [76, 150, 29, 9]);
    }
}
