use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::ControlFlow;

use burn::prelude::*;
use burn::tensor::DType;
use serde_json::{Map, Value};

use super::case::{Case, CaseError};
use super::comparison::Comparison;
use super::unet2d::read;
use crate::pipeline::{Drawing, Embeddings, Guidance, ImageSizes, Pipeline, PipelineKind, Start, TextStage};
use crate::scheduler_fault::fault_of_the_rest;
use crate::{Call, FolderSampler, HostTensor, InteropError, TensorFile};

/// In units of the images' range, which is 1.
const TOLERANCE: f64 = 1e-3;

/// The images that a pipeline draws from the recorded noise, and its latents on the way.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let weights: Option<String> = case.value("weights")?;
    let folder = weights.as_ref().map_or(case.folder.clone(), |weights| case.folder.join(weights));
    let mut pipeline = Pipeline::read(&folder, device, DType::F32).map_err(CaseError::broken)?;
    if weights.is_some() {
        let path = case.folder.join("scheduler").join("scheduler_config.json");
        pipeline.sampler = FolderSampler::read(&path)?;
    }
    let asked = Asked::read(case)?;
    let call = Call {
        num_inference_steps: asked.num_inference_steps.or(pipeline.sampler.call().num_inference_steps),
        eta: asked.eta,
        ..Call::default()
    };
    pipeline.sampler = pipeline.sampler.called(|own| *own = call)?;
    if let Some(fault) = pipeline.sampler.scheduler()?.0.fault {
        return Err(CaseError::Faulty(fault));
    }
    let late = asked.strength.is_some_and(|strength| strength < 1.0);
    if let Some(fault) = fault_of_the_rest(pipeline.sampler.class()).filter(|_| late) {
        return Err(CaseError::Faulty(fault.into()));
    }
    let io = case.io()?;
    let mut comparison = Comparison::default();
    let drawing = drawing(&pipeline, &asked, &io, device, &mut comparison)?;
    if drawing.negative_sizes.is_some() && drawing.batch > 1 && drawing.guidance.scale > 1.0 {
        return Err(CaseError::Faulty("sizes of images and of their negatives change places".into()));
    }
    let steps = RefCell::new(Vec::new());
    let mut recorded = Recorded::new(&io, device)?;
    let drawn = pipeline.draw(&drawing, &mut |shape| recorded.draw(shape), &mut |step| {
        steps.borrow_mut().push(step.x.clone());
        ControlFlow::Continue(())
    });
    let image = pipeline.first_stage.decode(drawn.map_err(CaseError::broken)?, None);
    compare_steps(steps.into_inner(), &io, &mut comparison)?;
    let image = (image.map_err(CaseError::broken)? * 0.5 + 0.5).clamp(0.0, 1.0).permute([0, 2, 3, 1]);
    comparison.scaled("image", &read(image)?, &io.get("image")?.values, 1.0, TOLERANCE);
    Ok(comparison)
}

/// Latents after each step, where they were recorded.
fn compare_steps(
    steps: Vec<Tensor<4>>,
    io: &TensorFile,
    comparison: &mut Comparison,
) -> Result<(), CaseError> {
    let Some(recorded) = io.tensors.get("step_latents").or(io.tensors.get("step_images")) else {
        return Ok(());
    };
    let pixels = recorded.values.len() / recorded.shape[0];
    // One evaluation a step, except where the library warms up.
    if steps.len() != recorded.shape[0] {
        return Ok(());
    }
    let scale = recorded.largest();
    for (index, (x, expected)) in steps.into_iter().zip(recorded.values.chunks(pixels)).enumerate() {
        comparison.scaled(format!("x after {}", index + 1), &read(x)?, expected, scale, TOLERANCE);
    }
    Ok(())
}

/// An image in `[-1, 1]`; the library takes one without negative numbers to be in `[0, 1]`, except for IF.
fn recorded_image(
    image: &HostTensor,
    kind: PipelineKind,
    device: &Device,
) -> Result<Tensor<4>, InteropError> {
    let centred = kind == PipelineKind::IfUpscale || image.values.iter().any(|&value| value < 0.0);
    let image = image.upload::<4>(device)?;
    Ok(if centred { image } else { image * 2.0 - 1.0 })
}

/// Encoded texts, where they were recorded.
fn compare_embeddings(
    embeddings: Option<&Embeddings>,
    prefix: &str,
    io: &TensorFile,
    comparison: &mut Comparison,
) -> Result<(), CaseError> {
    let Some(Embeddings { text, pooled }) = embeddings else { return Ok(()) };
    if let Some(recorded) = io.tensors.get(&format!("{prefix}prompt_embeds")) {
        comparison.relative(format!("{prefix}text"), &read(text.clone())?, &recorded.values, 1e-4);
    }
    if let (Some(pooled), Some(recorded)) = (pooled, io.tensors.get(&format!("{prefix}pooled"))) {
        comparison.relative(format!("{prefix}pooled"), &read(pooled.clone())?, &recorded.values, 1e-4);
    }
    Ok(())
}

/// The recorded call.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    batch_size: Option<usize>,
    prompt: Vec<String>,
    negative_prompt: Option<Vec<String>>,
    num_inference_steps: Option<usize>,
    guidance_scale: Option<f64>,
    guidance_rescale: Option<f64>,
    clip_skip: Option<usize>,
    eta: Option<f64>,
    height: Option<usize>,
    width: Option<usize>,
    original_size: Option<[usize; 2]>,
    crops_coords_top_left: Option<[usize; 2]>,
    target_size: Option<[usize; 2]>,
    negative_original_size: Option<[usize; 2]>,
    negative_crops_coords_top_left: Option<[usize; 2]>,
    negative_target_size: Option<[usize; 2]>,
    strength: Option<f64>,
    noise_level: Option<usize>,
    clean_caption: bool,
    output_type: Option<String>,
    use_clipped_model_output: Option<Value>,
}

impl Asked {
    fn read(case: &Case) -> Result<Self, CaseError> {
        let mut arguments: Map<String, Value> = case.value("call")?;
        arguments.retain(|_, value| !value.is_null());
        serde_json::from_value(arguments.into())
            .map_err(|error| CaseError::Unsupported(format!("the call: {error}")))
    }
}

fn drawing(
    pipeline: &Pipeline,
    asked: &Asked,
    io: &TensorFile,
    device: &Device,
    comparison: &mut Comparison,
) -> Result<Drawing, CaseError> {
    let stage = TextStage::read(&pipeline.folder, device, DType::F32).map_err(CaseError::broken)?;
    let skip = asked.clip_skip.unwrap_or(0);
    let (prompt, negative) = match &stage {
        Some(stage) => {
            let prompt = stage.encode(&asked.prompt, skip).map_err(CaseError::broken)?;
            let negative = stage.encode_negative(asked.negative_prompt.as_deref(), &prompt);
            (Some(prompt), Some(negative.map_err(CaseError::broken)?))
        }
        None => (None, None),
    };
    for (embeddings, name) in [(&prompt, ""), (&negative, "negative_")] {
        compare_embeddings(embeddings.as_ref(), name, io, comparison)?;
    }
    let image = io.tensors.get("image_in").map(|image| recorded_image(image, pipeline.kind, device));
    let image = image.transpose()?;
    let mask = io.tensors.get("mask_in").map(|mask| mask.upload::<4>(device)).transpose()?;
    let start = match (image, mask, asked.strength) {
        (Some(image), Some(mask), _) => {
            Start::Inpaint { image, mask: mask.greater_equal_scalar(0.5).float() }
        }
        (Some(image), None, Some(strength)) => Start::Image { image, strength },
        (Some(image), None, None) => {
            let noise_level = asked.noise_level.unwrap_or(pipeline.kind.default_noise_level());
            Start::Enlarge { image, noise_level }
        }
        (None, ..) => Start::Noise,
    };
    let size = asked.height.zip(asked.width).map(|(height, width)| [height, width]);
    let sizes = ImageSizes {
        original: asked.original_size,
        crop: asked.crops_coords_top_left.unwrap_or_default(),
        target: asked.target_size,
    };
    // The library reads them only where both are given.
    let negative_sizes =
        asked.negative_original_size.and(asked.negative_target_size).map(|target| ImageSizes {
            original: asked.negative_original_size,
            crop: asked.negative_crops_coords_top_left.unwrap_or_default(),
            target: Some(target),
        });
    Ok(Drawing {
        batch: asked.batch_size.unwrap_or(asked.prompt.len()),
        prompt,
        negative,
        labels: None,
        guidance: Guidance {
            scale: asked.guidance_scale.unwrap_or(pipeline.kind.default_guidance_scale()),
            rescale: asked.guidance_rescale.unwrap_or(0.0),
        },
        size,
        sizes,
        negative_sizes,
        start,
        sampler: None,
    })
}

/// The recorded noise: latents that the call passed, and what the library drew, in its order.
struct Recorded {
    latents: Option<Tensor<4>>,
    draws: VecDeque<Tensor<4>>,
    device: Device,
}

impl Recorded {
    fn new(io: &TensorFile, device: &Device) -> Result<Self, InteropError> {
        let latents = io.tensors.get("latents").map(|latents| latents.upload(device)).transpose()?;
        let draws = match io.tensors.get("randn") {
            Some(draws) => draws.upload::<5>(device)?.iter_dim(0).map(|draw| draw.squeeze_dim(0)).collect(),
            // Those of several shapes are numbered.
            None => (0..)
                .map_while(|index| io.tensors.get(&format!("randn.{index}")))
                .map(|draw| draw.upload(device))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { latents, draws, device: device.clone() })
    }

    /// The next of a shape; a noise that was not recorded was multiplied by zero.
    fn draw(&mut self, [channels, height, width]: [usize; 3]) -> Tensor<4> {
        let fits = |x: &Tensor<4>| x.dims()[1..] == [channels, height, width];
        if let Some(latents) = self.latents.take_if(|latents| fits(latents)) {
            return latents;
        }
        let next = if self.draws.front().is_some_and(fits) { self.draws.pop_front() } else { None };
        next.unwrap_or_else(|| Tensor::zeros([1, channels, height, width], &self.device))
    }
}
