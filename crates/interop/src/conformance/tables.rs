use std::fs;

use serde_json::{Map, Value};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use crate::{Call, Options, Scheduler, TensorFile, python_json, scheduler_table};

/// The tables were recorded in single precision.
const TOLERANCE: f64 = 1e-5;

/// Timesteps, sigmas and betas of many classes, spacings and numbers of steps.
pub(super) fn run(case: &Case) -> Result<Comparison, CaseError> {
    let io = TensorFile::read(&case.folder.join("io.safetensors"))?;
    let text = fs::read_to_string(case.folder.join("case.json")).map_err(CaseError::broken)?;
    let entries: Vec<Map<String, Value>> = python_json::parse(&text).map_err(CaseError::broken)?;
    let mut comparison = Comparison::default();
    for entry in entries {
        compare(entry, &io, &mut comparison)?;
    }
    Ok(comparison)
}

fn compare(entry: Map<String, Value>, io: &TensorFile, comparison: &mut Comparison) -> Result<(), CaseError> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (key, class) = (text("key"), text("scheduler"));
    let mut config = entry.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    for shared in ["num_train_timesteps", "rescale_betas_zero_snr"] {
        config.extend(entry.get(shared).map(|value| (shared.to_owned(), value.clone())));
    }
    let options = Options::new(config);
    let steps = entry.get("steps").and_then(Value::as_u64).map(|steps| steps as usize);
    let call = Call { num_inference_steps: steps.or(Some(1)), ..Call::default() };
    let made = Scheduler::new(&class, &options, &call);
    let (scheduler, _) = made.map_err(|reason| CaseError::Unsupported(format!("{key}: {reason}")))?;
    let mut check = |name: &str, ours: Vec<f64>| {
        if let Ok(recorded) = io.get(&format!("{key}.{name}")) {
            let ours: Vec<f32> = ours.into_iter().map(|value| value as f32).collect();
            comparison.relative(format!("{key} {name}"), &ours, &recorded.values, TOLERANCE);
        }
    };
    check("timesteps", scheduler_table::reported_timesteps(&class, &scheduler));
    check("sigmas", scheduler_table::reported_sigmas(&class, &scheduler));
    check("init_noise_sigma", vec![scheduler.init_noise_sigma]);
    if let Some(chain) = scheduler.chain() {
        check("betas", chain.betas().to_vec());
        check("alphas_cumprod", chain.alphas_cumprod().to_vec());
    }
    Ok(())
}
