use serde::{Deserialize, Serialize};

use crate::exponential::moment;

/// The polynomial that a DPM-Solver puts for the smooth function, through its values at the newest levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polynomial {
    /// The slope counts as at the middle of the step (Lu et al. 2022, "DPM-Solver++", algorithm 2).
    #[default]
    Midpoint,
    /// The slope is integrated exactly, the curvature with half its weight (the released code's `heun` type and its
    /// third order).
    Heun,
    /// Slope and curvature are integrated exactly: DEIS in log-rho (Zhang & Chen 2022, eq. 15), of true third order.
    Exact,
}

/// Weights of the values at `u = 0` and at each of `nodes` (up to two more) in `int_0^1 k e^(-k (1 - u)) p(u) du`.
pub(crate) fn weights(polynomial: Polynomial, k: f64, nodes: &[f64]) -> Vec<f64> {
    let constant = moment(0, k);
    match *nodes {
        [] => vec![constant],
        [first] => {
            let slope = if polynomial == Polynomial::Midpoint { constant / 2.0 } else { moment(1, k) };
            vec![constant - slope / first, slope / first]
        }
        [first, second, ..] => {
            let share = if polynomial == Polynomial::Exact { 1.0 } else { 0.5 };
            let (slope, curvature) = (moment(1, k), share * moment(2, k));
            // Newton's form: p(u) = f0 + [f0, f1] u + [f0, f1, f2] u (u - u1).
            let bent = curvature - slope * first;
            let bent = bent / (second - first);
            let (at_first, at_second) = ((slope - bent) / first, bent / second);
            vec![constant - at_first - at_second, at_first, at_second]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_polynomial_integrates_quadratics() {
        let (k, nodes) = (0.8, [-0.7, -1.9]);
        let weights = weights(Polynomial::Exact, k, &nodes);
        let f = |u: f64| 2.0 - 3.0 * u + 5.0 * u * u;
        let ours = weights[0] * f(0.0) + weights[1] * f(nodes[0]) + weights[2] * f(nodes[1]);
        let exact = 2.0 * moment(0, k) - 3.0 * moment(1, k) + 5.0 * moment(2, k);
        assert!((ours - exact).abs() < 1e-12, "{ours} is not {exact}");
    }

    #[test]
    fn constants_are_kept_by_all() {
        for polynomial in [Polynomial::Midpoint, Polynomial::Heun, Polynomial::Exact] {
            for nodes in [&[][..], &[-0.5], &[0.3, 0.6]] {
                let sum: f64 = weights(polynomial, 1.7, nodes).iter().sum();
                assert!((sum - moment(0, 1.7)).abs() < 1e-12, "{polynomial:?}");
            }
        }
    }
}
