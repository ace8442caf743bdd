use data::SourceConfig;

use crate::record::Measure;

/// The lower bounds K on the log-likelihoods of some states, by which a chain is judged (Sohl-Dickstein et al. 2015, eq. 14).
#[derive(Clone, Debug, PartialEq)]
pub struct StateBounds {
    /// K of each state, in bits.
    pub bits: Vec<f64>,
    /// L_null, the log-likelihood of independent noise, in bits.
    pub null_bits: f64,
}

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mean {
    value: f64,
    stderr: f64,
}

impl Mean {
    fn of(values: impl ExactSizeIterator<Item = f64> + Clone) -> Self {
        let count = values.len() as f64;
        let value = values.clone().sum::<f64>() / count;
        let squares = values.map(|x| (x - value).powi(2)).sum::<f64>();
        Self { value, stderr: (squares / (count - 1.0).max(1.0) / count).sqrt() }
    }
}

impl StateBounds {
    /// K and K - L_null, as the paper has them: of pictures of so many `pixels` by the pixel.
    pub fn measures(&self, pixels: Option<usize>) -> Vec<Measure> {
        let (parts, unit) = match pixels {
            Some(pixels) => (pixels as f64, "bits/pixel"),
            None => (1.0, "bits"),
        };
        let Mean { value, stderr } = Mean::of(self.bits.iter().copied());
        let measure = |name: &str, value: f64| Measure {
            name: name.into(),
            value: value / parts,
            stderr: stderr / parts,
            unit: unit.into(),
        };
        vec![measure("K", value), measure("K - L_null", value - self.null_bits)]
    }

    /// Where the law of the states is known: the greatest log-likelihood of all models, and what K lacks of it. The latter is
    /// compared state by state, so that it is known better than K itself.
    pub fn against_the_law(&self, source: &SourceConfig, states: &[f32]) -> Vec<Measure> {
        let (Some(optimum), Some(exact)) = (source.optimum_bits(), source.log_likelihood_bits(states)) else {
            return Vec::new();
        };
        let gap = Mean::of(exact.iter().zip(&self.bits).map(|(exact, bound)| exact - bound));
        let measure =
            |name: &str, value, stderr| Measure { name: name.into(), value, stderr, unit: "bits".into() };
        vec![measure("exact optimum", optimum, 0.0), measure("gap to the optimum", gap.value, gap.stderr)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data::{DatasetConfig, SwissRollConfig};

    /// Bounds that all lack 0.3 bits: the states' own differences do not count.
    #[test]
    fn the_gap_is_compared_state_by_state() {
        let source = SourceConfig::SwissRoll(SwissRollConfig { points: 200, ..SwissRollConfig::default() });
        let splits =
            DatasetConfig { source: source.clone(), ..DatasetConfig::default() }.open(false).unwrap();
        let states = splits.train.fixed(&(0..200).collect::<Vec<_>>()).unwrap().pixels;
        let exact = source.log_likelihood_bits(&states).unwrap();
        let bounds = StateBounds { bits: exact.iter().map(|bits| bits - 0.3).collect(), null_bits: -4.0 };
        let found = bounds.against_the_law(&source, &states);
        assert!((found[1].value - 0.3).abs() < 1e-9 && found[1].stderr < 1e-9, "{found:?}");
        let own = bounds.measures(None);
        assert!(own[0].stderr > 0.05 && (own[1].value - own[0].value - 4.0).abs() < 1e-9, "{own:?}");
    }
}
