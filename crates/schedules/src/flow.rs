use serde::{Deserialize, Serialize};

use crate::{FlowShift, NoiseLevel, ScheduleError, normal};

/// Flow matching's noise: `x = (1 - t) x0 + t eps`, t from 0 to 1 (Lipman et al. 2022, arXiv 2210.02747, section 4.1; Liu
/// et al. 2022, arXiv 2209.03003).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flow {
    /// Pushes the levels of training and sampling towards noise, as large pictures need (Esser et al. 2024, eq. 23).
    pub shift: f64,
    /// How t is drawn in training, before it is shifted.
    pub times: FlowTimes,
}

/// How the times of a flow are drawn in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FlowTimes {
    /// All alike.
    #[default]
    Uniform,
    /// `ln(t / (1 - t))` is normal, so that the middle is trained most (Esser et al. 2024, arXiv 2403.03206, eq. 19).
    LogitNormal {
        /// Its mean.
        mean: f64,
        /// Its deviation.
        std: f64,
    },
}

impl Default for Flow {
    fn default() -> Self {
        Self { shift: 1.0, times: FlowTimes::Uniform }
    }
}

impl Flow {
    /// The level at a time before it is shifted.
    pub fn at(&self, time: f64) -> NoiseLevel {
        NoiseLevel::flow(FlowShift::Constant(self.shift).apply(time))
    }

    /// The level that a share of those trained at lies below.
    pub fn quantile(&self, share: f64) -> NoiseLevel {
        self.at(match self.times {
            FlowTimes::Uniform => share,
            FlowTimes::LogitNormal { mean, std } => {
                (1.0 + (-mean - std * normal::quantile(share)).exp()).recip()
            }
        })
    }

    pub(crate) fn validate(&self) -> Result<(), ScheduleError> {
        let FlowTimes::LogitNormal { mean, std } = self.times else {
            return ScheduleError::first_out_of_range([self.shift_range()]);
        };
        let mean = ("times.logit_normal.mean", mean, mean.abs() < 100.0, "between -100 and 100");
        let std = ("times.logit_normal.std", std, std > 0.0 && std < 100.0, "above 0 and below 100");
        ScheduleError::first_out_of_range([self.shift_range(), mean, std])
    }

    fn shift_range(&self) -> (&'static str, f64, bool, &'static str) {
        ("shift", self.shift, self.shift > 0.0 && self.shift < 1e6, "above 0 and below 1e6")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_training_are_where_the_densities_have_them() {
        let uniform = Flow::default();
        assert_eq!(uniform.quantile(0.25), NoiseLevel::flow(0.25));
        let times = FlowTimes::LogitNormal { mean: 0.5, std: 2.0 };
        let logit = |share| {
            let t = Flow { times, ..uniform }.quantile(share).sigma;
            (t / (1.0 - t)).ln()
        };
        assert!((logit(0.5) - 0.5).abs() < 1e-9 && (logit(0.841_344_746_068_542_9) - 2.5).abs() < 1e-9);
        // Esser et al. 2024, eq. 23: at half the time, 3 to 1.
        assert_eq!(Flow { shift: 3.0, ..uniform }.quantile(0.5), NoiseLevel::flow(0.75));
    }

    #[test]
    fn impossible_keys_are_named() {
        let check = |flow: Flow| flow.validate().unwrap_err().to_string();
        assert!(check(Flow { shift: 0.0, ..Flow::default() }).contains("shift = 0"));
        let times = FlowTimes::LogitNormal { mean: 0.0, std: -1.0 };
        assert!(check(Flow { times, ..Flow::default() }).contains("times.logit_normal.std = -1"));
    }
}
