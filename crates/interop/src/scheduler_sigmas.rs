//! The sigmas of a chain as the library tabulates them, and those that an option lays out instead.

use schedules::{Schedule, sigmas};

use crate::scheduler_options::{Options, Unsupported};

/// The option that lays out sigmas rather than timesteps.
pub(crate) fn laid_out(
    options: &Options,
    max: f64,
    min: f64,
    steps: usize,
) -> Result<Option<(Vec<f64>, &'static str)>, Unsupported> {
    let max = options.get("sigma_max", max)?;
    let min = options.get("sigma_min", min)?;
    let on = |key: &str| options.get(key, false);
    Ok(if on("use_karras_sigmas")? {
        Some((sigmas::karras(max, min, steps, 7.0), "karras"))
    } else if on("use_exponential_sigmas")? {
        Some((sigmas::exponential(max, min, steps), "exponential"))
    } else if on("use_beta_sigmas")? {
        Some((sigmas::beta(max, min, steps), "beta"))
    } else if on("use_lu_lambdas")? {
        // From logarithms in single precision, so that the ends are timesteps of the chain.
        let single = |ratio: f64| f64::from(ratio.ln() as f32).exp();
        Some((sigmas::exponential(single(max), single(min), steps), "lu"))
    } else {
        None
    })
}

/// `sigma / alpha` of each timestep of a chain, and where one lies in it.
pub(crate) struct Ratios(Vec<f64>);

impl Ratios {
    pub(crate) fn of(schedule: &Schedule) -> Self {
        let single = |bar: &f64| f64::from((((1.0 - bar) / bar) as f32).sqrt());
        Self(schedule.alphas_cumprod().iter().map(single).collect())
    }

    pub(crate) fn first(&self) -> f64 {
        self.0[0]
    }

    pub(crate) fn last(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// Interpolated linearly.
    pub(crate) fn at(&self, timestep: f64) -> f64 {
        let below = (timestep.max(0.0) as usize).min(self.0.len() - 1);
        let above = (below + 1).min(self.0.len() - 1);
        self.0[below] + (timestep - below as f64) * (self.0[above] - self.0[below])
    }

    /// Interpolated in logarithms of single precision, as the library keeps them: its integers are cut off, not rounded.
    pub(crate) fn timestep(&self, ratio: f64) -> f64 {
        let log = |ratio: f64| f64::from(ratio.ln() as f32);
        let wanted = ratio.max(1e-10).ln();
        let above = self.0.partition_point(|&ratio| log(ratio) <= wanted);
        let below = above.saturating_sub(1).min(self.0.len() - 2);
        let (low, high) = (log(self.0[below]), log(self.0[below + 1]));
        let share = ((low - wanted) / (low - high)).clamp(0.0, 1.0);
        (1.0 - share) * below as f64 + share * (below + 1) as f64
    }
}
