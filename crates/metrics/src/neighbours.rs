use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::features::Features;

/// Rows of the table of distances that are in memory at once, for each thread.
const BLOCK: usize = 128;

/// `f(i, distances)` for every image `i` of `from`, with its squared distances to all images of `to`.
pub(crate) fn map_distances<R: Send>(
    from: &Features,
    to: &Features,
    f: impl Fn(usize, &[f64]) -> R + Sync,
) -> Vec<R> {
    let targets = to.columns();
    let target_norms: Vec<f64> = targets.column_iter().map(|column| column.norm_squared()).collect();
    let targets = targets.transpose();
    let indices: Vec<usize> = (0..from.len()).collect();
    let blocks = indices.par_chunks(BLOCK).map(|block| {
        let sources = from.select(block).columns();
        // Column j holds the products of source j.
        let products: DMatrix<f64> = &targets * &sources;
        let each = block.iter().zip(sources.column_iter().zip(products.column_iter()));
        each.map(|(&index, (source, products))| {
            let norm = source.norm_squared();
            let distance = |(product, target): (&f64, &f64)| (norm + target - 2.0 * product).max(0.0);
            let distances: Vec<f64> = products.iter().zip(&target_norms).map(distance).collect();
            f(index, &distances)
        })
        .collect::<Vec<R>>()
    });
    blocks.flatten().collect()
}

/// The squared distance of each image to its `k`-th nearest other image of the set.
pub(crate) fn radii(set: &Features, k: usize) -> Vec<f64> {
    map_distances(set, set, |index, distances| {
        let mut others = distances.to_vec();
        others.swap_remove(index);
        *others.select_nth_unstable_by(k - 1, f64::total_cmp).1
    })
}

/// The distance of each image of `from` to the nearest of `to`; `same` says that they are one set, in which an image is
/// not its own neighbour.
pub(crate) fn nearest(from: &Features, to: &Features, same: bool) -> Vec<f64> {
    map_distances(from, to, |index, distances| {
        let others = distances.iter().enumerate().filter(|(other, _)| !(same && *other == index));
        others.map(|(_, distance)| *distance).fold(f64::INFINITY, f64::min).sqrt()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[f32]) -> Features {
        Features::new(points.to_vec(), 1).unwrap()
    }

    #[test]
    fn an_image_is_not_its_own_neighbour() {
        let points = line(&[0.0, 1.0, 3.0, 7.0]);
        assert_eq!(radii(&points, 1), [1.0, 1.0, 4.0, 16.0]);
        assert_eq!(radii(&points, 2), [9.0, 4.0, 9.0, 36.0]);
        assert_eq!(nearest(&points, &points, true), [1.0, 1.0, 2.0, 4.0]);
        assert_eq!(nearest(&points, &points, false), [0.0; 4]);
    }

    /// More images than a block holds, against the definition.
    #[test]
    fn blocks_join() {
        let wave = |n: usize, pace: f32| {
            Features::new((0..3 * n).map(|i| (pace * i as f32).sin()).collect(), 3).unwrap()
        };
        let (from, to) = (wave(300, 0.7), wave(40, 1.3));
        let rows: Vec<Vec<f64>> = map_distances(&from, &to, |_, distances| distances.to_vec());
        assert_eq!(rows.len(), 300);
        for (source, row) in from.rows().zip(rows) {
            for (target, found) in to.rows().zip(row) {
                let expected: f64 =
                    source.iter().zip(target).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
                assert!((found - expected).abs() < 1e-12);
            }
        }
    }
}
