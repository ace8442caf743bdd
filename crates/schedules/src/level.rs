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

    /// Noise per signal, `sigma / alpha`: the sigma of the same picture in "variance exploding" coordinates.
    pub fn ratio(self) -> f64 {
        self.sigma / self.alpha
    }

    /// The level half way to `other` in lambda: the geometric mean of both factors.
    pub fn halfway(self, other: NoiseLevel) -> Self {
        Self { alpha: (self.alpha * other.alpha).sqrt(), sigma: (self.sigma * other.sigma).sqrt() }
    }

    /// The level whose noise is `ratio` times its signal, with `alpha^2 + sigma^2 = 1`.
    pub fn from_ratio(ratio: f64) -> Self {
        let alpha = 1.0 / ratio.hypot(1.0);
        Self { alpha, sigma: if ratio.is_infinite() { 1.0 } else { ratio * alpha } }
    }

    /// The flow-matching level `x_t = (1 - sigma) x0 + sigma eps` (Lipman et al. 2022, section 4.1, optimal transport).
    pub fn flow(sigma: f64) -> Self {
        Self { alpha: 1.0 - sigma, sigma }
    }

    /// Both factors multiplied: the same picture, scaled.
    pub fn scaled(self, factor: f64) -> Self {
        Self { alpha: self.alpha * factor, sigma: self.sigma * factor }
    }
}
