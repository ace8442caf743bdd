use serde::{Deserialize, Serialize};

use crate::{NoiseLevel, ScheduleError, normal};

/// EDM's noise: `x = x0 + sigma eps` with any sigma (Karras et al. 2022, arXiv 2206.00364, table 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edm {
    /// Mean of the normal distribution of `ln sigma` in training.
    pub p_mean: f64,
    /// Its deviation.
    pub p_std: f64,
    /// The sigma that a sampler makes its last step from.
    pub sigma_min: f64,
    /// The sigma that a sampler begins at.
    pub sigma_max: f64,
}

impl Default for Edm {
    /// The paper's, for images.
    fn default() -> Self {
        Self { p_mean: -1.2, p_std: 1.2, sigma_min: 0.002, sigma_max: 80.0 }
    }
}

impl Edm {
    /// `c_noise = ln(sigma) / 4`, what the network is told of a level, however the level is scaled.
    pub fn timestep(&self, level: NoiseLevel) -> f64 {
        0.25 * level.ratio().ln()
    }

    /// The level that the network is told of as `timestep`.
    pub fn level(&self, timestep: f64) -> NoiseLevel {
        Self::at((4.0 * timestep).exp())
    }

    /// The level of a sigma.
    pub fn at(sigma: f64) -> NoiseLevel {
        NoiseLevel { alpha: 1.0, sigma }
    }

    /// The level that a share of those trained at lies below: `ln sigma` is normally distributed.
    pub fn quantile(&self, share: f64) -> NoiseLevel {
        Self::at((self.p_mean + self.p_std * normal::quantile(share)).exp())
    }

    pub(crate) fn validate(&self) -> Result<(), ScheduleError> {
        let Self { p_mean, p_std, sigma_min, sigma_max } = *self;
        let above = |value: f64, least: f64| value > least && value < 1e6;
        let keys = [
            ("p_mean", p_mean, p_mean.abs() < 100.0, "between -100 and 100"),
            ("p_std", p_std, p_std > 0.0 && p_std < 100.0, "above 0 and below 100"),
            ("sigma_min", sigma_min, above(sigma_min, 0.0), "above 0 and below 1e6"),
            ("sigma_max", sigma_max, above(sigma_max, sigma_min), "above sigma_min and below 1e6"),
        ];
        ScheduleError::first_out_of_range(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_of_sigma_is_normal() {
        let edm = Edm::default();
        let log = |share| edm.quantile(share).sigma.ln();
        assert!((log(0.5) + 1.2).abs() < 1e-9);
        // One deviation above.
        assert!(log(0.841_344_746_068_542_9).abs() < 1e-9);
        let draws: Vec<f64> = (0..1000).map(|i| log((f64::from(i) + 0.5) / 1000.0)).collect();
        let mean = draws.iter().sum::<f64>() / 1000.0;
        let std = (draws.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 1000.0).sqrt();
        assert!((mean + 1.2).abs() < 1e-9 && (std - 1.2).abs() < 5e-3, "{mean} {std}");
    }

    #[test]
    fn impossible_keys_are_named() {
        let check = |edm: Edm| edm.validate().unwrap_err().to_string();
        assert_eq!(
            check(Edm { p_std: 0.0, ..Edm::default() }),
            "schedule: p_std = 0: it must be above 0 and below 100"
        );
        assert!(check(Edm { sigma_max: 0.001, ..Edm::default() }).contains("sigma_max"));
        assert!(check(Edm { sigma_min: f64::NAN, ..Edm::default() }).contains("sigma_min"));
    }
}
