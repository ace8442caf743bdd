//! The three rows of the first picture of Sohl-Dickstein et al. 2015, for points.

use data::{Captions, Picture};
use schedules::Schedule;

use crate::plot::{Ink, Plot};

/// Pixels of a diagram's side.
const SIDE: usize = 240;
/// Standard deviations that a diagram shows, up and down.
const LIMIT: f64 = 2.8;
/// Arrows of a drift field in a row.
const ARROWS: usize = 18;
/// The longest arrow, in distances between arrows.
const LONGEST: f64 = 1.4;

/// Places along the chain that are shown, from the data to noise.
pub(crate) const PLACES: usize = 5;

/// What is shown at each of the [`PLACES`]: states of `size` values, one after the other.
pub(crate) struct Rows {
    /// Values of a state.
    pub size: usize,
    /// The data as the chain noises them.
    pub data: Vec<Vec<f32>>,
    /// The model's samples on their way back.
    pub samples: Vec<Vec<f32>>,
    /// By how much a step back moves each of the states of [`arrow_states`].
    pub drifts: Vec<Vec<f32>>,
}

impl Rows {
    /// The three rows below each other.
    pub fn draw(&self) -> Picture {
        let scattered = self.data.iter().chain(&self.samples).map(|states| scatter(states, self.size));
        let fields = self.drifts.iter().map(|moves| field(moves, self.size));
        let captions = Captions {
            title: "from data to noise".into(),
            rows: ["data", "samples", "drift"].map(String::from).to_vec(),
            ..Captions::default()
        };
        Plot::tile(&scattered.chain(fields).collect::<Vec<_>>(), PLACES, &captions)
    }
}

/// Which of some states with the given noise, from little to much, are shown: those that have an even share of the noise
/// of the last, for the shape of data is lost in few steps of a long chain.
pub(crate) fn places(sigmas: &[f64]) -> [usize; PLACES] {
    let last = sigmas.len() - 1;
    std::array::from_fn(|place| {
        let wanted = sigmas[last] * place as f64 / (PLACES - 1) as f64;
        let distance = |i: &usize| (sigmas[*i] - wanted).abs();
        (0..=last).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(last)
    })
}

/// The noise after each step of a chain, from none on.
pub(crate) fn sigmas(schedule: &Schedule) -> Vec<f64> {
    let levels = schedule.levels();
    std::iter::once(0.0).chain(levels.iter().map(|level| level.sigma)).collect()
}

/// Points by their first two coordinates, in a diagram of their own.
pub(crate) fn scatter_picture(states: &[f32], size: usize) -> Picture {
    Plot::tile(&[scatter(states, size)], 1, &Captions::default())
}

/// Where a drift field is looked at: states of `size` values, the first two of which are on a grid.
pub(crate) fn arrow_states(size: usize) -> Vec<f32> {
    let mut states = vec![0.0; ARROWS * ARROWS * size];
    for (state, point) in states.chunks_exact_mut(size).zip(arrow_places()) {
        state[..2].copy_from_slice(&point.map(|value| value as f32));
    }
    states
}

fn arrow_places() -> impl Iterator<Item = [f64; 2]> {
    let place = |i: usize| ((i as f64 + 0.5) / ARROWS as f64 * 2.0 - 1.0) * LIMIT;
    (0..ARROWS * ARROWS).map(move |i| [place(i % ARROWS), place(i / ARROWS)])
}

fn scatter(states: &[f32], size: usize) -> Plot {
    let mut plot = Plot::new(SIDE, LIMIT);
    for point in states.chunks_exact(size) {
        let y = point.get(1).copied().unwrap_or_default();
        plot.point(point[0].into(), y.into(), Ink::POINT);
    }
    plot
}

/// The arrows of a field in a scale of its own, by which an arrow in the middle of their order is half as long as their
/// distance: a few long ones, far from the data, would hide all others.
fn field(moves: &[f32], size: usize) -> Plot {
    let moves: Vec<[f64; 2]> =
        moves.chunks_exact(size).map(|step| [0, 1].map(|i| f64::from(step[i]))).collect();
    let distance = 2.0 * LIMIT / ARROWS as f64;
    let mut lengths: Vec<f64> = moves.iter().map(|[x, y]| x.hypot(*y)).collect();
    lengths.sort_by(f64::total_cmp);
    let scale = 0.5 * distance / lengths[lengths.len() / 2].max(f64::MIN_POSITIVE);
    let mut plot = Plot::new(SIDE, LIMIT);
    for ([x, y], [dx, dy]) in arrow_places().zip(moves) {
        let shown = (LONGEST * distance / dx.hypot(dy).max(f64::MIN_POSITIVE)).min(scale);
        plot.arrow([x, y], [x + dx * shown, y + dy * shown], Ink::ARROW);
    }
    plot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_even_shares_of_the_noise() {
        assert_eq!(places(&[0.0, 0.1, 0.2, 0.3, 0.4, 0.52, 0.76, 0.8, 1.0]), [0, 2, 5, 6, 8]);
        assert_eq!(places(&[0.0, 0.9]), [0, 0, 0, 1, 1], "a chain may be too short for all");
    }

    /// One arrow a hundred times as long as the others leaves these as they are.
    #[test]
    fn a_long_arrow_does_not_hide_the_others() {
        let even: Vec<f32> = (0..ARROWS * ARROWS).flat_map(|_| [0.1, 0.0]).collect();
        let mut one_long = even.clone();
        one_long[0] = 10.0;
        let dark = |moves: &[f32]| {
            let picture = Plot::tile(&[field(moves, 2)], 1, &Captions::default());
            (0..SIDE * SIDE).filter(|i| picture.at(i % SIDE, i / SIDE) != [255, 255, 255]).count()
        };
        let (even, one_long) = (dark(&even), dark(&one_long));
        assert!(one_long >= even && one_long < even + SIDE / 10, "{even} {one_long}");
    }
}
