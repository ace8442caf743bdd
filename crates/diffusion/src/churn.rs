use burn::prelude::*;
use schedules::NoiseLevel;
use serde::{Deserialize, Serialize};

use crate::Stage;

/// Noise added before a step, so that a deterministic solver forgets its errors (Karras et al. 2022, algorithm 2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Churn {
    /// `S_churn`: how much noise over the whole walk; 0 is none.
    pub amount: f64,
    /// `S_tmin`: none below this sigma.
    pub sigma_min: f64,
    /// `S_tmax`: none above this sigma.
    #[serde(skip_serializing_if = "unbounded")]
    pub sigma_max: f64,
    /// `S_noise`: deviation of the noise, a little above 1 against lost detail.
    pub deviation: f64,
}

fn unbounded(sigma: &f64) -> bool {
    sigma.is_infinite()
}

impl Default for Churn {
    fn default() -> Self {
        Self { amount: 0.0, sigma_min: 0.0, sigma_max: f64::INFINITY, deviation: 1.0 }
    }
}

impl Churn {
    /// Its options, each with the least and the most that it may be.
    pub(crate) fn ranges(self) -> Vec<(&'static str, f64, f64, f64)> {
        vec![
            ("churn.amount", self.amount, 0.0, 1e6),
            ("churn.sigma_min", self.sigma_min, 0.0, f64::INFINITY),
            ("churn.sigma_max", self.sigma_max, 0.0, f64::INFINITY),
            ("churn.deviation", self.deviation, 0.0, 10.0),
        ]
    }

    /// The image with its noise raised, and where it is then.
    pub(crate) fn apply(
        self,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> (Tensor<4>, NoiseLevel) {
        let NoiseLevel { alpha, sigma } = stage.from;
        let gamma = (self.amount / stage.total as f64).min(std::f64::consts::SQRT_2 - 1.0);
        if gamma <= 0.0 || !(self.sigma_min..=self.sigma_max).contains(&sigma) {
            return (x, stage.from);
        }
        let raised = sigma * (1.0 + gamma);
        let added = (raised.powi(2) - sigma.powi(2)).sqrt() * self.deviation;
        (x + noise() * added, NoiseLevel { alpha, sigma: raised })
    }
}
