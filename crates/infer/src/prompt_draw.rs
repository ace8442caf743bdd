use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use burn::prelude::*;
use diffusion::{DiffusionError, ImageNoise, Step};
use indicatif::ProgressBar;
use interop::pipeline::{Drawing, Embeddings, ImageSizes, Pipeline, PipelineError, Start, TextStage};

use crate::draw::{Drawn, MAX_FRAMES, MAX_GRID, progress_bar, read, write_each};
use crate::memory::{check_memory, floats_of_latent};
use crate::prompt_plan::{ImagePlan, PromptPlan};
use crate::sheet::Contents;
use crate::walk::Walk;

/// The encoded text of a prompt, and of what it is guided away from.
struct Encoded {
    prompts: Vec<Embeddings>,
    negatives: Vec<Embeddings>,
}

/// Draws a plan's images, `plan.batch` at a time, and says their `[C, H, W]`. The text encoders are dropped before the
/// network is read, so that they never stand in memory together.
///
/// # Errors
///
/// If a part of the folder cannot be read, the arguments do not fit it, or an image cannot be written to `separate`.
pub fn draw_prompts(
    plan: &PromptPlan,
    device: &Device,
    animate: bool,
    separate: Option<&Path>,
    stop: &AtomicBool,
) -> Result<(Drawn, [usize; 3])> {
    if !device.supports_dtype(plan.precision.float()) {
        bail!("--dtype: this device has no {:?}", plan.precision);
    }
    let encoded = encode(plan, device)?;
    let mut pipeline = Pipeline::read(&plan.folder, device, plan.precision.dtype())?;
    if let Walk::Folder(sampler) = &plan.walk {
        pipeline.sampler = (**sampler).clone();
    }
    if let Some(size) = plan.size.or(pipeline.size()) {
        let latent = size.map(|side| side / pipeline.first_stage.factor());
        check_memory("--batch", plan.batch, floats_of_latent(&pipeline.config, latent, size))?;
    }
    let start = start(plan, &pipeline)?;
    let steps = ((plan.walk.steps() as f64 * strength(&start)) as usize).max(1);
    let bar = progress_bar(plan.number.div_ceil(plan.batch).saturating_mul(steps));
    let (mut drawn, mut shape) = (Drawn::default(), [3, 1, 1]);
    for first in (0..plan.number).step_by(plan.batch) {
        let images = first..plan.number.min(first.saturating_add(plan.batch));
        let drawing = Drawing {
            labels: labels(plan, &pipeline, images.clone()),
            ..drawing(plan, encoded.as_ref(), &start, images.clone())
        };
        let animate = animate && first < MAX_GRID;
        let finished = draw_batch(plan, &pipeline, &drawing, images.clone(), animate, &bar, stop)?;
        let Some(Finished { values, frames, shape: size }) = finished else { break };
        shape = size;
        if let Some(folder) = separate {
            write_each(folder, &values, first, shape, &plan.describe(), &subjects(plan))?;
        }
        drawn.add(images, &values, &frames, shape);
    }
    bar.finish_and_clear();
    Ok((drawn, shape))
}

/// What the images show in turn, where that is one thing each.
fn subjects(plan: &PromptPlan) -> Vec<String> {
    match &plan.labels {
        _ if plan.between => Vec::new(),
        Some(labels) => labels.iter().map(usize::to_string).collect(),
        None => plan.prompts.clone(),
    }
}

/// What the grid of images of `shape` shows; the image that was changed is left out if it can no longer be read.
pub fn prompt_contents(plan: &PromptPlan, shape: [usize; 3]) -> Contents {
    let original = plan.image.as_ref().and_then(|image| data::read_image(&image.path, shape).ok());
    let subjects = if plan.between { plan.prompts.clone() } else { subjects(plan) };
    Contents { subjects, walk: plan.between, original, title: String::new() }
}

fn strength(start: &Start) -> f64 {
    match start {
        Start::Image { strength, .. } | Start::Inpaint { strength, .. } => *strength,
        Start::Noise | Start::Enlarge { .. } => 1.0,
    }
}

/// What the network attends to; none for a folder without text.
fn encode(plan: &PromptPlan, device: &Device) -> Result<Option<Encoded>> {
    let Some(stage) = TextStage::read(&plan.folder, device, plan.precision.dtype())? else { return Ok(None) };
    for text in plan.prompts.iter().chain(&plan.negatives) {
        let dropped = stage.dropped(text);
        if dropped > 0 {
            terminal::warn(format_args!(
                "the last {dropped} tokens of {text:?} are left out: the text is too long"
            ));
        }
    }
    let prompt = |text: &String| stage.encode(std::slice::from_ref(text), plan.clip_skip);
    let prompts: Vec<Embeddings> = plan.prompts.iter().map(prompt).collect::<Result<_, _>>()?;
    let negative = |text: &[String]| stage.encode_negative(Some(text), &prompts[0]);
    let negatives = if plan.negatives.is_empty() {
        vec![stage.encode_negative(None, &prompts[0])?]
    } else {
        plan.negatives.chunks(1).map(negative).collect::<Result<_, _>>()?
    };
    Ok(Some(Encoded { prompts, negatives }))
}

fn drawing(plan: &PromptPlan, encoded: Option<&Encoded>, start: &Start, images: Range<usize>) -> Drawing {
    let of = |all: &[Embeddings], image: usize| match all {
        [from, to] if plan.between => between(from, to, image as f64 / (plan.number - 1) as f64),
        _ => all[image % all.len()].clone(),
    };
    let rows = |all: &[Embeddings]| {
        let in_turn = || images.clone().map(|image| of(all, image));
        Embeddings {
            text: Tensor::cat(in_turn().map(|one| one.text).collect(), 0),
            pooled: in_turn()
                .map(|one| one.pooled)
                .collect::<Option<Vec<_>>>()
                .map(|all| Tensor::cat(all, 0)),
        }
    };
    Drawing {
        batch: images.len(),
        prompt: encoded.map(|encoded| rows(&encoded.prompts)),
        negative: encoded.map(|encoded| rows(&encoded.negatives)),
        labels: None,
        guidance: plan.guidance,
        size: plan.size,
        sizes: ImageSizes::default(),
        negative_sizes: None,
        start: repeated(start, images.len()),
        sampler: match &plan.walk {
            Walk::Configured(sampler) => Some(sampler.clone()),
            Walk::Folder(_) => None,
        },
    }
}

/// The classes of some images: those asked for in turn, or all in turn where the network knows classes.
fn labels(plan: &PromptPlan, pipeline: &Pipeline, images: Range<usize>) -> Option<Vec<usize>> {
    let all: Vec<usize> = match &plan.labels {
        Some(labels) => labels.clone(),
        None => (0..pipeline.classes()).collect(),
    };
    (!all.is_empty()).then(|| images.map(|image| all[image % all.len()]).collect())
}

/// A share of the way from one text to another.
fn between(from: &Embeddings, to: &Embeddings, share: f64) -> Embeddings {
    let pooled = from.pooled.clone().zip(to.pooled.clone());
    Embeddings {
        text: from.text.clone() * (1.0 - share) + to.text.clone() * share,
        pooled: pooled.map(|(from, to)| from * (1.0 - share) + to * share),
    }
}

/// The same image for all of a batch.
fn repeated(start: &Start, batch: usize) -> Start {
    let rows = |image: &Tensor<4>| image.clone().repeat_dim(0, batch);
    match start {
        Start::Noise => Start::Noise,
        Start::Image { image, strength } => Start::Image { image: rows(image), strength: *strength },
        Start::Inpaint { image, mask, strength } => {
            Start::Inpaint { image: rows(image), mask: mask.clone(), strength: *strength }
        }
        Start::Enlarge { image, noise_level } => {
            Start::Enlarge { image: rows(image), noise_level: *noise_level }
        }
    }
}

/// What images begin with, one of them.
fn start(plan: &PromptPlan, pipeline: &Pipeline) -> Result<Start> {
    let Some(ImagePlan { path, strength, mask, noise_level }) = &plan.image else { return Ok(Start::Noise) };
    let upload = |path: &Path, shape @ [channels, height, width]: [usize; 3]| -> Result<Tensor<4>> {
        let data = TensorData::new(data::read_image(path, shape)?, [1, channels, height, width]);
        Ok(Tensor::from_data(data, &pipeline.device))
    };
    if plan.kind.enlarges() {
        let small = data::read_picture(path)?;
        let image = upload(path, [pipeline.first_stage.image_channels(), small.height(), small.width()])?;
        return Ok(Start::Enlarge { image, noise_level: *noise_level });
    }
    let Some([height, width]) = plan.size.or(pipeline.size()) else {
        bail!("--size: this folder does not say how large its images are");
    };
    let image = upload(path, [pipeline.first_stage.image_channels(), height, width])?;
    Ok(match mask {
        Some(mask) => {
            let mask = upload(mask, [1, height, width])?.greater_scalar(0.0).float();
            Start::Inpaint { image, mask, strength: *strength }
        }
        None => Start::Image { image, strength: *strength },
    })
}

/// Some images that are finished.
struct Finished {
    values: Vec<f32>,
    /// After some of the steps.
    frames: Vec<Vec<f32>>,
    /// `[C, H, W]` of each.
    shape: [usize; 3],
}

/// Some images; nothing if the drawing was stopped.
fn draw_batch(
    plan: &PromptPlan,
    pipeline: &Pipeline,
    drawing: &Drawing,
    images: Range<usize>,
    animate: bool,
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> Result<Option<Finished>> {
    let stride = plan.walk.steps().div_ceil(MAX_FRAMES - 1);
    let mut frames = Vec::new();
    let mut observer = |step: Step| {
        bar.inc(1);
        if animate && (step.done == step.total || (step.done - 1).is_multiple_of(stride)) {
            frames.push(step.x0.clone());
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let numbers = images.map(|image| if plan.between { 0 } else { image as u64 });
    let mut noise = ImageNoise::new(plan.seed, numbers, [1, 1, 1], &pipeline.device);
    let latent = match pipeline.draw(drawing, &mut |shape| noise.draw_shaped(shape), &mut observer) {
        Err(PipelineError::Walk(DiffusionError::Stopped { .. })) => return Ok(None),
        latent => latent?,
    };
    let image = pipeline.first_stage.decode(latent, plan.tile)?;
    let [_, channels, height, width] = image.dims();
    let frames = frames.into_iter().map(|x0| read(pipeline.first_stage.preview(x0)?));
    let (values, frames) = (read(image)?, frames.collect::<Result<_>>()?);
    Ok(Some(Finished { values, frames, shape: [channels, height, width] }))
}
