use diffusion::{Parameterization, ReverseVariance, SolverConfig};
use schedules::{FinalSigma, FixedVariance, ScheduleConfig, Spacing};
use serde_json::{Value, json};
use train::RunConfig;

use crate::{InteropError, scheduler_export_continuous};

/// The only cosine schedule that the reference library has.
const COSINE: ScheduleConfig = ScheduleConfig::Cosine { s: 0.008, max_beta: 0.999 };

/// What a run draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// Images, to whose range predicted ones are clipped.
    Pixels,
    /// Latents, which have no range.
    Latents,
}

/// A scheduler of the library.
pub(crate) struct Sampling {
    /// Its class.
    pub class: &'static str,
    /// The library's pipeline that draws with it and a network of images.
    pub pipeline: &'static str,
    /// Its `scheduler_config.json`.
    pub keys: Value,
}

/// The scheduler of a run.
///
/// The run's number of steps and a DDIM's eta are not part of such a file: they are given when the pipeline is called.
pub(crate) fn sampling(config: &RunConfig, range: Range) -> Result<Sampling, InteropError> {
    match (&config.diffusion.schedule, range) {
        (ScheduleConfig::Edm(edm), Range::Pixels) => scheduler_export_continuous::edm(config, edm),
        (ScheduleConfig::Flow(flow), Range::Pixels) => scheduler_export_continuous::flow(config, flow),
        (law @ (ScheduleConfig::Edm(_) | ScheduleConfig::Flow(_)), Range::Latents) => {
            inexpressible(format!("diffusion.schedule = {law:?} of latents"))
        }
        _ => chain(config, range),
    }
}

pub(crate) fn inexpressible<T>(option: String) -> Result<T, InteropError> {
    Err(InteropError::Inexpressible { option })
}

/// The scheduler of a run on a chain of timesteps.
fn chain(config: &RunConfig, range: Range) -> Result<Sampling, InteropError> {
    let (class, variance) = match &config.sample.solver {
        // The library's other classes take no variance from the network.
        SolverConfig::Ancestral { .. } if config.diffusion.variance == ReverseVariance::LearnedRange => {
            ("DDPMScheduler", Some("learned_range"))
        }
        other if config.diffusion.variance == ReverseVariance::LearnedRange => {
            return inexpressible(format!("sample.solver = {other:?} with a learned variance"));
        }
        SolverConfig::Ddim { .. } => ("DDIMScheduler", None),
        SolverConfig::Ancestral { variance: FixedVariance::Small } => ("DDPMScheduler", Some("fixed_small")),
        SolverConfig::Ancestral { variance: FixedVariance::Large } => ("DDPMScheduler", Some("fixed_large")),
        other => return inexpressible(format!("sample.solver = {other:?}")),
    };
    let prediction = match config.diffusion.parameterization {
        Parameterization::Eps => "epsilon",
        Parameterization::X0 => "sample",
        Parameterization::V => "v_prediction",
        other => return inexpressible(format!("diffusion.parameterization = {other:?}")),
    };
    let spacing = match &config.sample.spacing {
        Spacing::Leading { .. } => "leading",
        Spacing::Trailing => "trailing",
        Spacing::Linspace => "linspace",
        other => return inexpressible(format!("sample.spacing = {other:?}")),
    };
    let offset = match config.sample.spacing {
        Spacing::Leading { offset } => offset,
        _ => 0,
    };
    if config.sample.final_sigma != FinalSigma::Zero {
        return inexpressible("sample.final_sigma".into());
    }
    let mut keys = json!({
        "_class_name": class,
        "_diffusers_version": "0.42.1",
        "num_train_timesteps": config.diffusion.num_train_timesteps,
        "trained_betas": null,
        "clip_sample": range == Range::Pixels,
        "clip_sample_range": 1.0,
        "prediction_type": prediction,
        "timestep_spacing": spacing,
        "steps_offset": offset,
    });
    match &config.diffusion.schedule {
        ScheduleConfig::Linear { beta_start, beta_end, rescale: false } => {
            set_betas(&mut keys, "linear", [*beta_start, *beta_end])
        }
        ScheduleConfig::ScaledLinear { beta_start, beta_end } => {
            set_betas(&mut keys, "scaled_linear", [*beta_start, *beta_end]);
        }
        cosine if *cosine == COSINE => keys["beta_schedule"] = json!("squaredcos_cap_v2"),
        _ => match config.schedule() {
            Ok(schedule) => keys["trained_betas"] = json!(schedule.betas()),
            Err(error) => return inexpressible(format!("diffusion.schedule: {error}")),
        },
    }
    if let Some(variance) = variance {
        keys["variance_type"] = json!(variance);
    }
    let pipeline = if class == "DDIMScheduler" { "DDIMPipeline" } else { "DDPMPipeline" };
    Ok(Sampling { class, pipeline, keys })
}

fn set_betas(keys: &mut Value, law: &str, [start, end]: [f64; 2]) {
    keys["beta_schedule"] = json!(law);
    keys["beta_start"] = json!(start);
    keys["beta_end"] = json!(end);
}
