//! What is known of data that are drawn by ourselves.

use crate::config::SourceConfig;

impl SourceConfig {
    /// The highest mean log-likelihood in bits that a model of such points can reach, the negative entropy of their law;
    /// none where the law is not known.
    pub fn optimum_bits(&self) -> Option<f64> {
        match self {
            Self::SwissRoll(roll) => Some(roll.optimum_bits()),
            Self::Heartbeat(heartbeat) => Some(heartbeat.optimum_bits()),
            _ => None,
        }
    }

    /// The log-likelihood in bits of points of the law, one after the other; none where the law is not known.
    pub fn log_likelihood_bits(&self, points: &[f32]) -> Option<Vec<f64>> {
        match self {
            Self::SwissRoll(roll) => Some(roll.log_likelihood_bits(points)),
            Self::Heartbeat(heartbeat) => {
                Some(vec![heartbeat.optimum_bits(); points.len() / heartbeat.length])
            }
            _ => None,
        }
    }
}
