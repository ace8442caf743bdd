//! Many images in one picture, what stands beside them, and the picture files that hold them.

use crate::lettering::{LETTER, LINE, wrapped};
use crate::picture::{Picture, shown};
pub use crate::png_file::write_apng;

/// The least width or height that an image is enlarged to, so that 8x8 digits can be seen.
const LEAST_CELL: usize = 32;
/// The least width that a grid is enlarged to.
const LEAST_WIDTH: usize = 256;
/// The greatest width that images are enlarged to for a word above them.
const MOST_FOR_WORDS: usize = 112;
/// Pixels that enlarged images have at most, all together.
const MAX_PIXELS: usize = 1 << 28;
/// Letters of a row's caption at most.
const ROW_LETTERS: usize = 16;
/// Neither black nor white: images of both kinds stand out from it.
const BACKGROUND: u8 = 96;
/// Of letters.
const INK: u8 = 240;

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

/// What stands beside the images of a grid; an empty list is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captions {
    /// Above the whole.
    pub title: String,
    /// Above the columns, in turn.
    pub columns: Vec<String>,
    /// To the left of the rows, in turn.
    pub rows: Vec<String>,
    /// Below the images.
    pub images: Vec<String>,
}

impl Captions {
    /// Captions of columns alone, in turn.
    pub fn of_columns<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The letters of the longest word above a column or below an image.
    fn longest_word(&self) -> usize {
        let words = self.columns.iter().chain(&self.images).flat_map(|text| text.split_whitespace());
        words.map(|word| word.chars().count()).max().unwrap_or(0)
    }
}

impl Grid {
    /// `columns` images a row, 2 pixels apart, enlarged by the least whole number that makes both sides of an image of `shape`
    /// (`[C, H, W]`) at least 32 pixels and a row at least 256 pixels wide.
    pub fn new(columns: usize, shape: [usize; 3]) -> Self {
        let (columns, gap) = (columns.max(1), 2);
        let side = shape[1].min(shape[2]).max(1);
        let images = (LEAST_WIDTH + gap).saturating_sub(columns * gap);
        let scale = LEAST_CELL.div_ceil(side).max(images.div_ceil(columns * shape[2].max(1)));
        Self { columns, scale, gap }
    }

    /// As [`Grid::new`], with the columns that make a grid of `images` nearest to a square.
    pub fn square(images: usize, shape: [usize; 3]) -> Self {
        Self::new((images as f64).sqrt().ceil() as usize, shape)
    }

    /// Columns for `images` that show `subjects` things in turn, each in columns of its own: a multiple of them, nearest to a square.
    pub fn columns_in_turn(images: usize, subjects: usize) -> usize {
        let (subjects, square) = (subjects.max(1), (images as f64).sqrt().ceil() as usize);
        subjects * (square / subjects).max(1)
    }

    /// Enlarged further, where that is needed for the words of captions to stand over or under images of `shape` in one piece.
    #[must_use]
    pub fn for_captions(self, captions: &Captions, shape: [usize; 3]) -> Self {
        let wanted = (captions.longest_word() * LETTER).min(MOST_FOR_WORDS);
        Self { scale: self.scale.max(wanted.div_ceil(shape[2].max(1))), ..self }
    }

    /// With `zoom` as its scale, if there is one; less where `images` images of `shape` would have more than 2^28 pixels.
    #[must_use]
    pub fn zoomed(self, zoom: Option<usize>, images: usize, shape: [usize; 3]) -> Self {
        let pixels = images.saturating_mul(shape[1] * shape[2]).max(1);
        let most = (MAX_PIXELS / pixels).isqrt().max(1);
        Self { scale: zoom.unwrap_or(self.scale).clamp(1, most), ..self }
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
        self.draw_captioned(values, shape, &Captions::default())
    }

    /// As [`Grid::draw`], with captions.
    ///
    /// # Panics
    ///
    /// As [`Grid::draw`].
    pub fn draw_captioned(&self, values: &[f32], shape: [usize; 3], captions: &Captions) -> Picture {
        let size = shape.iter().product::<usize>().max(1);
        assert_eq!(values.len() % size, 0, "{} values are no whole number of images", values.len());
        let layout = Layout::new(*self, values.len() / size, shape, captions);
        let mut picture = Picture::filled(layout.width, layout.height, &vec![BACKGROUND; shown(shape[0])]);
        for (i, image) in values.chunks_exact(size).enumerate() {
            let cell = Picture::from_unit(image, shape).enlarged(self.scale);
            let (left, top) = layout.place(i);
            picture.paste(&cell, left, top);
        }
        layout.write(&mut picture, captions);
        picture
    }
}

/// Where images and captions stand, in pixels.
struct Layout {
    grid: Grid,
    columns: usize,
    images: usize,
    /// Width and height of an enlarged image.
    cell: [usize; 2],
    /// Height of the captions above all, above the columns and below an image.
    title: usize,
    above: usize,
    below: usize,
    /// Width of the captions of rows.
    left: usize,
    width: usize,
    height: usize,
}

impl Layout {
    fn new(grid: Grid, images: usize, [_, height, width]: [usize; 3], captions: &Captions) -> Self {
        let columns = grid.columns.min(images.max(1));
        let rows = images.div_ceil(columns).max(1);
        let cell = [width * grid.scale, height * grid.scale];
        let tallest = |texts: &[String], width: usize| {
            let lines = texts.iter().map(|text| wrapped(text, width / LETTER).len()).max();
            lines.map_or(0, |lines| lines * LINE)
        };
        let longest = captions.rows.iter().map(|text| text.chars().count().min(ROW_LETTERS)).max();
        let left = longest.map_or(0, |letters| letters * LETTER + grid.gap);
        let width = left + columns * (cell[0] + grid.gap) - grid.gap;
        let title = tallest(std::slice::from_ref(&captions.title), width);
        let (above, below) = (tallest(&captions.columns, cell[0]), tallest(&captions.images, cell[0]));
        let height = title + above + rows * (cell[1] + below + grid.gap) - grid.gap;
        Self { grid, columns, images, cell, title, above, below, left, width, height }
    }

    /// Column and row of an image's upper left corner.
    fn place(&self, image: usize) -> (usize, usize) {
        let (column, row) = (image % self.columns, image / self.columns);
        (
            self.left + column * (self.cell[0] + self.grid.gap),
            self.title + self.above + row * (self.cell[1] + self.below + self.grid.gap),
        )
    }

    fn write(&self, picture: &mut Picture, captions: &Captions) {
        write_centred(picture, &captions.title, [0, self.width], 0);
        if !captions.columns.is_empty() {
            for column in 0..self.columns {
                let text = &captions.columns[column % captions.columns.len()];
                let (left, top) = self.place(column);
                write_centred(picture, text, [left, self.cell[0]], top - self.above);
            }
        }
        if !captions.rows.is_empty() {
            for row in 0..self.images.div_ceil(self.columns) {
                let lines = wrapped(&captions.rows[row % captions.rows.len()], ROW_LETTERS);
                let (_, top) = self.place(row * self.columns);
                let middle = top + (self.cell[1] / 2).saturating_sub(lines.len() * LINE / 2);
                for (line, text) in lines.iter().enumerate() {
                    picture.write_line(text, 0, middle + line * LINE, INK);
                }
            }
        }
        for (image, text) in captions.images.iter().take(self.images).enumerate() {
            let (left, top) = self.place(image);
            write_centred(picture, text, [left, self.cell[0]], top + self.cell[1]);
        }
    }
}

/// Writes a text between `left` and `left + width`.
fn write_centred(picture: &mut Picture, text: &str, [left, width]: [usize; 2], top: usize) {
    for (line, text) in wrapped(text, width / LETTER).iter().enumerate() {
        let free = width.saturating_sub(text.chars().count() * LETTER);
        picture.write_line(text, left + free / 2, top + line * LINE, INK);
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
        let width = |columns: usize, side: usize| {
            let grid = Grid::new(columns, [1, side, side]);
            (grid.scale, grid.draw(&vec![0.0; columns * side * side], [1, side, side]).width())
        };
        assert_eq!(width(4, 8), (8, 262));
        assert_eq!(width(10, 8), (4, 338));
        assert_eq!(width(1, 8), (32, 256));
        assert_eq!(width(4, 28), (3, 342));
        assert_eq!(width(4, 64), (1, 262));
        assert_eq!(width(1, 512), (1, 512));
        assert_eq!(Grid::square(17, [3, 64, 64]).columns, 5);
        assert_eq!(
            [(40, 10), (40, 2), (16, 3), (1, 4)].map(|(n, of)| Grid::columns_in_turn(n, of)),
            [10, 6, 3, 4]
        );
    }

    /// The images of a captioned grid are those of a bare one, each in its place; letters are elsewhere.
    #[test]
    fn captions_leave_the_images_as_they_are() {
        let values: Vec<f32> = (0..6 * 64).map(|i| crate::pixels::to_unit((i % 251) as u8)).collect();
        let (grid, shape) = (Grid { columns: 3, scale: 2, gap: 2 }, [1, 8, 8]);
        let captions = Captions {
            title: "six".into(),
            columns: ["0", "1", "2"].map(String::from).to_vec(),
            rows: vec!["a".into(), "b".into()],
            images: (0..6).map(|i| i.to_string()).collect(),
        };
        let bare = grid.draw(&values, shape);
        let captioned = grid.draw_captioned(&values, shape, &captions);
        let (left, top) = (LETTER + 2, 2 * LINE);
        assert_eq!(captioned.width(), bare.width() + left);
        assert_eq!(captioned.height(), bare.height() + top + 2 * LINE);
        for (row, y, x) in (0..2).flat_map(|row| (0..16).flat_map(move |y| (0..52).map(move |x| (row, y, x))))
        {
            let (there, here) =
                (captioned.at(left + x, top + row * (18 + LINE) + y), bare.at(x, row * 18 + y));
            assert_eq!(there, here, "row {row} at ({x}, {y})");
        }
        let inked = (0..top * captioned.width()).filter(|&i| captioned.bytes()[i] > BACKGROUND).count();
        assert!(inked > 30, "{inked} pixels of letters above the images");
    }

    #[test]
    fn images_grow_until_words_fit() {
        let captions = Captions::of_columns(["automobile", "cat"]);
        assert_eq!(Grid::new(8, [3, 32, 32]).for_captions(&captions, [3, 32, 32]).scale, 3);
        let endless = Captions::of_columns(["x".repeat(1000)]);
        assert_eq!(Grid::new(8, [3, 32, 32]).for_captions(&endless, [3, 32, 32]).scale, 4);
    }

    #[test]
    fn a_zoom_is_kept_within_the_memory() {
        let shape = [3, 1024, 1024];
        let scale = |zoom| Grid::new(4, shape).zoomed(zoom, 16, shape).scale;
        assert_eq!([scale(None), scale(Some(2)), scale(Some(64))], [1, 2, 4]);
        assert_eq!(Grid::new(4, shape).zoomed(Some(2), 1000, shape).scale, 1);
    }

    #[test]
    fn colours_keep_their_places() {
        let grid = Grid { columns: 8, scale: 1, gap: 2 }.draw(&[1.0, -1.0, -1.0], [3, 1, 1]);
        assert_eq!(grid.bytes(), [255, 0, 0]);
    }
}
