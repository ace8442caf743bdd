use data::{DataError, HostBatch};

use crate::Examples;

/// Images of which nothing is known, each turned by 0, 1, 2 and 3 quarters: the class is the turn, and to tell it a network
/// must know what the images show (Gidaris et al. 2018, arXiv 1803.07728). Images that are no squares are turned by halves.
#[derive(Clone, Copy, Debug)]
pub struct QuarterTurns<E>(pub E);

impl<E: Examples> Examples for QuarterTurns<E> {
    fn count(&self) -> usize {
        self.classes() * self.0.count()
    }

    fn shape(&self) -> [usize; 3] {
        self.0.shape()
    }

    fn classes(&self) -> usize {
        let [_, height, width] = self.shape();
        if height == width { 4 } else { 2 }
    }

    fn batch(&self, indices: &[usize]) -> Result<HostBatch, DataError> {
        let classes = self.classes();
        let images: Vec<usize> = indices.iter().map(|index| index / classes).collect();
        let turns: Vec<usize> = indices.iter().map(|index| index % classes).collect();
        let mut batch = self.0.batch(&images)?;
        let [_, channels, height, width] = batch.shape;
        for (number, plane) in batch.pixels.chunks_exact_mut(height * width).enumerate() {
            turn(plane, width, turns[number / channels] * 4 / classes);
        }
        Ok(HostBatch { labels: Some(turns), ..batch })
    }
}

/// Turns a plane against the clock; only a square by an odd number of quarters.
fn turn(plane: &mut [f32], width: usize, quarters: usize) {
    if quarters >= 2 {
        plane.reverse();
    }
    if quarters % 2 == 1 {
        let old = plane.to_vec();
        for (place, value) in plane.iter_mut().enumerate() {
            let (row, column) = (place / width, place % width);
            *value = old[column * width + width - 1 - row];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of two channels.
    struct Numbered([usize; 2]);

    impl Examples for Numbered {
        fn count(&self) -> usize {
            2
        }

        fn shape(&self) -> [usize; 3] {
            [2, self.0[0], self.0[1]]
        }

        fn classes(&self) -> usize {
            1
        }

        fn batch(&self, indices: &[usize]) -> Result<HostBatch, DataError> {
            let size = 2 * self.0[0] * self.0[1];
            let pixels = indices.iter().flat_map(|index| (0..size).map(move |i| (100 * index + i) as f32));
            Ok(HostBatch {
                pixels: pixels.collect(),
                labels: None,
                shape: [indices.len(), 2, self.0[0], self.0[1]],
            })
        }
    }

    #[test]
    fn every_image_is_turned_four_ways() {
        let turned = QuarterTurns(Numbered([2, 2]));
        assert_eq!((turned.count(), turned.classes()), (8, 4));
        let batch = turned.batch(&[5, 6, 3, 4]).unwrap();
        assert_eq!(batch.labels, Some(vec![1, 2, 3, 0]));
        let expected = [
            [101.0, 103.0, 100.0, 102.0, 105.0, 107.0, 104.0, 106.0],
            [103.0, 102.0, 101.0, 100.0, 107.0, 106.0, 105.0, 104.0],
            [2.0, 0.0, 3.0, 1.0, 6.0, 4.0, 7.0, 5.0],
            [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0],
        ];
        assert_eq!(batch.pixels, expected.concat());
    }

    #[test]
    fn a_rectangle_is_turned_by_halves() {
        let turned = QuarterTurns(Numbered([1, 2]));
        assert_eq!((turned.count(), turned.classes()), (4, 2));
        let batch = turned.batch(&[0, 3]).unwrap();
        assert_eq!(
            (batch.labels, batch.pixels),
            (Some(vec![0, 1]), vec![0.0, 1.0, 2.0, 3.0, 101.0, 100.0, 103.0, 102.0])
        );
    }
}
