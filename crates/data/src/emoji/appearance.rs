//! The colour and shape of a picture on white, where they are plain enough for a word.

use crate::picture::Picture;

/// The words for a picture's colour and shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Appearance {
    /// "round" or "square".
    pub shape: Option<&'static str>,
    /// The colour of most of the picture.
    pub colour: Option<&'static str>,
}

/// Words for colours; "white" would be the ground's.
pub(super) const COLOURS: [&str; 10] =
    ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "grey"];
/// A pixel lighter than this in every channel belongs to the ground.
const GROUND: u8 = 250;
/// The share of a picture that its colour must have.
const MOSTLY: f64 = 0.6;
/// How well a picture must cover the disc or the square in its box: the intersection over the union.
const FITS: f64 = 0.93;

impl Appearance {
    /// Looks at an RGB picture on white.
    pub(super) fn of(picture: &Picture) -> Self {
        Self { shape: shape(picture), colour: colour(picture) }
    }
}

fn is_ground(pixel: &[u8]) -> bool {
    pixel.iter().all(|&value| value > GROUND)
}

fn colour(picture: &Picture) -> Option<&'static str> {
    let mut counts = [0_usize; COLOURS.len()];
    let mut total = 0_usize;
    for pixel in picture.bytes().chunks_exact(3).filter(|pixel| !is_ground(pixel)) {
        total += 1;
        let name = colour_of(pixel);
        if let Some(index) = COLOURS.iter().position(|other| *other == name) {
            counts[index] += 1;
        }
    }
    let most = (0..COLOURS.len()).max_by_key(|&index| counts[index])?;
    (total > 0 && counts[most] as f64 >= MOSTLY * total as f64).then_some(COLOURS[most])
}

/// The name of a colour, by hue, saturation and value; "white" where it is nearly that.
fn colour_of(pixel: &[u8]) -> &'static str {
    let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(|value| f64::from(value) / 255.0);
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let spread = most - least;
    if spread < 0.12 || spread / most < 0.25 {
        return match most {
            ..0.3 => "black",
            ..0.85 => "grey",
            _ => "white",
        };
    }
    let hue = if most == r {
        60.0 * ((g - b) / spread)
    } else if most == g {
        60.0 * ((b - r) / spread + 2.0)
    } else {
        60.0 * ((r - g) / spread + 4.0)
    };
    match hue.rem_euclid(360.0) {
        12.0..40.0 if most < 0.7 => "brown",
        12.0..36.0 => "orange",
        36.0..68.0 => "yellow",
        68.0..165.0 => "green",
        165.0..255.0 => "blue",
        255.0..295.0 => "purple",
        295.0..345.0 => "pink",
        _ if least > 0.5 => "pink",
        _ => "red",
    }
}

fn shape(picture: &Picture) -> Option<&'static str> {
    let (width, height) = (picture.width(), picture.height());
    let inside = |x: usize, y: usize| !is_ground(picture.at(x, y));
    let points: Vec<(usize, usize)> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).filter(|&(x, y)| inside(x, y)).collect();
    let left = points.iter().map(|point| point.0).min()?;
    let right = points.iter().map(|point| point.0).max()?;
    let top = points.iter().map(|point| point.1).min()?;
    let bottom = points.iter().map(|point| point.1).max()?;
    let (w, h) = ((right - left + 1) as f64, (bottom - top + 1) as f64);
    if !(0.92..=1.08).contains(&(w / h)) {
        return None;
    }
    let in_disc = |x: usize, y: usize| {
        let (dx, dy) = ((x - left) as f64 + 0.5 - w / 2.0, (y - top) as f64 + 0.5 - h / 2.0);
        (2.0 * dx / w).powi(2) + (2.0 * dy / h).powi(2) <= 1.0
    };
    let disc = (top..=bottom).map(|y| (left..=right).filter(|&x| in_disc(x, y)).count()).sum::<usize>();
    let shared = points.iter().filter(|&&(x, y)| in_disc(x, y)).count();
    let union = disc + points.len() - shared;
    if shared as f64 >= FITS * union as f64 {
        return Some("round");
    }
    (points.len() as f64 >= FITS * w * h).then_some("square")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_pictures_have_words() {
        let mut square = Picture::filled(32, 32, &[255; 3]);
        square.paste(&Picture::filled(20, 20, &[10, 60, 220]), 6, 6);
        assert_eq!(Appearance::of(&square), Appearance { shape: Some("square"), colour: Some("blue") });
        let mut disc = Picture::filled(32, 32, &[255; 3]);
        for y in 0..32 {
            for x in 0..32 {
                let (dx, dy) = (x as f64 - 15.5, y as f64 - 15.5);
                if dx * dx + dy * dy <= 144.0 {
                    disc.paste(&Picture::filled(1, 1, &[200, 20, 20]), x, y);
                }
            }
        }
        assert_eq!(Appearance::of(&disc), Appearance { shape: Some("round"), colour: Some("red") });
    }

    #[test]
    fn mixed_and_empty_pictures_have_none() {
        assert_eq!(Appearance::of(&Picture::filled(8, 8, &[255; 3])), Appearance::default());
        let mut halves = Picture::filled(32, 8, &[200, 20, 20]);
        halves.paste(&Picture::filled(16, 8, &[20, 60, 200]), 16, 0);
        assert_eq!(Appearance::of(&halves), Appearance::default());
    }
}
