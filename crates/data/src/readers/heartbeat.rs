//! The bits of the binomial chain's paper.

use random::Seed;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::points::{OpenedPoints, Points};

/// Sequences of bits with a 1 in every `period`-th place, begun at any of them with equal probability (Sohl-Dickstein et al.
/// 2015, appendix B.1.2). Values are 0 and 1, of shape `[1, 1, length]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// Bits of a sequence, a multiple of the period.
    pub length: usize,
    /// Places from one 1 to the next.
    pub period: usize,
    /// Training sequences; there are a tenth as many for validation.
    pub points: usize,
    /// Which of all sets of so many sequences.
    pub seed: u64,
}

/// A gigabyte of numbers, in all sequences together.
const MOST_NUMBERS: usize = 1 << 28;

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self { length: 20, period: 5, points: 10_000, seed: 0 }
    }
}

impl HeartbeatConfig {
    /// The highest mean log-likelihood in bits that a model can reach: all beginnings are equally probable.
    pub fn optimum_bits(&self) -> f64 {
        -(self.period as f64).log2()
    }

    pub(crate) fn open(&self) -> Result<OpenedPoints, DataError> {
        if !(2..=MOST_NUMBERS).contains(&self.period) {
            return Err(DataError::out_of_range("period", self.period, 2, MOST_NUMBERS));
        }
        if self.length == 0 || !self.length.is_multiple_of(self.period) {
            let reason = format!("{} is no multiple of period, which is {}", self.length, self.period);
            return Err(DataError::Config { key: "length", reason });
        }
        if self.length > MOST_NUMBERS {
            return Err(DataError::out_of_range("length", self.length, self.period, MOST_NUMBERS));
        }
        let most = MOST_NUMBERS / self.length;
        if !(1..=most).contains(&self.points) {
            return Err(DataError::out_of_range("points", self.points, 1, most));
        }
        let mut fingerprint = Fingerprint::new("heartbeat");
        fingerprint.add("law", format!("{} {} {} {}", self.length, self.period, self.points, self.seed));
        let (train, valid) = (self.draw("train", self.points), self.draw("valid", self.points.div_ceil(10)));
        Ok(OpenedPoints { train, valid: Some(valid), fingerprint })
    }

    fn draw(&self, split: &str, points: usize) -> Points {
        let mut stream = Seed(self.seed).stream(&format!("heartbeat/{split}"), 0);
        let mut values = vec![0.0; points * self.length];
        for sequence in values.chunks_exact_mut(self.length) {
            sequence
                .iter_mut()
                .skip(stream.below(self.period))
                .step_by(self.period)
                .for_each(|bit| *bit = 1.0);
        }
        Points { values, shape: [1, 1, self.length] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        let refused = |length, period, points| {
            let config = HeartbeatConfig { length, period, points, seed: 0 };
            config.open().err().unwrap().to_string()
        };
        assert_eq!(refused(20, 1, 9), "dataset.period: 1 is not between 2 and 268435456");
        assert_eq!(refused(21, 5, 9), "dataset.length: 21 is no multiple of period, which is 5");
        assert_eq!(refused(1 << 40, 2, 9), "dataset.length: 1099511627776 is not between 2 and 268435456");
        assert_eq!(refused(20, 5, 0), "dataset.points: 0 is not between 1 and 13421772");
        assert!(refused(20, 5, usize::MAX).ends_with("is not between 1 and 13421772"));
    }

    #[test]
    fn every_beginning_is_as_frequent() {
        let points = HeartbeatConfig::default().open().unwrap().train;
        let mut begins = [0; 5];
        for index in 0..points.len() {
            let bits = points.point(index);
            assert_eq!(bits.iter().sum::<f32>(), 4.0);
            begins[bits.iter().position(|&bit| bit == 1.0).unwrap()] += 1;
        }
        // Five standard errors of a share of 1/5.
        assert!(begins.iter().all(|&count| (count as f64 - 2000.0).abs() < 5.0 * 40.0), "{begins:?}");
        assert!((HeartbeatConfig::default().optimum_bits() + 2.321928).abs() < 1e-6);
    }
}
