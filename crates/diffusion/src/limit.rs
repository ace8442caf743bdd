use burn::prelude::*;
use schedules::NoiseLevel;

use crate::{Denoiser, DiffusionError, Prediction};

/// Keeps the predicted clean image within the range of the data.
pub struct LimitX0<D> {
    /// What predicts.
    pub inner: D,
    /// How its clean image is limited.
    pub limit: Limit,
    /// Whether the predicted noise stays as it was; else it becomes what the limited image leaves of `x`.
    pub keep_eps: bool,
}

/// How a clean image is limited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Clipped to `[-range, range]`.
    Clip {
        /// 1 for images.
        range: f64,
    },
    /// Clipped to a quantile of its own absolute values and divided by it (Saharia et al. 2022, section 2.3).
    Dynamic {
        /// Which quantile of each image.
        ratio: f64,
        /// The quantile counts as 1 at least and as this at most.
        max: f64,
    },
}

impl<D> LimitX0<D> {
    /// Clips to the range of images, `[-1, 1]`, as the released DDPM does.
    pub fn clip(inner: D) -> Self {
        Self { inner, limit: Limit::Clip { range: 1.0 }, keep_eps: false }
    }
}

impl<D: Denoiser> Denoiser for LimitX0<D> {
    fn denoise(&self, x: Tensor<4>, level: NoiseLevel) -> Result<Prediction, DiffusionError> {
        let Prediction { x0, eps, variance } = self.inner.denoise(x.clone(), level)?;
        let x0 = self.limit.apply(x0);
        let eps = if self.keep_eps { eps } else { (x - x0.clone() * level.alpha) / level.sigma };
        Ok(Prediction { x0, eps, variance })
    }
}

impl Limit {
    /// The limited image.
    ///
    /// # Shapes
    ///
    /// - x0, result: `[B, C, H, W]`
    pub fn apply(self, x0: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Clip { range } => x0.clamp(-range, range),
            Self::Dynamic { ratio, max } => {
                let bound = quantile_of_abs(x0.clone(), ratio).clamp(1.0, max);
                x0.max_pair(-bound.clone()).min_pair(bound.clone()) / bound
            }
        }
    }
}

/// The quantile of each image's absolute values, `[B, 1, 1, 1]`, interpolated linearly between neighbours.
fn quantile_of_abs(x: Tensor<4>, ratio: f64) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let values = channels * height * width;
    let sorted = x.abs().reshape([batch, values]).sort(1);
    let place = ratio * (values - 1) as f64;
    let below = (place as usize).min(values - 1);
    let above = (below + 1).min(values - 1);
    let share = place - below as f64;
    let at = |index: usize| sorted.clone().slice([0..batch, index..index + 1]);
    (at(below) * (1.0 - share) + at(above) * share).reshape([batch, 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: [f64; 4]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, 1, 4]), &Device::flex())
    }

    fn read(x: Tensor<4>) -> Vec<f64> {
        x.try_into_vec_as::<f64>().unwrap()
    }

    #[test]
    fn dynamic_thresholding_divides_by_the_quantile() {
        // The 5/6 quantile of 0.5, 1, 2, 4 lies half way between the last two.
        let limited = Limit::Dynamic { ratio: 5.0 / 6.0, max: 10.0 }.apply(row([0.5, -1.0, 2.0, -4.0]));
        for (ours, expected) in read(limited).iter().zip([0.5 / 3.0, -1.0 / 3.0, 2.0 / 3.0, -1.0]) {
            assert!((ours - expected).abs() < 1e-6);
        }
        let bounded = Limit::Dynamic { ratio: 1.0, max: 2.0 }.apply(row([0.5, -1.0, 2.0, -4.0]));
        assert_eq!(read(bounded), [0.25, -0.5, 1.0, -1.0]);
        let inside = Limit::Dynamic { ratio: 1.0, max: 2.0 }.apply(row([0.5, -0.25, 0.0, 0.5]));
        assert_eq!(read(inside), [0.5, -0.25, 0.0, 0.5]);
    }

    #[test]
    fn the_noise_follows_a_clipped_image_unless_it_is_kept() {
        struct Fixed;
        impl Denoiser for Fixed {
            fn denoise(&self, x: Tensor<4>, _: NoiseLevel) -> Result<Prediction, DiffusionError> {
                Ok(Prediction { x0: x.full_like(3.0), eps: x.full_like(0.5), variance: None })
            }
        }
        let level = NoiseLevel { alpha: 0.6, sigma: 0.8 };
        let eps = |keep_eps| {
            let limited = LimitX0 { inner: Fixed, limit: Limit::Clip { range: 2.0 }, keep_eps };
            let prediction = limited.denoise(row([2.0; 4]), level).unwrap();
            assert_eq!(read(prediction.x0), [2.0; 4]);
            read(prediction.eps)[0]
        };
        assert_eq!(eps(true), 0.5);
        assert!((eps(false) - 1.0).abs() < 1e-6);
    }
}
