//! Many images in one picture, and the picture files that hold them.

use crate::picture::{Picture, shown};
pub use crate::png_file::write_apng;

/// The least width or height that an image is enlarged to, so that 8x8 digits can be seen.
const LEAST_CELL: usize = 32;
/// Neither black nor white: images of both kinds stand out from it.
const BACKGROUND: u8 = 96;

/// How images are laid out in a grid, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Images in a row; at least 1.
    pub columns: usize,
    /// How often each pixel is repeated across and down; at least 1.
    pub scale: usize,
    /// Pixels between neighbouring images.
    pub gap: usize,
}

impl Grid {
    /// `columns` images a row, enlarged by the least whole number that makes both sides of an image of `shape`
    /// (`[C, H, W]`) at least 32 pixels, with 2 pixels between them.
    pub fn new(columns: usize, shape: [usize; 3]) -> Self {
        let side = shape[1].min(shape[2]).max(1);
        Self { columns: columns.max(1), scale: LEAST_CELL.div_ceil(side), gap: 2 }
    }

    /// As [`Grid::new`], with the columns that make a grid of `images` nearest to a square.
    pub fn square(images: usize, shape: [usize; 3]) -> Self {
        Self::new((images as f64).sqrt().ceil() as usize, shape)
    }

    /// Draws images of `shape` with values in [-1, 1], clamped; cells without an image are dark grey.
    ///
    /// # Shapes
    ///
    /// - `values`: `[N, C, H, W]`, each shown as [`Picture::from_unit`] does
    /// - `shape`: `[C, H, W]`
    ///
    /// # Panics
    ///
    /// If `values` is not a whole number of images.
    pub fn draw(&self, values: &[f32], shape: [usize; 3]) -> Picture {
        let [channels, height, width] = shape;
        let size = (channels * height * width).max(1);
        assert_eq!(values.len() % size, 0, "{} values are no whole number of images", values.len());
        let images = values.len() / size;
        let columns = self.columns.min(images.max(1));
        let (cell_w, cell_h) = (width * self.scale + self.gap, height * self.scale + self.gap);
        let mut grid = Picture::filled(
            columns * cell_w - self.gap,
            images.div_ceil(columns).max(1) * cell_h - self.gap,
            &vec![BACKGROUND; shown(channels)],
        );
        for (i, image) in values.chunks_exact(size).enumerate() {
            let cell = Picture::from_unit(image, shape).enlarged(self.scale);
            grid.paste(&cell, i % columns * cell_w, i / columns * cell_h);
        }
        grid
    }
}

/// As many lists of images of one shape, whose rows are `width` pixels long: the first of all side by side, then the
/// second, `[N, C, H, lists * W]`.
pub fn beside(lists: &[&[f32]], width: usize) -> Vec<f32> {
    let rows = lists.first().map_or(0, |values| values.len() / width);
    let row = |row: usize| lists.iter().flat_map(move |values| &values[row * width..][..width]);
    (0..rows).flat_map(row).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_side_by_side_share_their_rows() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
        assert_eq!(beside(&[&a, &b], 2), [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
    }

    /// Three grey 2x1 images with 6 different values, in a grid of 2 columns.
    #[test]
    fn every_image_lands_in_its_cell() {
        let values: Vec<f32> = (0..6).map(|i| crate::pixels::to_unit(i * 10)).collect();
        let grid = Grid { columns: 2, scale: 3, gap: 1 }.draw(&values, [1, 1, 2]);
        assert_eq!((grid.width(), grid.height()), (13, 7));
        for (x, y, expected) in [
            (0, 0, 0),
            (2, 2, 0),
            (3, 0, 10),
            (5, 2, 10),
            (6, 0, BACKGROUND), // the gap
            (7, 0, 20),
            (12, 2, 30),
            (0, 3, BACKGROUND), // the gap
            (0, 4, 40),
            (5, 6, 50),
            (7, 4, BACKGROUND), // the cell without an image
        ] {
            assert_eq!(grid.at(x, y), [expected], "at ({x}, {y})");
        }
    }

    #[test]
    fn small_images_are_enlarged_and_large_ones_are_not() {
        assert_eq!(Grid::new(4, [1, 8, 8]).scale, 4);
        assert_eq!(Grid::new(4, [1, 28, 28]).scale, 2);
        assert_eq!(Grid::new(4, [3, 64, 64]).scale, 1);
        assert_eq!(Grid::square(17, [3, 64, 64]).columns, 5);
    }

    #[test]
    fn colours_keep_their_places() {
        let grid = Grid { columns: 8, scale: 1, gap: 2 }.draw(&[1.0, -1.0, -1.0], [3, 1, 1]);
        assert_eq!(grid.bytes(), [255, 0, 0]);
    }
}
