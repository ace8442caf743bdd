//! The levels that the classes of k-diffusion's family visit.

use schedules::{Curve, Grid, NoiseLevel, Schedule, Visit, sigmas};

use crate::scheduler::Call;
use crate::scheduler_options::{Options, Unsupported};
use crate::scheduler_sigmas::{Ratios, laid_out};
use crate::scheduler_timesteps::{Count, spaced};

/// The grid of k-diffusion's family: images `x0 + sigma eps`, fractional timesteps, but for Karras' sigmas in some.
pub(crate) fn k_grid(
    options: &Options,
    schedule: Schedule,
    call: &Call,
    whole_karras: bool,
) -> Result<Grid, Unsupported> {
    let ratios = Ratios::of(&schedule);
    let length = schedule.num_train_timesteps();
    let end = match options.get("final_sigmas_type", "zero".to_owned())?.as_str() {
        "zero" => 0.0,
        _ => ratios.first(),
    };
    let grid = |visits: Vec<(f64, f64)>, end: f64| {
        let visit = |(sigma, timestep)| Visit { level: NoiseLevel { alpha: 1.0, sigma }, timestep };
        let visits = visits.into_iter().map(visit).collect();
        Grid::new(visits, NoiseLevel { alpha: 1.0, sigma: end }, Curve::Chain(schedule))
    };
    if let Some(sigmas) = &call.sigmas {
        options.ignore(&["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"]);
        let (&last, visited) = match sigmas.split_last() {
            Some((last, visited)) if !visited.is_empty() => (last, visited),
            _ => return Err(Unsupported(format!("sigmas = {sigmas:?}: fewer than two"))),
        };
        return Ok(grid(visited.iter().map(|&sigma| (sigma, ratios.timestep(sigma))).collect(), last));
    }
    let timesteps = match &call.timesteps {
        Some(timesteps) => timesteps.clone(),
        None => spaced(options, "linspace", Count::Between, length, length, call.steps()?)?,
    };
    let steps = timesteps.len();
    let log_linear = options.get("interpolation_type", "linear".to_owned())? == "log_linear";
    let mut sigmas: Vec<f64> = if log_linear {
        // One more than is visited: the walk ends there, unless sigmas are laid out anew.
        sigmas::exponential(ratios.last(), ratios.first(), steps + 1)
    } else {
        timesteps.iter().map(|&t| ratios.at(t)).collect()
    };
    let spread = laid_out(options, sigmas[0], sigmas[sigmas.len() - 1], steps)?;
    let end = if log_linear && spread.is_none() { sigmas[steps] } else { end };
    sigmas.truncate(steps);
    let mut visits: Vec<(f64, f64)> = match spread {
        Some((sigmas, kind)) => {
            let whole = |t: f64| if whole_karras && kind == "karras" { t.round_ties_even() } else { t };
            sigmas.iter().map(|&sigma| (sigma, whole(ratios.timestep(sigma)))).collect()
        }
        None => sigmas.into_iter().zip(timesteps).collect(),
    };
    let continuous = options.get("timestep_type", "discrete".to_owned())? == "continuous";
    if continuous && options.get("prediction_type", "epsilon".to_owned())? == "v_prediction" {
        for (sigma, timestep) in &mut visits {
            *timestep = 0.25 * sigma.ln();
        }
    }
    Ok(grid(visits, end))
}
