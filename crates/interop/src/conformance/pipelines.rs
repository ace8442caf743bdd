use std::ops::ControlFlow;

use burn::prelude::*;
use diffusion::{SamplerConfig, SolverConfig, sample};
use serde_json::Value;

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use crate::ModelFolder;

/// In units of the images' range, which is 1.
const TOLERANCE: f64 = 1e-3;

/// The images that a folder's own sampler draws from the recorded noise.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let folder = ModelFolder::read(&case.folder, device)?;
    let sampler = called(case, folder.sampling.sampler)?;
    let io = case.io()?;
    let draws = io.get("randn")?.upload::<5>(device)?;
    let mut drawn = 0;
    let mut noise = || {
        let draw = draws.clone().narrow(0, drawn, 1).squeeze_dim(0);
        drawn += 1;
        draw
    };
    let levels = sampler.levels(&folder.model.schedule).map_err(CaseError::broken)?;
    let denoiser = folder.model.denoiser(None, 1.0);
    let mut solver = sampler.solver.init();
    let x = noise();
    let x =
        sample(
            denoiser.as_ref(),
            solver.as_mut(),
            &levels,
            x,
            &mut noise,
            &mut |_| ControlFlow::Continue(()),
        )
        .map_err(CaseError::broken)?;
    let image = (x * 0.5 + 0.5).clamp(0.0, 1.0).permute([0, 2, 3, 1]);
    let image = image.try_into_vec_as::<f32>().map_err(|error| CaseError::Broken(format!("{error:?}")))?;
    let mut comparison = Comparison::default();
    comparison.scaled("image", &image, &io.get("image")?.values, 1.0, TOLERANCE);
    Ok(comparison)
}

/// The folder's sampler with what the call of the pipeline says.
fn called(case: &Case, own: SamplerConfig) -> Result<SamplerConfig, CaseError> {
    let call: serde_json::Map<String, Value> = case.value("call")?;
    let mut sampler = own;
    for (key, value) in &call {
        match (key.as_str(), value) {
            ("batch_size" | "output_type", _) | (_, Value::Null) => {}
            ("num_inference_steps", steps) => {
                sampler.steps =
                    steps.as_u64().ok_or_else(|| CaseError::broken("no number of steps"))? as usize;
            }
            ("eta", eta) => match (&mut sampler.solver, eta.as_f64()) {
                (SolverConfig::Ddim { eta: own }, Some(eta)) => *own = eta,
                _ => return Err(CaseError::Unsupported(format!("eta = {eta}"))),
            },
            (key, value) => return Err(CaseError::Unsupported(format!("{key} = {value}"))),
        }
    }
    Ok(sampler)
}
