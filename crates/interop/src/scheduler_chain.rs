use schedules::{Schedule, ScheduleConfig};

use crate::scheduler_options::{Options, Unsupported};

/// The defaults of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainDefaults {
    pub beta_start: f64,
    pub beta_end: f64,
    pub beta_schedule: &'static str,
}

/// Most classes.
pub(crate) const DDPM: ChainDefaults =
    ChainDefaults { beta_start: 1e-4, beta_end: 0.02, beta_schedule: "linear" };
/// Those that came with k-diffusion's second order.
pub(crate) const K_SECOND_ORDER: ChainDefaults =
    ChainDefaults { beta_start: 0.00085, beta_end: 0.012, beta_schedule: "linear" };
/// Those of distilled latent models.
pub(crate) const LATENT: ChainDefaults =
    ChainDefaults { beta_start: 0.00085, beta_end: 0.012, beta_schedule: "scaled_linear" };

/// The trained chain, with tables in single precision as the library keeps them.
///
/// With `floor` a chain without terminal signal keeps 2^-24 of it, as the classes do whose sigmas must be finite.
pub(crate) fn chain(
    options: &Options,
    defaults: ChainDefaults,
    floor: bool,
) -> Result<Schedule, Unsupported> {
    let length: usize = options.get("num_train_timesteps", 1000)?;
    let beta_start = options.get("beta_start", defaults.beta_start)?;
    let beta_end = options.get("beta_end", defaults.beta_end)?;
    let law: String = options.get("beta_schedule", defaults.beta_schedule.to_owned())?;
    let config = match (options.find::<Vec<f64>>("trained_betas")?, law.as_str()) {
        (Some(betas), _) => ScheduleConfig::Explicit { betas },
        (_, "linear") => ScheduleConfig::Linear { beta_start, beta_end, rescale: false },
        (_, "scaled_linear") => ScheduleConfig::ScaledLinear { beta_start, beta_end },
        (_, "squaredcos_cap_v2") => ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 },
        (_, "sigmoid") => ScheduleConfig::Sigmoid { beta_start, beta_end },
        (_, "laplace") => ScheduleConfig::Laplace { max_beta: 0.999 },
        (_, "exp") => ScheduleConfig::Exponential { rate: 12.0, max_beta: 0.999 },
        (_, other) => return Err(Unsupported(format!("beta_schedule = {other}"))),
    };
    let length = if let ScheduleConfig::Explicit { betas } = &config { betas.len() } else { length };
    let schedule = config.build(length).map_err(|error| Unsupported(error.to_string()))?;
    if schedule.num_train_timesteps() < 2 {
        return Err(Unsupported("a chain of one timestep".into()));
    }
    if !options.get("rescale_betas_zero_snr", false)? {
        return Ok(schedule.in_single_precision());
    }
    let schedule = schedule.in_single_precision().with_zero_terminal_snr().in_single_precision();
    if !floor {
        return Ok(schedule);
    }
    let mut alphas_cumprod = schedule.alphas_cumprod().to_vec();
    alphas_cumprod[length - 1] = 2f64.powi(-24);
    Ok(Schedule::from_alphas_cumprod(alphas_cumprod))
}
