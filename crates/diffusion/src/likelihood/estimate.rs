use serde::Serialize;

/// A mean over images with the standard error that the choice of the images gives it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error; infinite for a single image.
    pub standard_error: f64,
    /// How many images.
    pub images: usize,
}

impl Estimate {
    /// Of one value for each image; of none, not a number.
    pub fn of(values: &[f64]) -> Self {
        let images = values.len();
        let mean = values.iter().sum::<f64>() / images as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let variance = if images > 1 { squares / (images - 1) as f64 } else { f64::INFINITY };
        Self { mean, standard_error: (variance / images as f64).sqrt(), images }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_that_of_the_mean() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 6.0]);
        assert_eq!(estimate.mean, 3.0);
        assert!((estimate.standard_error - (14.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        assert!(Estimate::of(&[1.0]).standard_error.is_infinite());
    }
}
