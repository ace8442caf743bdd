use crate::error::MetricError;
use crate::features::Features;
use crate::neighbours::nearest;

/// Whether images are nearer to what a model was trained on than fresh images are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memorisation {
    /// The median over the images of the distance to the nearest training image over that to the nearest test image.
    pub ratio: f64,
    /// The same for each test image, with the other test images: what a model that memorises nothing has.
    pub fresh_ratio: f64,
    /// The share of the images that are nearer to a training image than 95 % of the test images are; 0.05 for a model that
    /// memorises nothing.
    pub copies: f64,
}

/// Compares the neighbours of images in pixels or features.
///
/// # Errors
///
/// If the sets are of different kinds, or there are fewer than two test images, or no others.
pub fn memorisation(
    images: &Features,
    train: &Features,
    test: &Features,
) -> Result<Memorisation, MetricError> {
    images.comparable(train, 1)?;
    train.comparable(test, 1)?;
    test.comparable(test, 2)?;
    let (to_train, fresh_to_train) = (nearest(images, train, false), nearest(test, train, false));
    let near = quantile(fresh_to_train.clone(), 0.05);
    let copies = to_train.iter().filter(|distance| **distance < near).count();
    Ok(Memorisation {
        copies: copies as f64 / images.len() as f64,
        ratio: median_ratio(&to_train, &nearest(images, test, false)),
        fresh_ratio: median_ratio(&fresh_to_train, &nearest(test, test, true)),
    })
}

fn median_ratio(above: &[f64], below: &[f64]) -> f64 {
    // An image that is in both sets is as near to one as to the other.
    let ratio = |(above, below): (&f64, &f64)| if above == below { 1.0 } else { above / below };
    quantile(above.iter().zip(below).map(ratio).collect(), 0.5)
}

/// By linear interpolation between the order statistics.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = share * (values.len() - 1) as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    if below == above { below } else { below + (above - below) * place.fract() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use random::Seed;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(vec![4.0, 0.0], 0.25), 1.0);
    }

    /// Fresh images are as the test images are; copies with a little noise are not.
    #[test]
    fn copies_are_found_and_fresh_images_are_not() {
        let draw = |index, n: usize| Features::new(Seed(1).stream("tests", index).normal(8 * n), 8).unwrap();
        let (train, test, fresh) = (draw(0, 400), draw(1, 400), draw(2, 400));
        let found = memorisation(&fresh, &train, &test).unwrap();
        assert!((found.ratio - found.fresh_ratio).abs() < 0.05, "{found:?}");
        assert!((found.copies - 0.05).abs() < 0.03, "{found:?}");

        let near =
            train.rows().flatten().zip(draw(3, 400).rows().flatten()).map(|(x, z)| x + 0.01 * z).collect();
        let found = memorisation(&Features::new(near, 8).unwrap(), &train, &test).unwrap();
        assert!(found.ratio < 0.05 && found.copies > 0.99, "{found:?}");
    }
}
