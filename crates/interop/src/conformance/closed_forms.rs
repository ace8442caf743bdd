//! What a scheduler says without a walk: timesteps, noisy images, velocities, variances.

use schedules::{NoiseLevel, Posterior};

use super::case::CaseError;
use super::comparison::Comparison;
use crate::scheduler_table::reported_timesteps;
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
    // FlowMatchHeun compares a batch of timesteps with its table as if they were one: it answers, wrongly, for one step only.
    let noisy = io.get("add_noise.out").ok().filter(|_| class != "FlowMatchHeunDiscreteScheduler");
    if let Some(noisy) = noisy {
        let ours = mixed(
            io,
            |timestep| noising_level(class, scheduler, place(io, timestep), timestep),
            |NoiseLevel { alpha, sigma }| (alpha, sigma),
        )?;
        comparison.relative("add_noise", &ours, &noisy.values, TOLERANCE);
    }
    if let Ok(velocity) = io.get("get_velocity.out") {
        let ours = mixed(
            io,
            |timestep| velocity_level(class, scheduler, place(io, timestep), timestep),
            |NoiseLevel { alpha, sigma }| (-sigma, alpha),
        )?;
        comparison.relative("get_velocity", &ours, &velocity.values, TOLERANCE);
    }
    variances(scheduler, io, comparison);
    Ok(())
}

/// Where the library finds a timestep in its table: of several that are equal, the second.
fn place(io: &TensorFile, timestep: f64) -> Option<usize> {
    let shown = &io.get("timesteps").ok()?.values;
    let equal = shown.iter().enumerate().filter(|(_, shown)| f64::from(**shown) == timestep);
    equal.map(|(place, _)| place).take(2).last()
}

/// Where `add_noise` puts an image: at the sigma of a timestep's place in the table, whose second-order classes show each visit
/// but the first twice; those of whole timesteps look into the chain.
fn noising_level(class: &str, scheduler: &Scheduler, place: Option<usize>, timestep: f64) -> NoiseLevel {
    let visits = scheduler.grid.visits();
    let shown = reported_timesteps(class, scheduler).len();
    let visit = match place {
        _ if class == "PNDMScheduler" => None,
        Some(place) if shown == visits.len() => visits.get(place),
        Some(place) => visits.get(place.div_ceil(2)),
        None => None,
    };
    visit.map_or_else(|| scheduler.level(timestep), |visit| visit.level)
}

/// Where `get_velocity` takes an image to be: EulerDiscrete looks into the chain at the place of a timestep in the walk.
fn velocity_level(class: &str, scheduler: &Scheduler, place: Option<usize>, timestep: f64) -> NoiseLevel {
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
