use data::{Captions, Grid, Picture};

/// A square diagram of points and lines around the origin.
#[derive(Clone)]
pub struct Plot {
    side: usize,
    /// The greatest coordinate that is seen.
    limit: f64,
    /// `[3, side, side]`, in [-1, 1].
    values: Vec<f32>,
}

/// A colour with values in [-1, 1], and how much it covers.
#[derive(Clone, Copy)]
pub struct Ink {
    colour: [f32; 3],
    cover: f32,
}

impl Ink {
    /// Points that lie close together grow darker.
    pub const POINT: Self = Self { colour: [-0.75, -0.45, 0.1], cover: 0.45 };
    /// What moves.
    pub const ARROW: Self = Self { colour: [0.55, -0.6, -0.6], cover: 0.9 };
}

impl Plot {
    /// An empty one of `side` pixels.
    pub fn new(side: usize, limit: f64) -> Self {
        Self { side, limit, values: vec![1.0; 3 * side * side] }
    }

    /// A point of four pixels.
    pub fn point(&mut self, x: f64, y: f64, ink: Ink) {
        let (column, row) = self.place(x, y);
        for (across, down) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            self.cover(column - 0.5 + across, row - 0.5 + down, ink);
        }
    }

    /// A line from a point to another, with a thick end at the first.
    pub fn arrow(&mut self, from: [f64; 2], to: [f64; 2], ink: Ink) {
        let (start, end) = (self.place(from[0], from[1]), self.place(to[0], to[1]));
        let steps = (end.0 - start.0).abs().max((end.1 - start.1).abs()).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            self.cover(start.0 + share * (end.0 - start.0), start.1 + share * (end.1 - start.1), ink);
        }
        self.point(from[0], from[1], ink);
    }

    /// Diagrams beside and below each other, `columns` to a row.
    pub fn tile(plots: &[Self], columns: usize, captions: &Captions) -> Picture {
        let side = plots.first().map_or(1, |plot| plot.side);
        let values: Vec<f32> = plots.iter().flat_map(|plot| plot.values.iter().copied()).collect();
        Grid { columns, scale: 1, gap: 3 }.draw_captioned(&values, [3, side, side], captions)
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let pixel = |share: f64| (share + 1.0) / 2.0 * self.side as f64;
        (pixel(x / self.limit), pixel(-y / self.limit))
    }

    fn cover(&mut self, column: f64, row: f64, ink: Ink) {
        let inside = |place: f64| (0.0..self.side as f64).contains(&place);
        if !(inside(column) && inside(row)) {
            return;
        }
        let pixel = row as usize * self.side + column as usize;
        for (channel, colour) in ink.colour.into_iter().enumerate() {
            let value = &mut self.values[channel * self.side * self.side + pixel];
            *value += (colour - *value) * ink.cover;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_their_coordinates_say() {
        let mut plot = Plot::new(10, 1.0);
        plot.point(0.9, 0.9, Ink::POINT);
        let picture = Plot::tile(&[plot], 1, &Captions::default());
        let dark: Vec<(usize, usize)> = (0..100)
            .map(|i| (i % 10, i / 10))
            .filter(|&(x, y)| picture.at(x, y) != [255, 255, 255])
            .collect();
        assert_eq!(dark, [(9, 0)], "right and up; the rest of the point lies outside");
    }
}
