//! What exponential integrators share: the exact solution of the linear part, and the moments of the rest.
//!
//! With `lambda = ln(alpha / sigma)` the probability-flow ODE is, in x0 and in eps,
//!
//! ```text
//! x_t / sigma_t = x_s / sigma_s + int e^lambda x0 dlambda        (Lu et al. 2022, "DPM-Solver++", eq. 8)
//! x_t / alpha_t = x_s / alpha_s - int e^-lambda eps dlambda      (Lu et al. 2022, "DPM-Solver", eq. 3.4)
//! ```
//!
//! Both are `x_t = ratio x_s + amplitude int_0^1 k e^(-k (1 - u)) f(u) du` with `u` from 0 at s to 1 at t, the second the
//! mirror image of the first. Solvers differ by the polynomial that they put for f.

use burn::prelude::*;
use schedules::NoiseLevel;
use serde::{Deserialize, Serialize};

use crate::Prediction;
use crate::solver::add_noise;

/// What a solver takes for smooth, and puts a polynomial for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Smooth {
    /// The clean image (DPM-Solver++).
    #[default]
    X0,
    /// The noise (DPM-Solver).
    Eps,
}

impl Smooth {
    pub(crate) fn of(self, prediction: &Prediction) -> Tensor<4> {
        match self {
            Self::X0 => prediction.x0.clone(),
            Self::Eps => prediction.eps.clone(),
        }
    }
}

/// The coefficients of a step between two levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transition {
    pub ratio: f64,
    pub amplitude: f64,
    pub k: f64,
    /// Variance of the noise drawn by the step.
    pub variance: f64,
}

impl Transition {
    /// The probability-flow ODE, or the reverse SDE with all noise drawn anew (Lu et al. 2022, "DPM-Solver++",
    /// section 4.3).
    pub(crate) fn new(smooth: Smooth, sde: bool, from: NoiseLevel, to: NoiseLevel) -> Self {
        let h = to.lambda() - from.lambda();
        match (smooth, sde) {
            (Smooth::X0, false) => {
                Self { ratio: to.sigma / from.sigma, amplitude: to.alpha, k: h, variance: 0.0 }
            }
            (Smooth::X0, true) => Self {
                ratio: to.sigma / from.sigma * (-h).exp(),
                amplitude: to.alpha,
                k: 2.0 * h,
                variance: -to.sigma.powi(2) * (-2.0 * h).exp_m1(),
            },
            (Smooth::Eps, false) => {
                Self { ratio: to.alpha / from.alpha, amplitude: to.sigma, k: -h, variance: 0.0 }
            }
            (Smooth::Eps, true) => Self {
                ratio: to.alpha / from.alpha,
                amplitude: 2.0 * to.sigma,
                k: -h,
                variance: to.sigma.powi(2) * (2.0 * h).exp_m1(),
            },
        }
    }
}

/// The step from a level without signal, where lambda is infinite and the image says nothing: to the clean image with the
/// noise kept, or with all of it drawn anew.
pub(crate) fn step_from_noise(
    prediction: &Prediction,
    sde: bool,
    to: NoiseLevel,
    noise: &mut dyn FnMut() -> Tensor<4>,
) -> Tensor<4> {
    if sde { add_noise(prediction.x0.clone() * to.alpha, to.sigma.powi(2), noise) } else { prediction.at(to) }
}

/// `int_0^1 k e^(-k (1 - u)) u^m du`.
pub(crate) fn moment(m: usize, k: f64) -> f64 {
    if k.abs() < 1.0 {
        // k m! sum_j (-k)^j / (m + j + 1)!, where the recursion would cancel.
        let mut term = k / (m + 1) as f64;
        let mut sum = 0.0;
        for j in 0..20 {
            sum += term;
            term *= -k / (m + j + 2) as f64;
        }
        return sum;
    }
    (1..=m).fold(-(-k).exp_m1(), |lower, j| 1.0 - j as f64 * lower / k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_agree_with_quadrature() {
        for k in [-3.0, -0.99, -1e-3, 1e-9, 0.5, 1.01, 4.0] {
            for m in 0..3 {
                let n = 20_000;
                let f = |u: f64| k * (-k * (1.0 - u)).exp() * u.powi(m as i32);
                let sum: f64 = (0..n).map(|i| f((i as f64 + 0.5) / n as f64)).sum::<f64>() / n as f64;
                assert!((moment(m, k) - sum).abs() < 1e-7 * (1.0 + sum.abs()), "m {m}, k {k}");
            }
        }
    }
}
