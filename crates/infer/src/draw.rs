use std::io::IsTerminal;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use data::Picture;
use diffusion::{DiffusionError, ImageNoise, Step};
use indicatif::{ProgressBar, ProgressStyle};
use train::{FrozenFirstStage, Network, TrainedModel};

use crate::args::Ends;
use crate::condition::Condition;
use crate::plan::Plan;

/// Images of a grid or an animation at most.
pub const MAX_GRID: usize = 400;
/// Frames of an animation at most.
pub(crate) const MAX_FRAMES: usize = 60;

/// What was drawn before all was done or Ctrl-C was pressed.
#[derive(Debug, Default)]
pub struct Drawn {
    /// Values in `[-1, 1]` of the first [`MAX_GRID`] images, one after the other.
    pub values: Vec<f32>,
    /// How many images were finished.
    pub images: usize,
    /// What the images began with, where that is noise, and the predicted clean images after some of the steps, each as `values`.
    pub frames: Vec<Vec<f32>>,
}

impl Drawn {
    /// Adds finished images of `shape`, as far as they fit a grid.
    pub(crate) fn add(
        &mut self,
        images: Range<usize>,
        values: &[f32],
        frames: &[Vec<f32>],
        shape: [usize; 3],
    ) {
        let room = MAX_GRID.saturating_sub(images.start) * shape.iter().product::<usize>();
        self.images = images.end;
        self.values.extend(&values[..room.min(values.len())]);
        self.frames.resize(frames.len().max(self.frames.len()), Vec::new());
        for (all, frame) in self.frames.iter_mut().zip(frames) {
            all.extend(&frame[..room.min(frame.len())]);
        }
    }
}

/// Draws a plan's images, some at a time; memory grows with the batch, not with the number of images. Where the model
/// draws latents, `first_stage` makes images of them.
///
/// # Errors
///
/// If the model cannot sample, or an image cannot be written to `separate`.
pub fn draw<N: Network>(
    model: &TrainedModel<N>,
    first_stage: Option<&FrozenFirstStage>,
    plan: &Plan,
    animate: bool,
    separate: Option<&Path>,
    stop: &AtomicBool,
) -> Result<Drawn> {
    let batch = plan.batch;
    let bar = progress_bar(plan.number.div_ceil(batch).saturating_mul(plan.steps));
    let shape = first_stage.map_or(model.image_shape, |stage| stage.image_shape(model.image_shape));
    let mut drawn = Drawn::default();
    for first in (0..plan.number).step_by(batch) {
        let images = first..plan.number.min(first.saturating_add(batch));
        let animate = animate && first < MAX_GRID;
        let Some((x, frames)) = draw_batch(model, plan, images.clone(), animate, &bar, stop)? else {
            break;
        };
        let values = read(first_stage.map_or_else(|| x.clone(), |stage| stage.decode(x.clone())))?;
        let frame =
            |x: Tensor<4>| read(first_stage.map_or_else(|| x.clone(), |stage| stage.preview(x.clone())));
        let frames = frames.into_iter().map(frame).collect::<Result<Vec<_>>>()?;
        if let Some(folder) = separate {
            // Between two prompts, an image shows neither.
            let subjects = if plan.one_noise { Vec::new() } else { plan.subjects() };
            write_each(folder, &values, first, shape, &plan.describe(), &subjects)?;
        }
        drawn.add(images, &values, &frames, shape);
    }
    bar.finish_and_clear();
    Ok(drawn)
}

/// Some images and their frames, as the model draws them; nothing if the drawing was stopped.
fn draw_batch<N: Network>(
    model: &TrainedModel<N>,
    plan: &Plan,
    images: Range<usize>,
    animate: bool,
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> Result<Option<(Tensor<4>, Vec<Tensor<4>>)>> {
    let labels = plan.labels(images.clone());
    let stride = plan.steps.div_ceil(MAX_FRAMES - 1);
    let mut frames = Vec::new();
    let mut observer = |step: Step| {
        bar.inc(1);
        if animate && (step.done == step.total || (step.done - 1).is_multiple_of(stride)) {
            frames.push(step.x0.clone());
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let numbers = images.clone().map(|image| if plan.one_noise { 0 } else { image as u64 });
    let mut noise = ImageNoise::new(plan.seed, numbers, model.image_shape, &model.device);
    let x = match plan.interpolate {
        None => noise.draw(),
        Some(ends) => between(model, plan, ends, images),
    };
    let noise_frame = (animate && plan.edit.is_none()).then(|| x.clone());
    let condition = Condition {
        labels: labels.as_deref(),
        guidance_scale: plan.guidance_scale,
        guide: plan.guide.as_deref(),
        limit: plan.limit,
    };
    let result = plan.walk.run(model, &condition, plan.edit.as_ref(), x, &mut || noise.draw(), &mut observer);
    match result {
        Err(error) if matches!(error.downcast_ref(), Some(DiffusionError::Stopped { .. })) => Ok(None),
        x => Ok(Some((x?, noise_frame.into_iter().chain(frames).collect()))),
    }
}

/// Noises between those of two images, along the great circle through them, which keeps their norm
/// (Shoemake 1985): image `i` of `n` is a share `i / (n - 1)` of the way.
fn between<N>(model: &TrainedModel<N>, plan: &Plan, Ends(a, b): Ends, images: Range<usize>) -> Tensor<4> {
    let end = |number| ImageNoise::new(plan.seed, [number], model.image_shape, &model.device).draw();
    let (a, b) = (end(a), end(b));
    let dot = |x: &Tensor<4>, y: &Tensor<4>| (x.clone() * y.clone()).sum().into_scalar::<f64>();
    let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    let angle = cosine.clamp(-1.0, 1.0).acos();
    let steps = (plan.number.max(2) - 1) as f64;
    let between = images.map(|image| {
        let share = image as f64 / steps;
        if angle < 1e-6 {
            return a.clone();
        }
        a.clone() * (((1.0 - share) * angle).sin() / angle.sin())
            + b.clone() * ((share * angle).sin() / angle.sin())
    });
    Tensor::cat(between.collect(), 0)
}

pub(crate) fn read(x: Tensor<4>) -> Result<Vec<f32>> {
    let values = x.try_into_vec_as::<f32>().context("failed to read the images from the device")?;
    if values.iter().any(|value| !value.is_finite()) {
        bail!("the images are no numbers: use more --steps, a smaller guidance, or another --sampler");
    }
    Ok(values)
}

/// The keyword of a PNG file's text that says what the image shows: a class or a prompt.
pub(crate) const SHOWS: &str = "shows";

/// Writes each of some images, the first being number `first`, with the settings inside; all show `subjects` in turn.
pub(crate) fn write_each(
    folder: &Path,
    values: &[f32],
    first: usize,
    shape: [usize; 3],
    settings: &[(&str, String)],
    subjects: &[String],
) -> Result<()> {
    let pixels: usize = shape.iter().product();
    for (index, image) in values.chunks(pixels).enumerate() {
        let number = first + index;
        let number_text = number.to_string();
        let mut text: Vec<(&str, &str)> =
            settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        text.push(("image", &number_text));
        text.extend(subjects.get(number % subjects.len().max(1)).map(|subject| (SHOWS, subject.as_str())));
        Picture::from_unit(image, shape).write_png(&folder.join(format!("{number:06}.png")), &text)?;
    }
    Ok(())
}

pub(crate) fn progress_bar(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("sampling {bar:40} {pos}/{len} steps, {eta} left");
    let bar = ProgressBar::new(steps as u64);
    if !std::io::stderr().is_terminal() {
        terminal::note(format_args!("sampling {steps} steps"));
    }
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
