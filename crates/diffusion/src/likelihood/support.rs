use std::f64::consts::FRAC_2_PI;

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::gaussian::gaussian_nll;

/// Half the distance between two of the 256 values of a pixel in `[-1, 1]`.
const HALF_BIN: f64 = 1.0 / 255.0;

/// What values data may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// The 256 values of an 8-bit pixel, from -1 to 1: their likelihood is a probability.
    #[default]
    Pixels,
    /// All numbers: their likelihood is a density.
    Continuous,
}

impl Support {
    /// `-ln p(x0)` of each value under `N(mean, e^log_variance)`, in nats; of a pixel, the probability of its bin, of
    /// which the outermost are open (Ho et al. 2020, eq. 13).
    ///
    /// # Shapes
    ///
    /// - x0, mean, result: `[B, C, H, W]`
    /// - log_variance: the same, or broadcast to it
    pub fn nll(self, x0: Tensor<4>, mean: Tensor<4>, log_variance: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Pixels => pixel_nll(x0, mean, log_variance),
            Self::Continuous => gaussian_nll(x0 - mean, log_variance),
        }
    }

    /// Data that have a density: pixels spread evenly over their bins by `uniform` values in `[0, 1)`
    /// (Theis et al. 2015, section 3.1).
    ///
    /// # Shapes
    ///
    /// - x0, uniform, result: `[B, C, H, W]`
    pub fn dequantized(self, x0: Tensor<4>, uniform: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Pixels => x0 + (uniform - 0.5) * (2.0 * HALF_BIN),
            Self::Continuous => x0,
        }
    }

    /// What a density's bits/dim are to be increased by: the width of a bin, `log2(255 / 2)` for pixels.
    pub fn offset(self) -> f64 {
        match self {
            Self::Pixels => -(2.0 * HALF_BIN).log2(),
            Self::Continuous => 0.0,
        }
    }
}

fn pixel_nll(x0: Tensor<4>, mean: Tensor<4>, log_variance: Tensor<4>) -> Tensor<4> {
    let precision = (log_variance * -0.5).exp();
    let centred = x0.clone() - mean;
    let upper = normal_cdf((centred.clone() + HALF_BIN) * precision.clone());
    let lower = normal_cdf((centred - HALF_BIN) * precision);
    let upper = upper.mask_fill(x0.clone().greater_scalar(1.0 - HALF_BIN), 1.0);
    let lower = lower.mask_fill(x0.lower_scalar(HALF_BIN - 1.0), 0.0);
    -(upper - lower).clamp_min(1e-12).log()
}

/// Page's approximation (1977, Applied Statistics 26, 75-76), within 2e-4: that of the published implementation, so that
/// figures can be compared.
fn normal_cdf(x: Tensor<4>) -> Tensor<4> {
    let cubic = x.clone().powi_scalar(3) * 0.044715 + x;
    ((cubic * FRAC_2_PI.sqrt()).tanh() + 1.0) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(values: &[f32]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1, 1, 1]), &Device::flex())
    }

    fn pixels() -> Tensor<4> {
        image(&std::array::from_fn::<f32, 256, _>(|pixel| pixel as f32 / 127.5 - 1.0))
    }

    fn values(x: Tensor<4>) -> Vec<f64> {
        x.try_into_vec_as::<f64>().unwrap()
    }

    /// The 256 bins share out all of the probability.
    #[test]
    fn the_probabilities_of_a_pixel_add_up_to_one() {
        for (mean, deviation) in [(0.1, 0.02), (-1.0, 0.5), (0.97, 2.0)] {
            let like = |value: f64| image(&[value as f32; 256]);
            let nll = Support::Pixels.nll(pixels(), like(mean), like(2.0 * f64::ln(deviation)));
            let sum: f64 = values(nll).iter().map(|nll| (-nll).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum} at {mean}, {deviation}");
        }
    }

    /// A wide Gaussian is flat over a bin, so that a probability is the density times the width.
    #[test]
    fn the_offset_is_the_width_of_a_bin() {
        let (x0, mean, log_variance) = (image(&[0.2]), image(&[0.1]), image(&[f32::ln(0.09)]));
        let bits = |support: Support| {
            values(support.nll(x0.clone(), mean.clone(), log_variance.clone()))[0] / std::f64::consts::LN_2
        };
        let expected = bits(Support::Continuous) + Support::Pixels.offset();
        assert!((bits(Support::Pixels) - expected).abs() < 5e-3);
    }

    #[test]
    fn bins_touch_and_do_not_overlap() {
        let ends = |uniform: f32| values(Support::Pixels.dequantized(pixels(), image(&[uniform; 256])));
        for (upper, lower) in ends(1.0).iter().zip(&ends(0.0)[1..]) {
            assert!((upper - lower).abs() < 1e-6);
        }
    }
}
