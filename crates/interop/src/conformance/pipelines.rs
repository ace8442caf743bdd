use std::ops::ControlFlow;

use burn::prelude::*;
use diffusion::sample;
use serde_json::{Map, Value};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use crate::{Call, ModelFolder};

/// In units of the images' range, which is 1.
const TOLERANCE: f64 = 1e-3;

/// The images that a folder's own sampler draws from the recorded noise.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let ModelFolder { model, sampler, .. } = ModelFolder::read(&case.folder, device)?;
    if model.num_classes.is_some() && model.net.null_class().is_none() {
        return Err(CaseError::Unsupported("classes, which the pipeline does not know".into()));
    }
    let steps = sampler.call().num_inference_steps;
    let asked = call(case)?;
    let asked = Call { num_inference_steps: asked.num_inference_steps.or(steps), ..asked };
    let (scheduler, mut solver) = sampler.called(|own| *own = asked)?.scheduler()?;
    if let Some(fault) = &scheduler.fault {
        return Err(CaseError::Faulty(fault.clone()));
    }
    let io = case.io()?;
    let draws = io.get("randn")?.upload::<5>(device)?;
    let mut drawn = 0;
    let mut noise = || {
        let draw = draws.clone().narrow(0, drawn, 1).squeeze_dim(0);
        drawn += 1;
        draw
    };
    let x = noise() * scheduler.init_noise_sigma;
    let denoiser = scheduler.denoiser(model.answer(None));
    let levels = scheduler.grid.levels();
    let x =
        sample(
            denoiser.as_ref(),
            solver.as_mut(),
            &levels,
            x,
            &mut noise,
            &mut |_| ControlFlow::Continue(()),
        );
    let image = (x.map_err(CaseError::broken)? * 0.5 + 0.5).clamp(0.0, 1.0).permute([0, 2, 3, 1]);
    let image = image.try_into_vec_as::<f32>().map_err(|error| CaseError::Broken(format!("{error:?}")))?;
    let mut comparison = Comparison::default();
    comparison.scaled("image", &image, &io.get("image")?.values, 1.0, TOLERANCE);
    Ok(comparison)
}

/// The call of the pipeline, less what does not reach its scheduler.
fn call(case: &Case) -> Result<Call, CaseError> {
    let mut arguments: Map<String, Value> = case.value("call")?;
    arguments.retain(|key, value| !matches!(key.as_str(), "batch_size" | "output_type") && !value.is_null());
    serde_json::from_value(arguments.into())
        .map_err(|error| CaseError::Unsupported(format!("the call: {error}")))
}
