use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

use burn::prelude::*;
use burn::tensor::DType;
use serde_json::Value;

use super::asked::Asked;
use super::case::{Case, CaseError};
use super::comparison::Comparison;
use super::unet2d::read;
use crate::pipeline::{
    Defaults, Drawing, Embeddings, Guidance, ModelIndex, Pipeline, PipelineKind, Start, Task, TextStage,
};
use crate::scheduler_fault::fault_of_the_rest;
use crate::{FolderSampler, HostTensor, InteropError, TensorFile};

/// In units of the images' range, which is 1.
const TOLERANCE: f64 = 1e-3;

/// The images that a pipeline draws from the recorded noise, and its latents on the way.
pub(super) fn run(case: &Case, device: &Device) -> Result<Comparison, CaseError> {
    let weights: Option<String> = case.value("weights")?;
    let folder = weights.as_ref().map_or(case.folder.clone(), |weights| case.folder.join(weights));
    let mut index = ModelIndex::read(&folder)?;
    index.class = case.kind().to_owned();
    let (asked, io) = (Asked::read(case)?, case.io()?);
    let start = Start::recorded(&asked, &io, index.kind()?, device)?;
    if is_late(&start) && io.tensors.contains_key("latents") && matches!(start, Start::Inpaint { .. }) {
        return Err(CaseError::Unsupported("latents in the place of an image that is noised".into()));
    }
    let scheduler = weights.is_some().then(|| case.folder.join("scheduler"));
    let sampler = sampler(&index, scheduler.as_deref(), &asked, &start)?;
    let mut pipeline = Pipeline::of_index(index.clone(), device, DType::F32).map_err(CaseError::broken)?;
    pipeline.sampler = sampler;
    let mut comparison = Comparison::default();
    let drawing = drawing(&index, &asked, &io, start, device, &mut comparison)?;
    if index.class == "StableDiffusionXLPipeline"
        && drawing.negative_sizes.is_some()
        && drawing.batch > 1
        && index.kind()?.guides(drawing.guidance.scale)
    {
        return Err(CaseError::Faulty("sizes of images and of their negatives change places".into()));
    }
    let steps = RefCell::new(Vec::new());
    let mut recorded = Recorded::new(&io, &pipeline, &drawing.start)?;
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
    let pixels = matches!(kind, PipelineKind::If | PipelineKind::IfUpscale);
    let centred = pixels || image.values.iter().any(|&value| value < 0.0);
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

impl Start {
    /// What the call begins with.
    fn recorded(
        asked: &Asked,
        io: &TensorFile,
        kind: PipelineKind,
        device: &Device,
    ) -> Result<Self, InteropError> {
        let Some(image) = io.tensors.get("image_in") else { return Ok(Self::Noise) };
        let image = recorded_image(image, kind, device)?;
        if kind.enlarges() {
            let noise_level = asked.noise_level.unwrap_or(kind.default_noise_level());
            return Ok(Self::Enlarge { image, noise_level });
        }
        let strength = |task| asked.strength.unwrap_or(Defaults::of(kind, task).strength);
        Ok(match io.tensors.get("mask_in") {
            Some(mask) => {
                let mask = mask.upload::<4>(device)?.greater_equal_scalar(0.5).float();
                Self::Inpaint { image, mask, strength: strength(Task::Fill) }
            }
            None => Self::Image { image, strength: strength(Task::Change) },
        })
    }
}

fn task(start: &Start) -> Task {
    match start {
        Start::Noise | Start::Enlarge { .. } => Task::Generate,
        Start::Image { .. } => Task::Change,
        Start::Inpaint { .. } => Task::Fill,
    }
}

/// The scheduler as the call has it: the folder's, or the one beside the case.
fn sampler(
    index: &ModelIndex,
    scheduler: Option<&Path>,
    asked: &Asked,
    start: &Start,
) -> Result<FolderSampler, CaseError> {
    let sampler = match scheduler {
        Some(scheduler) => index.corrected(scheduler, task(start))?,
        None => index.sampler(task(start))?,
    };
    let call = asked.call(sampler.call());
    let sampler = sampler.called(|own| *own = call)?;
    match fault(&sampler, index.kind()?, start)? {
        Some(fault) => Err(CaseError::Faulty(fault)),
        None => Ok(sampler),
    }
}

/// Whether the walk begins on the way.
fn is_late(start: &Start) -> bool {
    match start {
        Start::Image { strength, .. } | Start::Inpaint { strength, .. } => *strength < 1.0,
        Start::Noise | Start::Enlarge { .. } => false,
    }
}

/// Why the library's own answer is not right, if so.
fn fault(sampler: &FolderSampler, kind: PipelineKind, start: &Start) -> Result<Option<String>, InteropError> {
    let (scheduler, _) = sampler.scheduler()?;
    if kind == PipelineKind::LdmText && scheduler.init_noise_sigma != 1.0 {
        return Ok(Some("the pipeline scales neither its noise nor what it shows the network".into()));
    }
    let of_the_rest = fault_of_the_rest(sampler.class(), &scheduler).filter(|_| is_late(start));
    Ok(scheduler.fault.or(of_the_rest.map(str::to_owned)))
}

fn drawing(
    index: &ModelIndex,
    asked: &Asked,
    io: &TensorFile,
    start: Start,
    device: &Device,
    comparison: &mut Comparison,
) -> Result<Drawing, CaseError> {
    let stage = TextStage::read(index.folder(), device, DType::F32).map_err(CaseError::broken)?;
    let (kind, prompts) = (index.kind()?, asked.prompts());
    let (prompt, negative) = match &stage {
        Some(stage) => {
            let prompt = stage.encode(&prompts, asked.clip_skip.unwrap_or(0)).map_err(CaseError::broken)?;
            let negative = stage.encode_negative(asked.negatives().as_deref(), &prompt);
            (Some(prompt), Some(negative.map_err(CaseError::broken)?))
        }
        None => (None, None),
    };
    for (embeddings, name) in [(&prompt, ""), (&negative, "negative_")] {
        compare_embeddings(embeddings.as_ref(), name, io, comparison)?;
    }
    let with_scores = index.setting("requires_aesthetics_score") == Some(&Value::Bool(true));
    let guidance = Guidance {
        scale: asked.guidance_scale.unwrap_or(Defaults::of(kind, task(&start)).guidance_scale),
        rescale: asked.guidance_rescale.unwrap_or(0.0),
    };
    Ok(Drawing {
        batch: asked.batch_size.unwrap_or(prompts.len()),
        prompt,
        negative,
        labels: None,
        guidance,
        size: asked.size(),
        sizes: asked.sizes(),
        negative_sizes: asked.negative_sizes(&index.class, with_scores),
        start,
        sampler: None,
    })
}

/// The recorded noise: latents that the call passed, and what the library drew, in its order.
struct Recorded {
    latents: Option<Tensor<4>>,
    /// How many draws come before the latents.
    before: usize,
    draws: VecDeque<Tensor<4>>,
    device: Device,
}

impl Recorded {
    fn new(io: &TensorFile, pipeline: &Pipeline, start: &Start) -> Result<Self, InteropError> {
        let device = &pipeline.device;
        let latents = io.tensors.get("latents").map(|latents| latents.upload(device)).transpose()?;
        let draws = match io.tensors.get("randn") {
            Some(draws) => draws.upload::<5>(device)?.iter_dim(0).map(|draw| draw.squeeze_dim(0)).collect(),
            // Those of several shapes are numbered.
            None => (0..)
                .map_while(|index| io.tensors.get(&format!("randn.{index}")))
                .map(|draw| draw.upload(device))
                .collect::<Result<_, _>>()?,
        };
        // Where a network that knows no masks is to fill one, the image's latents are drawn first.
        let fills = matches!(start, Start::Inpaint { .. });
        let before = usize::from(fills && pipeline.config.in_channels == pipeline.first_stage.channels());
        Ok(Self { latents, before, draws, device: device.clone() })
    }

    /// The next of a shape; a noise that was not recorded was multiplied by zero.
    fn draw(&mut self, [channels, height, width]: [usize; 3]) -> Tensor<4> {
        let fits = |x: &Tensor<4>| x.dims()[1..] == [channels, height, width];
        if self.before == 0
            && let Some(latents) = self.latents.take_if(|latents| fits(latents))
        {
            return latents;
        }
        self.before = self.before.saturating_sub(1);
        let next = if self.draws.front().is_some_and(fits) { self.draws.pop_front() } else { None };
        next.unwrap_or_else(|| Tensor::zeros([1, channels, height, width], &self.device))
    }
}
