use serde::{Deserialize, Serialize};

/// How much signal and noise a sample holds: `x_t = alpha x0 + sigma eps`.
///
/// "Variance preserving" chains (DDPM) have `alpha^2 + sigma^2 = 1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseLevel {
    /// Factor of the clean signal.
    pub alpha: f64,
    /// Standard deviation of the noise.
    pub sigma: f64,
}

impl NoiseLevel {
    /// No noise at all: where every sampler ends.
    pub const CLEAN: NoiseLevel = NoiseLevel { alpha: 1.0, sigma: 0.0 };

    /// The variance-preserving level with the given `alpha_bar = alpha^2`.
    pub fn from_alpha_cumprod(alpha_cumprod: f64) -> Self {
        Self { alpha: alpha_cumprod.sqrt(), sigma: (1.0 - alpha_cumprod).sqrt() }
    }

    /// Signal-to-noise ratio `(alpha / sigma)^2`; infinite at the clean level.
    pub fn snr(self) -> f64 {
        (self.alpha / self.sigma).powi(2)
    }

    /// Half the logarithm of the signal-to-noise ratio, `ln(alpha / sigma)` (DPM-Solver's coordinate).
    pub fn lambda(self) -> f64 {
        self.alpha.ln() - self.sigma.ln()
    }
}
