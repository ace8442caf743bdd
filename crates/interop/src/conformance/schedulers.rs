use std::cell::Cell;
use std::fs;

use burn::prelude::*;
use burn::tensor::DType;
use diffusion::{Denoiser, NetworkDenoiser, Solver, Stage};
use schedules::NoiseLevel;
use serde_json::{Map, Value};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use super::last_digit::{LastDigit, Rounding};
use super::recorded_noise::RecordedNoise;
use super::toy::Toy;
use crate::{Call, HostTensor, Options, Scheduler, TensorFile};

/// In units of the largest value compared.
const TOLERANCE: f64 = 1e-4;
/// Walks with other last digits, from which it is seen how far a walk goes astray by them.
const ROUNDED_WALKS: u64 = 4;
/// How many last digits a step of the library may lose: it rounds more than once, and lambdas, logarithms of about 10, too.
const ROUNDINGS: f64 = 8.0;

/// The whole walk with the recorded noise, and what the scheduler makes of noise and variances beside it.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let path = case.folder.join("scheduler_config.json");
    let text = fs::read_to_string(&path).map_err(CaseError::broken)?;
    let options = Options::parse(&text).map_err(CaseError::broken)?;
    let call = call(case)?;
    let made = || {
        let made = Scheduler::new(case.kind(), &options, &call);
        made.map_err(|reason| CaseError::Unsupported(reason.0))
    };
    let (scheduler, _) = made()?;
    if let Some(fault) = &scheduler.fault {
        return Err(CaseError::Faulty(fault.clone()));
    }
    let io = case.io()?;
    let mut stated = Comparison::default();
    super::closed_forms::compare(case.kind(), &scheduler, &io, &mut stated)?;
    let walked = |dtype: DType, digit: Option<LastDigit>| {
        let (_, mut solver) = made()?;
        let x = upload::<4>(io.get("x_init")?, device, dtype);
        let mut noise = RecordedNoise::new(&io, device, dtype)?;
        walk(&scheduler, solver.as_mut(), case.value("toy_model")?, x, &mut noise, digit)
    };
    let exact = walked(DType::F64, None)?;
    let comparison = exact.compare(&io, stated.clone())?;
    if comparison.agrees() || !stated.agrees() {
        return Ok(comparison);
    }
    // The library computes in single precision: what it rounds may be more than the tolerance.
    let in_single = walked(DType::F32, None)?.compare(&io, stated)?;
    if in_single.agrees() {
        return Ok(in_single);
    }
    let mut lost = 0.0_f64;
    for index in 0..ROUNDED_WALKS {
        lost = lost.max(walked(DType::F64, Some(LastDigit::new(index)))?.distance(&exact, &io)?);
    }
    unless_rounding(comparison, lost)
}

/// A comparison that does not agree, or that the library's roundings are the reason: `lost` is how far last digits lead astray.
fn unless_rounding(comparison: Comparison, lost: f64) -> Result<Comparison, CaseError> {
    match comparison.worst() {
        Some((_, error, _)) if error <= ROUNDINGS * lost => Err(CaseError::Faulty(format!(
            "single precision cancels: {error:.0e} from double precision, where last digits make {lost:.0e}"
        ))),
        _ => Ok(comparison),
    }
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
    images: Vec<(usize, Vec<f32>, Vec<f32>)>,
    /// The network's answers, one after the other.
    outputs: Vec<f32>,
    /// Whether every step asked the network once.
    simple: bool,
}

fn walk(
    scheduler: &Scheduler,
    solver: &mut dyn Solver,
    toy: Toy,
    mut x: Tensor<4>,
    noise: &mut RecordedNoise,
    digit: Option<LastDigit>,
) -> Result<Walk, CaseError> {
    let levels = scheduler.grid.levels();
    let total = levels.len() - 1;
    let mut images = Vec::new();
    for index in 0..total {
        let stage = Stage { from: levels[index], to: levels[index + 1], index, total };
        noise.skip_to(toy.evaluations());
        let before = x.clone();
        let mut denoiser = denoiser(scheduler, &toy, index, x.clone());
        if let Some(digit) = &digit {
            denoiser = Box::new(Rounding { inner: denoiser, digit, start: before.clone() });
        }
        let zeros = x.zeros_like();
        // A noise that was not recorded was multiplied by zero.
        let mut draw = || noise.draw().unwrap_or_else(|| zeros.clone());
        let (next, x0) = solver.step(denoiser.as_ref(), x, stage, &mut draw).map_err(CaseError::broken)?;
        drop(denoiser);
        x = digit.as_ref().map_or_else(|| next.clone(), |digit| digit.off(next.clone(), before));
        images.push((toy.evaluations(), read(x.clone())?, read(x0)?));
    }
    let simple = images.len() == toy.evaluations();
    let outputs = toy.into_outputs().into_iter().map(read).collect::<Result<Vec<_>, _>>()?.concat();
    Ok(Walk { images, outputs, simple })
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
    // Several visits may be at one level: this step's come first. A level between two may be that of the next visit, and
    // is not taken for it.
    let curve = scheduler.grid.curve();
    let timestep = move |level: NoiseLevel| {
        let near = visits[index..].iter().take(2).find(|visit| visit.level == level);
        match near {
            _ if level == here.level => here.timestep,
            _ if scheduler.asks_between => curve.timestep(level),
            Some(next) => next.timestep,
            None => scheduler.grid.timestep(level),
        }
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
    /// Adds the comparison with what was recorded.
    fn compare(&self, io: &TensorFile, mut comparison: Comparison) -> Result<Comparison, CaseError> {
        let recorded = io.get("prev_sample")?;
        let pixels = recorded.values.len() / recorded.shape[0];
        let scale = largest(&recorded.values);
        for (evaluations, x, x0) in &self.images {
            let after =
                |name: &str| io.get(name).ok().and_then(|t| t.values.chunks(pixels).nth(evaluations - 1));
            let expected = after("prev_sample")
                .ok_or_else(|| CaseError::broken(format!("{evaluations} evaluations, more than recorded")))?;
            comparison.scaled(format!("x after {evaluations}"), x, expected, scale, TOLERANCE);
            if let Some(expected) = after("pred_original_sample").filter(|_| self.simple) {
                comparison.scaled(format!("x0 after {evaluations}"), x0, expected, scale, TOLERANCE);
            }
        }
        comparison.relative("network", &self.outputs, &io.get("model_output")?.values, TOLERANCE);
        Ok(comparison)
    }

    /// The largest distance from the same walk with other roundings, in the units of [`compare`](Self::compare).
    fn distance(&self, other: &Self, io: &TensorFile) -> Result<f64, CaseError> {
        let scale = largest(&io.get("prev_sample")?.values);
        let mut comparison = Comparison::default();
        for ((_, x, x0), (_, other_x, other_x0)) in self.images.iter().zip(&other.images) {
            comparison.scaled("x", x, other_x, scale, TOLERANCE);
            if self.simple {
                comparison.scaled("x0", x0, other_x0, scale, TOLERANCE);
            }
        }
        comparison.relative("network", &self.outputs, &other.outputs, TOLERANCE);
        Ok(comparison.worst().map_or(0.0, |(_, error, _)| error))
    }
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |largest, &value| largest.max(f64::from(value).abs()))
}

fn read(x: Tensor<4>) -> Result<Vec<f32>, CaseError> {
    x.try_into_vec_as::<f32>().map_err(|error| CaseError::broken(format!("{error:?}")))
}

/// A recorded tensor in a precision.
pub(super) fn upload<const D: usize>(tensor: &HostTensor, device: &Device, dtype: DType) -> Tensor<D> {
    let values: Vec<f64> = tensor.values.iter().map(|&value| f64::from(value)).collect();
    Tensor::from_data(TensorData::new(values, tensor.shape.clone()), (device, dtype))
}
