use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use diffusion::likelihood::{Support, VariationalBound};
use diffusion::{Parameterization, ReverseVariance};
use layout::{ParameterValue, UNetNames, collect_tensors};
use schedules::{Curve, FixedVariance, ReverseChain, ReverseStep, Schedule, ScheduleConfig, Weighting};
use serde::Deserialize;
use train::{
    Batch, Objective, ObjectiveConfig, TrainConfig, clip_global_norm, ema_update, frozen_copy, optimizer,
};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use crate::{HostTensor, TensorFile, read_unet, unet_tensors};

const LOSS_TOLERANCE: f64 = 1e-5;
const GRADIENT_TOLERANCE: f64 = 1e-3;
const WEIGHT_TOLERANCE: f64 = 1e-4;
/// A gradient counts as at least this share of the largest one of the network.
const GRADIENT_FLOOR: f64 = 1e-4;
/// A gradient below this share of the largest one of the network is nothing but rounding.
const ROUNDING: f64 = 1e-7;

#[derive(Deserialize)]
struct Optimizer {
    #[serde(rename = "type")]
    name: String,
    lr: f64,
    betas: [f64; 2],
    weight_decay: f64,
    eps: f64,
}

/// What the labels of a batch are called.
const LABELS: [&str; 4] = ["class_labels", "labels", "classes", "y"];

type Tensors = BTreeMap<String, HostTensor>;

/// Losses, the gradients of the first step, and the weights and their average after all steps.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let (net, config) = read_unet(&case.folder, &device.clone().autodiff())?;
    let io = case.io()?;
    let objective = objective(case)?;
    let (mut optim, settings) = optimizer_of(case)?;
    let clip = case.value::<Option<f64>>("grad_clip")?.unwrap_or(0.0);
    let mut comparison = Comparison::default();
    let (mut net, mut ema) = (net.clone(), frozen_copy(&net));
    let steps: usize = case.value("steps")?;
    for step in 0..steps {
        let batch = batch(&io, step, config.class_rows(), device)?;
        let loss = objective.loss(&net, &batch).total;
        let recorded = io.get(&format!("s{step}.loss"))?;
        comparison.relative(format!("loss {step}"), &read(loss.clone())?, &recorded.values, LOSS_TOLERANCE);
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        let (norm, gradients) = clip_global_norm(&net, gradients, clip);
        if let Some(recorded) = io.tensors.get(&format!("s{step}.grad_norm")) {
            comparison.relative("gradient norm", &read(norm)?, &recorded.values, GRADIENT_TOLERANCE);
        }
        if step == 0 {
            let ours = collect_tensors(&net, &UNetNames(&config), Gradients(&gradients))?;
            compare_gradients(&mut comparison, &io, &ours)?;
        }
        net = optim.step(settings.learning_rate, net, gradients);
        let decay = io.get(&format!("s{step}.ema_decay"))?.values[0];
        ema = ema_update(ema, &net, f64::from(decay));
    }
    let walk = steps as f64 * settings.learning_rate;
    for (prefix, network) in [("param_after.", &net), ("ema_after.", &ema)] {
        let ours = unet_tensors(&network.valid(), &config)?;
        compare_weights(&mut comparison, &io, walk, (prefix, &ours))?;
    }
    Ok(comparison)
}

/// What was recorded under `prefix`, beside ours.
fn recorded<'a>(
    io: &'a TensorFile,
    prefix: &str,
    ours: &'a Tensors,
) -> Result<Vec<(&'a str, &'a HostTensor, &'a HostTensor)>, CaseError> {
    let names = io.tensors.keys().filter_map(|key| Some((key, key.strip_prefix(prefix)?)));
    let pair = |(key, name): (&'a String, &str)| {
        let ours = ours.get(name).ok_or_else(|| CaseError::Broken(format!("the network has no {name}")))?;
        Ok((key.as_str(), ours, &io.tensors[key]))
    };
    let pairs = names.map(pair).collect::<Result<Vec<_>, CaseError>>()?;
    if pairs.is_empty() {
        Err(CaseError::Broken(format!("nothing is recorded as {prefix}")))
    } else {
        Ok(pairs)
    }
}

/// Some gradients are zero but for rounding (softmax does not see the bias of keys): they are compared beside the largest
/// of the network.
fn compare_gradients(comparison: &mut Comparison, io: &TensorFile, ours: &Tensors) -> Result<(), CaseError> {
    let pairs = recorded(io, "grad.", ours)?;
    let largest = largest_gradient(io);
    for (name, ours, recorded) in pairs {
        let scale = recorded.largest().max(GRADIENT_FLOOR * largest);
        comparison.scaled(name, &ours.values, &recorded.values, scale, GRADIENT_TOLERANCE);
    }
    Ok(())
}

fn largest_gradient(io: &TensorFile) -> f64 {
    let gradients = io.tensors.iter().filter(|(name, _)| name.starts_with("grad."));
    gradients.map(|(_, gradient)| gradient.largest()).fold(0.0, f64::max)
}

/// Where the gradient is nothing but rounding, Adam walks at random, by up to the learning rate a step: `walk` in all.
fn compare_weights(
    comparison: &mut Comparison,
    io: &TensorFile,
    walk: f64,
    (prefix, ours): (&str, &Tensors),
) -> Result<(), CaseError> {
    let floor = ROUNDING * largest_gradient(io);
    for (name, ours, recorded) in recorded(io, prefix, ours)? {
        let gradient = io.tensors.get(&name.replacen(prefix, "grad.", 1));
        let random = gradient.is_some_and(|gradient| gradient.largest() < floor);
        let least = if random { walk / WEIGHT_TOLERANCE } else { 0.0 };
        let scale = recorded.largest().max(least);
        comparison.scaled(name, &ours.values, &recorded.values, scale, WEIGHT_TOLERANCE);
    }
    Ok(())
}

struct Gradients<'a>(&'a GradientsParams);
impl ParameterValue for Gradients<'_> {
    fn of<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> Option<Tensor<D>> {
        self.0.get::<D>(parameter.id)
    }
}

fn objective(case: &Case) -> Result<Objective, CaseError> {
    let law = case.value::<String>("beta_schedule")?;
    let (beta_start, beta_end) = (1e-4, 0.02);
    let schedule = match law.as_str() {
        "linear" => ScheduleConfig::Linear { beta_start, beta_end, rescale: false },
        "scaled_linear" => ScheduleConfig::ScaledLinear { beta_start, beta_end },
        "squaredcos_cap_v2" => ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 },
        _ => return Err(CaseError::Unsupported(format!("beta_schedule = {law}"))),
    };
    let parameterization = case.value::<String>("prediction_type")?;
    let parameterization = match parameterization.as_str() {
        "epsilon" => Parameterization::Eps,
        "sample" => Parameterization::X0,
        "v_prediction" => Parameterization::V,
        _ => return Err(CaseError::Unsupported(format!("prediction_type = {parameterization}"))),
    };
    let schedule = schedule.build(1000).map_err(CaseError::broken)?;
    let single = SinglePrecision::new(schedule.betas());
    let hybrid: bool = case.value("hybrid_vlb")?;
    let (variance, minimised) = match hybrid {
        true => (ReverseVariance::LearnedRange, ObjectiveConfig::Hybrid { vlb_weight: 1e-3 }),
        false => (ReverseVariance::default(), ObjectiveConfig::Simple),
    };
    Ok(Objective {
        bound: Some(single.bound()?),
        curve: Curve::Chain(single.schedule()?),
        num_train_timesteps: 1000,
        parameterization,
        variance,
        minimised,
        history: None,
        continuous: false,
        weighting: case
            .value::<Option<f64>>("min_snr_gamma")?
            .map_or(Weighting::Uniform, |gamma| Weighting::MinSnr { gamma }),
        ema_decay: 0.0,
        grad_accumulation: 1,
    })
}

/// The chain in the numbers that the reference library computes with. They matter at timestep 0 of the bound, where the
/// factor of x0 in the posterior's mean is `beta / (1 - alphas_cumprod)`: 1, but 0.9995 in single precision.
struct SinglePrecision {
    betas: Vec<f32>,
    alphas_cumprod: Vec<f32>,
}

impl SinglePrecision {
    fn new(betas: &[f64]) -> Self {
        let betas: Vec<f32> = betas.iter().map(|&beta| beta as f32).collect();
        let product = |product: &mut f32, beta: &f32| {
            *product *= 1.0 - beta;
            Some(*product)
        };
        let alphas_cumprod = betas.iter().scan(1.0, product).collect();
        Self { betas, alphas_cumprod }
    }

    fn alphas_cumprod_before(&self, t: usize) -> f64 {
        if t == 0 { 1.0 } else { f64::from(self.alphas_cumprod[t - 1]) }
    }

    /// The chain whose exact products are the rounded ones.
    fn schedule(&self) -> Result<Schedule, CaseError> {
        let beta = |t: usize| 1.0 - f64::from(self.alphas_cumprod[t]) / self.alphas_cumprod_before(t);
        Schedule::from_betas((0..self.betas.len()).map(beta).collect()).map_err(CaseError::broken)
    }

    fn bound(&self) -> Result<VariationalBound, CaseError> {
        let step = |t: usize| {
            let beta = |t: usize| f64::from(self.betas[t]);
            let before = |t: usize| self.alphas_cumprod_before(t);
            let noise = |t: usize| 1.0 - f64::from(self.alphas_cumprod[t]);
            let next = t.max(1);
            ReverseStep {
                x0_coefficient: beta(t) * before(t).sqrt() / noise(t),
                x_coefficient: (1.0 - beta(t)).sqrt() * (1.0 - before(t)) / noise(t),
                beta: beta(t),
                beta_tilde: beta(next) * (1.0 - before(next)) / noise(next),
            }
        };
        Ok(VariationalBound {
            levels: self.schedule()?.levels(),
            chain: ReverseChain((0..self.betas.len()).map(step).collect()),
            variance: FixedVariance::Large,
            support: Support::Pixels,
        })
    }
}

fn optimizer_of(case: &Case) -> Result<(ModuleOptimizer, TrainConfig), CaseError> {
    let recorded: Optimizer = case.value("optimizer")?;
    if recorded.name != "AdamW" {
        return Err(CaseError::Unsupported(format!("optimizer = {}", recorded.name)));
    }
    let settings = TrainConfig {
        learning_rate: recorded.lr,
        betas: recorded.betas,
        weight_decay: recorded.weight_decay,
        adam_eps: recorded.eps,
        ..TrainConfig::default()
    };
    Ok((optimizer(&settings), settings))
}

/// What a step learns from; `classes` is how many labels a network knows, if it knows any.
fn batch(io: &TensorFile, step: usize, classes: Option<usize>, device: &Device) -> Result<Batch, CaseError> {
    let tensor = |name: &str| io.get(&format!("s{step}.{name}"));
    let timesteps = tensor("t")?.values.iter().map(|&t| t as usize).collect();
    let (x0, eps) = (tensor("x0")?.upload::<4>(device)?, tensor("noise")?.upload(device)?);
    let labels = match classes {
        Some(classes) => Some(labels(io, step, classes, x0.dims()[0])?),
        None => None,
    };
    let labels = labels.map(|labels| Tensor::from_data(TensorData::from(labels.as_slice()), device));
    Ok(Batch { x0, eps, timesteps, quantiles: Vec::new(), labels })
}

/// The recorded labels of a step's images.
fn labels(io: &TensorFile, step: usize, classes: usize, images: usize) -> Result<Vec<i64>, CaseError> {
    let named = |name: &&str| io.tensors.get(&format!("s{step}.{name}")).or(io.tensors.get(*name));
    let Some(recorded) = LABELS.iter().find_map(named) else {
        let reason = format!("the network knows classes, but s{step}.{} is not recorded", LABELS[0]);
        return Err(CaseError::Broken(reason));
    };
    let labels: Vec<i64> = recorded.values.iter().map(|&label| label as i64).collect();
    if labels.len() != images || labels.iter().any(|label| !(0..classes as i64).contains(label)) {
        let reason = format!("labels {labels:?} of {images} images in {classes} classes");
        return Err(CaseError::Broken(reason));
    }
    Ok(labels)
}

fn read(x: Tensor<1>) -> Result<Vec<f32>, CaseError> {
    x.try_into_vec_as::<f32>().map_err(|error| CaseError::Broken(format!("{error:?}")))
}
