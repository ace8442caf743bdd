use serde::{Deserialize, Serialize};

use crate::NoiseLevel;

/// How much the squared error of the network's output counts at each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Weighting {
    /// The plain error of the network's output (`L_simple`, Ho et al. 2020, eq. 14).
    #[default]
    Uniform,
    /// The error of x0 weighted by `min(snr, gamma)` (Hang et al. 2023, eq. 8).
    MinSnr {
        /// Where the weight stops growing; the paper uses 5.
        #[serde(default = "default_gamma")]
        gamma: f64,
    },
}

fn default_gamma() -> f64 {
    5.0
}

impl Weighting {
    /// The factor of the squared error of the network's output at `level`, where `x0_error` is how much the
    /// squared error of x0 is per unit of the output's (1 for x0, `1/snr` for eps, `sigma^2` for v).
    pub fn of(self, level: NoiseLevel, x0_error: f64) -> f64 {
        match self {
            Self::Uniform => 1.0,
            Self::MinSnr { gamma } => level.snr().min(gamma) * x0_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_snr_has_the_papers_forms() {
        let weighting = Weighting::MinSnr { gamma: 5.0 };
        for bar in [0.05, 0.5, 0.95] {
            let level = NoiseLevel::from_alpha_cumprod(bar);
            let snr = bar / (1.0 - bar);
            let eps = weighting.of(level, 1.0 / level.snr());
            let v = weighting.of(level, level.sigma.powi(2));
            assert!((eps - snr.min(5.0) / snr).abs() < 1e-12);
            assert!((v - snr.min(5.0) / (snr + 1.0)).abs() < 1e-12);
        }
    }
}
