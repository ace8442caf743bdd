/// How a flow-matching schedule is pushed towards noise, which large pictures need (Esser et al. 2024, eq. 23).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlowShift {
    /// `s sigma / (1 + (s - 1) sigma)`.
    Constant(f64),
    /// The same with `s = exp(mu)`.
    Exponential {
        /// Grows with the number of tokens of the picture.
        mu: f64,
    },
    /// The same with `s = mu`.
    Linear {
        /// As before.
        mu: f64,
    },
}

impl FlowShift {
    /// The shifted sigma, for sigma in `[0, 1]`; both ends stay.
    pub fn apply(self, sigma: f64) -> f64 {
        let s = match self {
            Self::Constant(s) | Self::Linear { mu: s } => s,
            Self::Exponential { mu } => mu.exp(),
        };
        s * sigma / (1.0 + (s - 1.0) * sigma)
    }
}

/// Stretches falling sigmas so that the last is `terminal` and 1 stays.
pub fn stretch_to_terminal(sigmas: &mut [f64], terminal: f64) {
    let Some(&last) = sigmas.last() else { return };
    let factor = (1.0 - terminal) / (1.0 - last);
    for sigma in sigmas {
        *sigma = 1.0 - (1.0 - *sigma) * factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_keep_the_ends_and_agree() {
        for shift in [
            FlowShift::Constant(3.0),
            FlowShift::Exponential { mu: 3f64.ln() },
            FlowShift::Linear { mu: 3.0 },
        ] {
            assert_eq!((shift.apply(0.0), shift.apply(1.0)), (0.0, 1.0));
            assert!((shift.apply(0.5) - 0.75).abs() < 1e-12);
        }
    }

    #[test]
    fn the_last_sigma_is_the_terminal() {
        let mut sigmas = [1.0, 0.6, 0.2];
        stretch_to_terminal(&mut sigmas, 0.1);
        assert!((sigmas[2] - 0.1).abs() < 1e-12 && sigmas[0] == 1.0 && (sigmas[1] - 0.55).abs() < 1e-12);
    }
}
