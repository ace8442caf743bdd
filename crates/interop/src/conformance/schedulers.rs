use std::cell::Cell;
use std::fs;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{Denoiser, NetworkDenoiser, Solver, Stage};
use schedules::NoiseLevel;
use serde_json::{Map, Value};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use super::recorded_noise::RecordedNoise;
use super::toy::Toy;
use crate::{Call, HostTensor, Options, Scheduler, TensorFile};

/// In units of the largest value compared.
const TOLERANCE: f64 = 1e-4;

/// The whole walk with the recorded noise, and what the scheduler makes of noise and variances beside it.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let path = case.folder.join("scheduler_config.json");
    let text = fs::read_to_string(&path).map_err(CaseError::broken)?;
    let options = Options::parse(&text).map_err(CaseError::broken)?;
    let made = Scheduler::new(case.kind(), &options, &call(case)?);
    let (scheduler, mut solver) = made.map_err(|reason| CaseError::Unsupported(reason.0))?;
    if let Some(fault) = &scheduler.fault {
        return Err(CaseError::Faulty(fault.clone()));
    }
    let io = case.io()?;
    let mut comparison = Comparison::default();
    super::closed_forms::compare(case.kind(), &scheduler, &io, &mut comparison)?;
    let x = double::<4>(io.get("x_init")?, device);
    let mut noise = RecordedNoise::new(&io, device)?;
    let walk = walk(&scheduler, solver.as_mut(), case.value("toy_model")?, x, &mut noise)?;
    walk.compare(&io, &mut comparison)?;
    Ok(comparison)
}

/// `set_timesteps` and `step_kwargs` of the case.
fn call(case: &Case) -> Result<Call, CaseError> {
    let mut arguments: Map<String, Value> = case.value("set_timesteps")?;
    arguments.extend(case.value::<Map<String, Value>>("step_kwargs")?);
    serde_json::from_value(arguments.into())
        .map_err(|error| CaseError::Unsupported(format!("the call: {error}")))
}

/// What a walk leaves behind.
struct Walk {
    /// After how many evaluations, the image and the clean image believed in.
    images: Vec<(usize, Tensor<4>, Tensor<4>)>,
    /// The network's answers.
    outputs: Vec<Tensor<4>>,
}

fn walk(
    scheduler: &Scheduler,
    solver: &mut dyn Solver,
    toy: Toy,
    mut x: Tensor<4>,
    noise: &mut RecordedNoise,
) -> Result<Walk, CaseError> {
    let levels = scheduler.grid.levels();
    let total = levels.len() - 1;
    let mut images = Vec::new();
    for index in 0..total {
        let to = scheduler.arrivals.as_ref().map_or(levels[index + 1], |arrivals| arrivals[index]);
        let stage = Stage { from: levels[index], to, index, total };
        noise.skip_to(toy.evaluations());
        let denoiser = denoiser(scheduler, &toy, index, x.clone());
        let zeros = x.zeros_like();
        // A noise that was not recorded was multiplied by zero.
        let mut draw = || noise.draw().unwrap_or_else(|| zeros.clone());
        let (next, x0) = solver.step(denoiser.as_ref(), x, stage, &mut draw).map_err(CaseError::broken)?;
        drop(denoiser);
        x = next;
        images.push((toy.evaluations(), x.clone(), x0));
    }
    Ok(Walk { images, outputs: toy.into_outputs() })
}

/// The toy as the scheduler's model in one step, which begins at `start`.
fn denoiser<'a>(
    scheduler: &'a Scheduler,
    toy: &'a Toy,
    index: usize,
    start: Tensor<4>,
) -> Box<dyn Denoiser + 'a> {
    let visits = scheduler.grid.visits();
    let here = visits[index];
    let late = Cell::new(scheduler.churns_late);
    let (scale, _) = scheduler.parameterization.input(here.level);
    // Several visits may be at one level: this step's come first.
    let timestep = move |level: NoiseLevel| {
        let near = visits[index..].iter().take(2).find(|visit| visit.level == level);
        near.map_or_else(|| scheduler.grid.timestep(level), |visit| visit.timestep)
    };
    let net = move |input: Tensor<4>, timestep: f64| {
        // The library evaluates the network before it churns.
        let (input, timestep) =
            if late.take() { (start.clone() * scale, here.timestep) } else { (input, timestep) };
        let output = toy.answer(input, timestep, scheduler.variance);
        if scheduler.negated { -output } else { output }
    };
    let (parameterization, variance) = (scheduler.parameterization, scheduler.variance);
    scheduler.limited(NetworkDenoiser { net, timestep, parameterization, variance }, timestep)
}

impl Walk {
    fn compare(self, io: &TensorFile, comparison: &mut Comparison) -> Result<(), CaseError> {
        let recorded = io.get("prev_sample")?;
        let pixels = recorded.values.len() / recorded.shape[0];
        let scale = largest(&recorded.values);
        let simple = self.images.len() == self.outputs.len();
        for (evaluations, x, x0) in self.images {
            let after =
                |name: &str| io.get(name).ok().and_then(|t| t.values.chunks(pixels).nth(evaluations - 1));
            let expected = after("prev_sample")
                .ok_or_else(|| CaseError::broken(format!("{evaluations} evaluations, more than recorded")))?;
            comparison.scaled(format!("x after {evaluations}"), &read(x)?, expected, scale, TOLERANCE);
            if let Some(expected) = after("pred_original_sample").filter(|_| simple) {
                comparison.scaled(format!("x0 after {evaluations}"), &read(x0)?, expected, scale, TOLERANCE);
            }
        }
        let outputs: Vec<f32> = self.outputs.into_iter().map(read).collect::<Result<Vec<_>, _>>()?.concat();
        comparison.relative("network", &outputs, &io.get("model_output")?.values, TOLERANCE);
        Ok(())
    }
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |largest, &value| largest.max(f64::from(value).abs()))
}

fn read(x: Tensor<4>) -> Result<Vec<f32>, CaseError> {
    x.try_into_vec_as::<f32>().map_err(|error| CaseError::broken(format!("{error:?}")))
}

/// A recorded tensor in double precision: what is compared are formulas, not roundings.
pub(super) fn double<const D: usize>(tensor: &HostTensor, device: &Device) -> Tensor<D> {
    let values: Vec<f64> = tensor.values.iter().map(|&value| f64::from(value)).collect();
    Tensor::from_data(TensorData::new(values, tensor.shape.clone()), (device, DType::F64))
}
