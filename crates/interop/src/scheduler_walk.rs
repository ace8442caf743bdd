//! The walks of the classes that think in whole timesteps of a chain.

use schedules::{Curve, Grid, NoiseLevel, Schedule, Visit};

use crate::scheduler::Call;
use crate::scheduler_chain::{self as chains, chain};
use crate::scheduler_grid::Walk;
use crate::scheduler_options::{Options, Unsupported};
use crate::scheduler_timesteps::{Count, distilled, spaced};

/// The walk of DDPM, DDIM and its inverse, PNDM, LCM and TCD.
pub(crate) fn chain_walk(class: &str, options: &Options, call: &Call) -> Result<Walk, Unsupported> {
    let distils = matches!(class, "LCMScheduler" | "TCDScheduler");
    let defaults = if distils { chains::LATENT } else { chains::DDPM };
    let schedule = chain(options, defaults, false)?;
    let length = schedule.num_train_timesteps();
    let timesteps = match &call.timesteps {
        Some(timesteps) => timesteps.clone(),
        None if distils => distilled(options, length, call, class == "TCDScheduler")?,
        None => {
            let timesteps = spaced(options, "leading", Count::Closed, length, length, call.steps()?)?;
            timesteps.into_iter().map(f64::round_ties_even).collect()
        }
    };
    let kept_above_zero = !options.get("set_alpha_to_one", class != "PNDMScheduler")?;
    let end = match class {
        "TCDScheduler" => schedule.level(0),
        "DDIMScheduler" | "DDIMInverseScheduler" | "PNDMScheduler" if kept_above_zero => schedule.level(0),
        _ => NoiseLevel::CLEAN,
    };
    if let Some(timestep) = timesteps.iter().find(|&&t| t < 0.0 || t >= length as f64) {
        return Err(Unsupported(format!("timestep {timestep} of a chain of {length}")));
    }
    if class == "DDIMInverseScheduler" {
        return Ok(inverse(schedule, &timesteps, end, length / timesteps.len()));
    }
    let visit = |&timestep: &f64| Visit { level: schedule.level(timestep as usize), timestep };
    let visits: Vec<Visit> = timesteps.iter().map(visit).collect();
    let arrivals = (class == "DDIMScheduler").then(|| {
        // One stride down, whichever timestep comes next.
        let stride = (length / timesteps.len()) as f64;
        let landing = |t: &f64| if *t < stride { end } else { schedule.level((t - stride) as usize) };
        timesteps.iter().map(landing).collect()
    });
    Ok((Grid::new(visits, end, Curve::Chain(schedule)), arrivals))
}

/// Upwards: the network is told the timestep where a step lands; it begins one stride below, wherever the last one landed.
fn inverse(schedule: Schedule, falling: &[f64], clean: NoiseLevel, stride: usize) -> Walk {
    let rising: Vec<usize> = falling.iter().rev().map(|&t| t as usize).collect();
    let last = schedule.num_train_timesteps() - 1;
    let below = |t: usize| t.checked_sub(stride).map_or(clean, |t| schedule.level(t.min(last)));
    let visits = rising.iter().map(|&t| Visit { level: below(t), timestep: t as f64 }).collect();
    let arrivals: Vec<NoiseLevel> = rising.iter().map(|&t| schedule.level(t)).collect();
    let end = arrivals.last().copied().unwrap_or(clean);
    (Grid::new(visits, end, Curve::Chain(schedule)), Some(arrivals))
}

/// DPM-Solver's walk upwards, from the chain's first level to the last that is used.
pub(crate) fn inverse_dpm_walk(options: &Options, call: &Call) -> Result<Walk, Unsupported> {
    if call.timesteps.is_some() {
        return Err(Unsupported("inversion over a list of timesteps".into()));
    }
    let schedule = chain(options, chains::DDPM, true)?;
    let length = schedule.num_train_timesteps();
    let clipped: f64 = options.get("lambda_min_clipped", f64::NEG_INFINITY)?;
    let used = (0..length).filter(|&t| schedule.level(t).lambda() >= clipped).count().max(1);
    let steps = call.steps()?;
    let spacing: String = options.get("timestep_spacing", "linspace".to_owned())?;
    let rising: Vec<f64> = if spacing == "linspace" {
        (0..steps).map(|i| (i as f64 * (used - 1) as f64 / steps as f64).round_ties_even()).collect()
    } else {
        // The open count leaves out the first timestep of a walk downwards, and the last of one upwards.
        let stride = if spacing == "leading" { (used / (steps + 1)) as f64 } else { 0.0 };
        let falling = spaced(options, &spacing, Count::Open, length, used, steps)?;
        falling.into_iter().rev().map(|timestep| timestep - stride).collect()
    };
    if let Some(timestep) = rising.iter().find(|&&t| t < 0.0 || t >= length as f64) {
        return Err(Unsupported(format!("timestep {timestep} of a chain of {length}")));
    }
    let visits = rising.iter().map(|&timestep| Visit { level: schedule.level(timestep as usize), timestep });
    let grid = Grid::new(visits.collect(), schedule.level(used - 1), Curve::Chain(schedule));
    Ok((grid, None))
}
