use burn::prelude::*;

/// `KL(N(m, e^a) || N(m + error, e^b))` of each value, in nats.
///
/// # Shapes
///
/// - error, a, b: `[B, C, H, W]`, or broadcast to it
/// - result: `[B, C, H, W]`
pub fn gaussian_kl(error: Tensor<4>, a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    let ratio = a - b.clone();
    (error.square() * (-b).exp() + ratio.clone().exp() - ratio - 1.0) * 0.5
}

/// `-ln N(error; 0, e^a)` of each value, in nats; shapes as of [`gaussian_kl`].
pub(super) fn gaussian_nll(error: Tensor<4>, a: Tensor<4>) -> Tensor<4> {
    (error.square() * (-a.clone()).exp() + a + std::f64::consts::TAU.ln()) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(x: f64) -> Tensor<4> {
        Tensor::from_data([[[[x]]]], &Device::flex())
    }

    /// Nothing to learn where the two distributions are one; else the textbook's formula.
    #[test]
    fn divergence_of_two_gaussians() {
        assert_eq!(gaussian_kl(value(0.0), value(-3.0), value(-3.0)).into_scalar::<f64>(), 0.0);
        let (error, a, b) = (0.3_f64, 0.5_f64, 2.0_f64);
        let expected = (b / a).ln() / 2.0 + (a + error * error) / (2.0 * b) - 0.5;
        let ours = gaussian_kl(value(error), value(a.ln()), value(b.ln())).into_scalar::<f64>();
        assert!((ours - expected).abs() < 1e-6);
    }

    #[test]
    fn density_of_a_gaussian() {
        let ours = gaussian_nll(value(0.6), value(f64::ln(0.25))).into_scalar::<f64>();
        let expected = (std::f64::consts::TAU * 0.25).sqrt().ln() + 0.36 / 0.5;
        assert!((ours - expected).abs() < 1e-6);
    }
}
