//! Noise ratios `sigma / alpha` laid out between two ends, noisiest first.

use crate::betas::linspace;

/// Evenly in `ratio^(1/rho)` (Karras et al. 2022, eq. 5, who use rho 7).
pub fn karras(max: f64, min: f64, steps: usize, rho: f64) -> Vec<f64> {
    let root = |ratio: f64| ratio.powf(rho.recip());
    linspace(root(max), root(min), steps).map(|root| root.powf(rho)).collect()
}

/// Evenly in the logarithm, which is evenly in lambda.
pub fn exponential(max: f64, min: f64, steps: usize) -> Vec<f64> {
    linspace(max.ln(), min.ln(), steps).map(f64::exp).collect()
}

/// By the quantiles of a beta distribution with both shapes 0.6: dense at both ends (Lee et al. 2024, section 4).
pub fn beta(max: f64, min: f64, steps: usize) -> Vec<f64> {
    linspace(1.0, 0.0, steps).map(|share| min + beta_quantile(share) * (max - min)).collect()
}

/// Both shapes of the beta distribution.
const SHAPE: f64 = 0.6;

/// The quantile of the symmetric beta distribution, by halving: its lower half, and the upper one by symmetry.
fn beta_quantile(share: f64) -> f64 {
    if share > 0.5 {
        return 1.0 - beta_quantile(1.0 - share);
    }
    let wanted = share * 2.0 * incomplete_beta(0.5);
    let (mut low, mut high) = (0.0, 0.5);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if incomplete_beta(middle) < wanted { low = middle } else { high = middle }
    }
    high * f64::from(share > 0.0)
}

/// `int_0^x (t (1 - t))^(SHAPE - 1) dt` by its power series, for x up to 1/2.
fn incomplete_beta(x: f64) -> f64 {
    let (mut power, mut sum) = (x.powf(SHAPE), 0.0);
    for n in 0..60 {
        let n = f64::from(n);
        sum += power / (SHAPE + n);
        power *= x * (n + 1.0 - SHAPE) / (n + 1.0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_falls_from_end_to_end() {
        for sigmas in [karras(80.0, 0.002, 20, 7.0), exponential(80.0, 0.002, 20), beta(80.0, 0.002, 20)] {
            assert!((sigmas[0] - 80.0).abs() < 1e-9 && (sigmas[19] - 0.002).abs() < 1e-12);
            assert!(sigmas.windows(2).all(|pair| pair[0] > pair[1]), "{sigmas:?}");
        }
    }

    #[test]
    fn layouts_have_their_closed_forms_in_the_middle() {
        let middle = |sigmas: Vec<f64>| sigmas[1];
        assert!((middle(karras(16.0, 1.0, 3, 2.0)) - 6.25).abs() < 1e-12);
        assert!((middle(exponential(16.0, 1.0, 3)) - 4.0).abs() < 1e-12);
        assert!((middle(beta(16.0, 1.0, 3)) - 8.5).abs() < 1e-9);
        // By quadrature of the density.
        assert!((beta(1.0, 0.0, 5)[3] - 0.175_680_378).abs() < 1e-8);
    }
}
