//! The forward variances of a chain under each law.

use std::f64::consts::FRAC_PI_2;

use crate::ScheduleConfig;

impl ScheduleConfig {
    /// `beta_t` for a chain of `n` timesteps; none where the law is no chain.
    pub(crate) fn betas(&self, n: usize) -> Vec<f64> {
        match *self {
            Self::Linear { beta_start, beta_end, rescale } => {
                let scale = if rescale { 1000.0 / n as f64 } else { 1.0 };
                linspace(scale * beta_start, scale * beta_end, n).collect()
            }
            Self::ScaledLinear { beta_start, beta_end } => {
                linspace(beta_start.sqrt(), beta_end.sqrt(), n).map(|root| root * root).collect()
            }
            Self::Cosine { s, max_beta } => {
                from_alpha_bar(n, max_beta, |t| ((t + s) / (1.0 + s) * FRAC_PI_2).cos().powi(2))
            }
            Self::Sigmoid { beta_start, beta_end } => linspace(-6.0, 6.0, n)
                .map(|x| beta_start + (beta_end - beta_start) / (1.0 + (-x).exp()))
                .collect(),
            Self::Exponential { rate, max_beta } => from_alpha_bar(n, max_beta, |t| (-rate * t).exp()),
            Self::Laplace { max_beta } => from_alpha_bar(n, max_beta, laplace_alpha_bar),
            Self::Dpm2015 => (0..n).map(|t| 1.0 / (n - t) as f64).collect(),
            Self::Dpm2015Linspace => linspace(n as f64, 2.0, n).map(f64::recip).collect(),
            Self::LogSnr { beta_start, alpha_bar_end } => {
                let log_snr = |bar: f64| (bar / (1.0 - bar)).ln();
                let laws = linspace(log_snr(1.0 - beta_start), log_snr(alpha_bar_end), n);
                let bars: Vec<f64> = laws.map(|log_snr| (1.0 + (-log_snr).exp()).recip()).collect();
                let before = std::iter::once(1.0).chain(bars.iter().copied());
                bars.iter().zip(before).map(|(bar, before)| 1.0 - bar / before).collect()
            }
            Self::Edm(_) | Self::Flow(_) => Vec::new(),
            Self::Explicit { ref betas } => betas.clone(),
        }
    }
}

/// Betas whose product follows `alpha_bar` over `t` in `[0, 1]` (Nichol & Dhariwal 2021, section 3.2).
fn from_alpha_bar(n: usize, max_beta: f64, alpha_bar: impl Fn(f64) -> f64) -> Vec<f64> {
    let at = |i: usize| alpha_bar(i as f64 / n as f64);
    (0..n).map(|i| (1.0 - at(i + 1) / at(i)).min(max_beta)).collect()
}

fn laplace_alpha_bar(t: f64) -> f64 {
    let from_centre = 0.5 - t;
    let sign = if from_centre == 0.0 { 0.0 } else { from_centre.signum() };
    let snr = (-0.5 * sign * (1.0 - 2.0 * from_centre.abs() + 1e-6).ln()).exp();
    (snr / (1.0 + snr)).sqrt()
}

pub(crate) fn linspace(start: f64, end: f64, n: usize) -> impl DoubleEndedIterator<Item = f64> {
    let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
    (0..n).map(move |i| start + step * i as f64)
}
