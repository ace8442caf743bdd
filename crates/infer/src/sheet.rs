use data::{Captions, Grid, Picture};

use crate::draw::{Drawn, MAX_GRID};

/// Images that stand side by side, at most.
const MAX_COLUMNS: usize = 16;

/// What a grid shows.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// What the images show in turn: classes or prompts; empty for a model without.
    pub subjects: Vec<String>,
    /// Whether the images are a walk between two ends.
    pub walk: bool,
    /// Values in `[-1, 1]` of an image that was changed; it is shown first.
    pub original: Option<Vec<f32>>,
    /// What stands above the whole.
    pub title: String,
}

/// The layout of a grid of images: walks in one row, a few subjects as columns, else nearly square.
#[derive(Clone, Debug)]
pub struct Sheet {
    grid: Grid,
    captions: Captions,
    original: Option<Vec<f32>>,
    shape: [usize; 3],
}

impl Sheet {
    /// The layout of what was drawn, images of `shape`, `[C, H, W]`: enlarged `zoom` times or as they need, as far as they and the
    /// frames of an animation have 2^28 pixels at most.
    pub fn new(contents: Contents, drawn: &Drawn, shape: [usize; 3], zoom: Option<usize>) -> Self {
        let images = drawn.images.min(MAX_GRID);
        let (columns, captions) = layout(&contents, images);
        let pictures = (images + 1) * (1 + drawn.frames.len());
        let grid = Grid::new(columns, shape).for_captions(&captions, shape).zoomed(zoom, pictures, shape);
        Self { grid, captions, original: contents.original, shape }
    }

    /// Draws the images, whose values are in `[-1, 1]`, with captions.
    pub fn draw(&self, values: &[f32]) -> Picture {
        self.grid.draw_captioned(&self.with_original(values), self.shape, &self.captions)
    }

    /// Draws them in their own size, without captions.
    pub fn draw_small(&self, values: &[f32]) -> Picture {
        Grid { scale: 1, gap: 1, ..self.grid }.draw(&self.with_original(values), self.shape)
    }

    fn with_original(&self, values: &[f32]) -> Vec<f32> {
        self.original.iter().flatten().chain(values).copied().collect()
    }
}

/// The columns of a grid, and what stands beside its images.
fn layout(contents: &Contents, images: usize) -> (usize, Captions) {
    let Contents { subjects, walk, original, title } = contents;
    let in_turn = |number: usize| subjects.iter().cycle().take(number).cloned();
    let square = |images: usize| ((images as f64).sqrt().ceil() as usize).max(1);
    let captions = Captions { title: title.clone(), ..Captions::default() };
    if original.is_some() {
        let columns = if *walk { (images + 1).min(MAX_COLUMNS) } else { square(images + 1) };
        let images = std::iter::once("original".to_owned()).chain(in_turn(images)).collect();
        return (columns, Captions { images, ..captions });
    }
    if *walk {
        let columns = images.clamp(1, MAX_COLUMNS);
        return match &subjects[..] {
            [one] => (columns, Captions { title: one.clone(), ..captions }),
            [from, to] if images == columns => {
                let between = std::iter::repeat_n(String::new(), columns.saturating_sub(2));
                let ends = [from.clone()].into_iter().chain(between).chain([to.clone()]);
                (columns, Captions { columns: ends.take(columns).collect(), ..captions })
            }
            _ => (columns, captions),
        };
    }
    match subjects.len() {
        0 => (square(images), captions),
        1 => (square(images), Captions { title: subjects[0].clone(), ..captions }),
        count if count <= MAX_COLUMNS && images.is_multiple_of(count) => {
            let columns = Grid::columns_in_turn(images, count);
            (columns, Captions { columns: subjects.clone(), ..captions })
        }
        _ => (square(images), Captions { images: in_turn(images).collect(), ..captions }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(subjects: &[&str], images: usize) -> (usize, Captions) {
        let subjects = subjects.iter().map(|&subject| subject.to_owned()).collect();
        layout(&Contents { subjects, ..Contents::default() }, images)
    }

    #[test]
    fn a_few_subjects_have_columns_and_others_stand_below() {
        let (columns, captions) = of(&["cat", "dog"], 16);
        assert_eq!((columns, captions.columns.len()), (4, 2));
        let (columns, captions) = of(&["0", "1", "2", "3", "4"], 10);
        assert_eq!((columns, captions.columns.len()), (5, 5));
        let (columns, captions) = of(&["0", "1", "2"], 4);
        assert_eq!((columns, captions.images), (2, ["0", "1", "2", "0"].map(String::from).to_vec()));
        let (columns, captions) = of(&["7"], 4);
        assert_eq!((columns, captions.title.as_str()), (2, "7"));
    }

    #[test]
    fn the_original_comes_first() {
        let contents =
            Contents { subjects: vec!["3".into()], original: Some(vec![1.0; 64]), ..Contents::default() };
        let sheet = Sheet::new(contents, &Drawn { images: 3, ..Drawn::default() }, [1, 8, 8], Some(1));
        assert_eq!(sheet.captions.images, ["original", "3", "3", "3"]);
        let picture = sheet.draw(&[-1.0; 3 * 64]);
        assert_eq!((picture.at(0, 0), picture.at(10, 0)), (&[255][..], &[0][..]));
        let nameless = Contents { original: Some(vec![1.0; 64]), ..Contents::default() };
        assert_eq!(layout(&nameless, 3).0, 2, "three images and the original");
    }
}
