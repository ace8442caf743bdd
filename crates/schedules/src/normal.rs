//! The standard normal distribution.

use std::f64::consts::PI;

/// The value below which a share of it lies, for shares in `(0, 1)`.
pub(crate) fn quantile(share: f64) -> f64 {
    if share > 0.5 {
        return -quantile(1.0 - share);
    }
    let (mut low, mut high) = (-40.0, 0.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if tail(-middle) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The share above `x`, for `x` of at least 0.
fn tail(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
    if x < 3.0 {
        // 1/2 - density (x + x^3/3 + x^5/(3 5) + ...), whose terms are all positive.
        let (mut term, mut sum) = (x, 0.0);
        for n in 1..80 {
            sum += term;
            term *= x * x / f64::from(2 * n + 1);
        }
        return 0.5 - density * sum;
    }
    // Laplace's continued fraction: density / (x + 1/(x + 2/(x + ...))).
    density / (1..80).rev().fold(x, |rest, n| x + f64::from(n) / rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From tables of the distribution, to the digits that they have.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (share, expected) in [
            (0.5, 0.0),
            (0.841_344_746_068_542_9, 1.0),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
        ] {
            assert!((quantile(share) - expected).abs() < 1e-9, "{share}: {}", quantile(share));
        }
    }

    #[test]
    fn both_forms_of_the_tail_agree() {
        assert!((tail(3.0 - 1e-9) / tail(3.0) - 1.0).abs() < 1e-8);
    }
}
