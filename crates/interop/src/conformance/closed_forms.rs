//! What a scheduler says without a walk: timesteps, noisy images, velocities, variances.

use schedules::{NoiseLevel, Posterior};

use super::case::CaseError;
use super::comparison::Comparison;
use crate::scheduler_table::{reported_sigmas, reported_timesteps};
use crate::{HostTensor, Scheduler, TensorFile};

const TOLERANCE: f64 = 1e-4;

/// Everything recorded beside the walk.
pub(super) fn compare(
    class: &str,
    scheduler: &Scheduler,
    io: &TensorFile,
    comparison: &mut Comparison,
) -> Result<(), CaseError> {
    let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<_>>();
    let timesteps = single(reported_timesteps(class, scheduler));
    comparison.relative("timesteps", &timesteps, &io.get("timesteps")?.values, 1e-5);
    if let (Ok(bars), Some(chain)) = (io.get("alphas_cumprod"), scheduler.chain()) {
        let ours = single(chain.alphas_cumprod().to_vec());
        comparison.relative("alphas_cumprod", &ours, &bars.values, 1e-5);
    }
    if let Ok(noisy) = io.get("add_noise.out") {
        let ours = mixed(
            io,
            |timestep| noising_level(class, scheduler, timestep),
            |NoiseLevel { alpha, sigma }| (alpha, sigma),
        )?;
        comparison.relative("add_noise", &ours, &noisy.values, TOLERANCE);
    }
    if let Ok(velocity) = io.get("get_velocity.out") {
        let ours = mixed(
            io,
            |timestep| velocity_level(class, scheduler, timestep),
            |NoiseLevel { alpha, sigma }| (-sigma, alpha),
        )?;
        comparison.relative("get_velocity", &ours, &velocity.values, TOLERANCE);
    }
    variances(scheduler, io, comparison);
    Ok(())
}

/// Where `add_noise` puts an image: k-diffusion's second-order classes take the sigma after a timestep between levels.
fn noising_level(class: &str, scheduler: &Scheduler, timestep: f64) -> NoiseLevel {
    let shown = reported_timesteps(class, scheduler);
    let place = shown.iter().position(|shown| (shown - timestep).abs() < 1e-3);
    match place {
        Some(place) if class.starts_with("KDPM2") => {
            NoiseLevel { alpha: 1.0, sigma: reported_sigmas(class, scheduler)[place] }
        }
        _ => scheduler.level(timestep),
    }
}

/// Where `get_velocity` takes an image to be: EulerDiscrete looks into the chain at the place of a timestep in the walk.
fn velocity_level(class: &str, scheduler: &Scheduler, timestep: f64) -> NoiseLevel {
    let place = scheduler.grid.visits().iter().position(|visit| (visit.timestep - timestep).abs() < 1e-3);
    match (class, scheduler.chain(), place) {
        ("EulerDiscreteScheduler", Some(chain), Some(place)) => chain.level(place),
        _ => scheduler.level(timestep),
    }
}

/// `a x0 + b eps` of the recorded images, with the factors that each image's level gives.
fn mixed(
    io: &TensorFile,
    level: impl Fn(f64) -> NoiseLevel,
    factors: impl Fn(NoiseLevel) -> (f64, f64),
) -> Result<Vec<f32>, CaseError> {
    let values = |name: &str| io.get(name).map(|tensor: &HostTensor| tensor.values.as_slice());
    let (x0, noise, timesteps) =
        (values("add_noise.x0")?, values("add_noise.noise")?, values("add_noise.timesteps")?);
    let pixels = x0.len() / timesteps.len();
    let mut mixed = Vec::with_capacity(x0.len());
    for (index, (&x0, &noise)) in x0.iter().zip(noise).enumerate() {
        let (a, b) = factors(level(f64::from(timesteps[index / pixels])));
        mixed.push((a * f64::from(x0) + b * f64::from(noise)) as f32);
    }
    Ok(mixed)
}

/// The fixed variances of every step of the walk.
fn variances(scheduler: &Scheduler, io: &TensorFile, comparison: &mut Comparison) {
    let levels = scheduler.grid.levels();
    let posteriors = || levels.windows(2).map(|pair| Posterior::between(pair[0], pair[1]));
    // The library never lets a variance vanish.
    let small: Vec<f32> = posteriors().map(|posterior| posterior.variance.max(1e-20) as f32).collect();
    let large: Vec<f32> = posteriors().map(|posterior| posterior.forward_variance as f32).collect();
    for (name, ours) in [("variance.fixed_small", small), ("variance.fixed_large", large)] {
        if let Ok(recorded) = io.get(name) {
            comparison.relative(name, &ours, &recorded.values, TOLERANCE);
        }
    }
}
