//! The tables of timesteps and sigmas as the library's classes show them: one entry for each evaluation.

use schedules::NoiseLevel;

use crate::Scheduler;

/// Whether a class shows each timestep but the first twice, for its second evaluation.
fn shows_twice(class: &str) -> bool {
    matches!(class, "HeunDiscreteScheduler" | "FlowMatchHeunDiscreteScheduler")
}

/// Whether a class shows the timesteps between its levels.
fn shows_middles(class: &str) -> bool {
    matches!(class, "KDPM2DiscreteScheduler" | "KDPM2AncestralDiscreteScheduler" | "DPMSolverSDEScheduler")
}

/// `timesteps` of a class after `set_timesteps`.
pub(crate) fn reported_timesteps(class: &str, scheduler: &Scheduler) -> Vec<f64> {
    let visits = scheduler.grid.visits();
    let timesteps: Vec<f64> = visits.iter().map(|visit| visit.timestep).collect();
    if shows_twice(class) {
        return timesteps
            .iter()
            .take(1)
            .chain(timesteps.iter().skip(1).flat_map(|t| [t, t]))
            .copied()
            .collect();
    }
    if shows_middles(class) {
        let between = visits.windows(2).map(|pair| {
            let down = descent(class, pair[0].level, pair[1].level);
            scheduler.grid.curve().timestep(pair[0].level.halfway(down))
        });
        let rest = between.zip(&timesteps[1..]).flat_map(|(middle, &next)| [middle, next]);
        return timesteps[..1].iter().copied().chain(rest).collect();
    }
    if class == "PNDMScheduler" {
        return pndm_timesteps(&timesteps, scheduler);
    }
    timesteps
}

/// Where the deterministic part of a step lands.
fn descent(class: &str, from: NoiseLevel, to: NoiseLevel) -> NoiseLevel {
    if class != "KDPM2AncestralDiscreteScheduler" {
        return to;
    }
    let variance = schedules::Posterior::between(from, to).variance;
    NoiseLevel { sigma: (to.sigma.powi(2) - variance).max(0.0).sqrt(), ..to }
}

/// PNDM shows what its warm-up evaluates.
fn pndm_timesteps(timesteps: &[f64], scheduler: &Scheduler) -> Vec<f64> {
    let stride = scheduler.chain().map_or(0, |chain| chain.num_train_timesteps() / timesteps.len());
    if scheduler.runge_kutta && timesteps.len() >= 4 {
        let half = (stride / 2) as f64;
        let warm_up = (0..3).flat_map(|i| {
            let middle = timesteps[i + 1] + half;
            [timesteps[i], middle, middle, timesteps[i + 1]]
        });
        return warm_up.chain(timesteps[3..].iter().copied()).collect();
    }
    let second = timesteps.iter().skip(1).take(1);
    let first = timesteps.iter().take(2);
    first.chain(second).chain(timesteps.iter().skip(2)).copied().collect()
}

/// `sigmas` of a class after `set_timesteps`.
pub(crate) fn reported_sigmas(class: &str, scheduler: &Scheduler) -> Vec<f64> {
    let levels = scheduler.grid.levels();
    let sigma = |level: &NoiseLevel| {
        let flow = matches!(scheduler.grid.curve(), schedules::Curve::Flow { .. });
        if flow { level.sigma } else { level.ratio() }
    };
    let sigmas: Vec<f64> = levels.iter().map(sigma).collect();
    let last = sigmas.len() - 1;
    if shows_middles(class) && class != "DPMSolverSDEScheduler" {
        let rest = sigmas[1..].iter().flat_map(|sigma| [*sigma, *sigma]);
        return sigmas[..1].iter().copied().chain(rest).chain([sigmas[last]]).collect();
    }
    if shows_twice(class) || class == "DPMSolverSDEScheduler" {
        let rest = sigmas[1..last].iter().flat_map(|sigma| [*sigma, *sigma]);
        return sigmas[..1].iter().copied().chain(rest).chain([sigmas[last]]).collect();
    }
    sigmas
}
