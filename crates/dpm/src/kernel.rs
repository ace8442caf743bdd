use std::f64::consts::{E, PI};

use burn::prelude::*;

/// A distribution of one state of a chain, independent in every value: of `x^{t-1}` given `x^t`, or of `x^t` given `x^0`.
///
/// Tensors broadcast to `[G, N, D]`: G steps of the chain, N states each, D values to a state.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// Normal.
    Gaussian {
        /// Mean.
        mean: Tensor<3>,
        /// Variance.
        variance: Tensor<3>,
    },
    /// Values 0 and 1. Both logarithms are kept, for one of the two is far more exact than the other.
    Bernoulli {
        /// Logarithm of the probability of 1.
        log_one: Tensor<3>,
        /// Logarithm of the probability of 0.
        log_zero: Tensor<3>,
    },
}

impl Kernel {
    /// Values that are 1 with probability `sigmoid(logit)`.
    pub fn bernoulli(logit: Tensor<3>) -> Self {
        Self::Bernoulli { log_one: log_sigmoid(logit.clone()), log_zero: log_sigmoid(-logit) }
    }

    /// Draws a state from standard normal noise `[G, N, D]` (Gaussian) or uniform noise in `[0, 1)` (Bernoulli).
    pub fn draw(&self, noise: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gaussian { mean, variance } => mean.clone() + variance.clone().sqrt() * noise,
            Self::Bernoulli { log_one, .. } => {
                let one = log_one.clone().exp().expand(noise.dims());
                noise.lower(one).float()
            }
        }
    }

    /// The mean, or the probability of 1.
    pub fn mean(&self) -> Tensor<3> {
        match self {
            Self::Gaussian { mean, .. } => mean.clone(),
            Self::Bernoulli { log_one, .. } => log_one.clone().exp(),
        }
    }

    /// `KL(self || other)` in nats, summed over the values of each state.
    ///
    /// # Shapes
    ///
    /// - result: `[G, N, 1]`
    ///
    /// # Panics
    ///
    /// If one is Gaussian and the other is not.
    pub fn divergence(&self, other: &Self) -> Tensor<3> {
        match (self, other) {
            (Self::Gaussian { mean, variance }, Self::Gaussian { mean: other_mean, variance: other }) => {
                let ratio = variance.clone() / other.clone();
                let shift = (mean.clone() - other_mean.clone()).square() / other.clone();
                ((ratio.clone() + shift - 1.0 - ratio.log()) * 0.5).sum_dim(2)
            }
            (
                Self::Bernoulli { log_one, log_zero },
                Self::Bernoulli { log_one: other_one, log_zero: other_zero },
            ) => {
                let one = log_one.clone().exp() * (log_one.clone() - other_one.clone());
                let zero = log_zero.clone().exp() * (log_zero.clone() - other_zero.clone());
                (one + zero).sum_dim(2)
            }
            _ => unreachable!("a chain has one kind of kernel"),
        }
    }

    /// Entropy in nats of a state of `values` values.
    ///
    /// # Shapes
    ///
    /// - result: `[G, N, 1]`, or `[G, 1, 1]` where all N states have the same
    pub fn entropy(&self, values: usize) -> Tensor<3> {
        let each = match self {
            Self::Gaussian { variance, .. } => (variance.clone() * (2.0 * PI * E)).log() * 0.5,
            Self::Bernoulli { log_one, log_zero } => {
                -(log_one.clone().exp() * log_one.clone() + log_zero.clone().exp() * log_zero.clone())
            }
        };
        let own = each.dims()[2];
        each.sum_dim(2) * (values / own) as f64
    }

    /// The normalised product with a factor `r(x)`, of which the gradient of the logarithm is known at the mean: the
    /// mean moves by the variance times that (Sohl-Dickstein et al. 2015, section 2.5 and table App.1). For values 0 and 1 the
    /// "gradient" is `log r(1) - log r(0)`, and the product is exact.
    pub fn perturbed(&self, gradient: impl FnOnce(Tensor<3>) -> Tensor<3>) -> Self {
        match self {
            Self::Gaussian { mean, variance } => Self::Gaussian {
                mean: mean.clone() + variance.clone() * gradient(mean.clone()),
                variance: variance.clone(),
            },
            Self::Bernoulli { log_one, log_zero } => {
                let shift = gradient(log_one.clone().exp());
                Self::bernoulli(log_one.clone() - log_zero.clone() + shift)
            }
        }
    }
}

/// `ln sigmoid(x)` without loss where it is near 0.
fn log_sigmoid(x: Tensor<3>) -> Tensor<3> {
    -((-x.clone().abs()).exp().log1p() + (-x).clamp_min(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> Tensor<3> {
        Tensor::full([1, 1, 1], value, &Device::flex())
    }

    fn gaussian(mean: f64, variance: f64) -> Kernel {
        Kernel::Gaussian { mean: number(mean), variance: number(variance) }
    }

    fn value(x: Tensor<3>) -> f64 {
        x.into_scalar::<f64>()
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1e-3), "{found} is not {expected}");
    }

    /// `ln(s2/s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2`.
    #[test]
    fn the_divergence_of_gaussians_is_the_closed_form() {
        let expected = (3.0f64 / 2.0).ln() + (4.0 + 0.25) / 18.0 - 0.5;
        close(value(gaussian(1.0, 4.0).divergence(&gaussian(1.5, 9.0))), expected);
        close(value(gaussian(0.0, 0.25).entropy(1)), 0.5 * (2.0 * PI * E * 0.25).ln());
        close(value(gaussian(0.0, 0.25).entropy(6)), 3.0 * (2.0 * PI * E * 0.25).ln());
    }

    #[test]
    fn the_divergence_of_rare_bits_is_exact() {
        let logit = |p: f64| Kernel::bernoulli(number((p / (1.0 - p)).ln()));
        for (p, q) in [(0.3f64, 0.6f64), (5e-4, 4e-4), (1.0 - 5e-4, 1.0 - 6e-4)] {
            let expected = p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln();
            let found = value(logit(p).divergence(&logit(q)));
            assert!((found - expected).abs() < 1e-3 * expected, "{found} is not {expected}");
        }
        close(value(logit(0.2).entropy(1)), -(0.2 * 0.2f64.ln() + 0.8 * 0.8f64.ln()));
    }

    /// N(1, 4) times exp(0.25 x) is N(1 + 4 * 0.25, 4); a bit of odds 1:3 against a factor of 6 has odds 2:1.
    #[test]
    fn products_with_a_factor_are_the_closed_form() {
        let Kernel::Gaussian { mean, variance } =
            gaussian(1.0, 4.0).perturbed(|mean| mean.zeros_like() + 0.25)
        else {
            panic!("a Gaussian stays one")
        };
        assert_eq!((value(mean), value(variance)), (2.0, 4.0));
        let bit = Kernel::bernoulli(number((1.0f64 / 3.0).ln())).perturbed(|_| number(6.0f64.ln()));
        close(value(bit.mean()), 2.0 / 3.0);
    }

    #[test]
    fn bits_are_drawn_by_their_probability() {
        let noise = Tensor::<3>::from_data([[[0.0, 0.19, 0.21, 0.99]]], &Device::flex());
        let drawn = Kernel::bernoulli(number((0.2f64 / 0.8).ln())).draw(noise);
        assert_eq!(drawn.try_into_vec_as::<f32>().unwrap(), [1.0, 1.0, 0.0, 0.0]);
    }
}
