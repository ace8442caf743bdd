use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use burn::prelude::*;
use data::Picture;
use dpm::{ChainConfig, DpmError, Factor, Reverse, Sampled};
use train::{StateNoise, TrainedDpm, draw_states, trajectories};

use crate::args::Args;
use crate::draw::Drawn;
use crate::edit::Edit;
use crate::memory::check_memory;
use crate::sheet::{Contents, Sheet};

/// States drawn at once, unless the arguments say it: most are small.
const DEFAULT_BATCH: usize = 4096;
/// Values that are held of each value of a state while a step is made, about.
const VALUES_AT_WORK: usize = 64;
/// Frames of an animation at most.
const MAX_FRAMES: usize = 60;

/// What was drawn from a diffusion probabilistic model.
pub struct DpmPictures {
    /// Samples; for points the three rows of data, samples and drift.
    pub picture: Picture,
    /// How many samples.
    pub samples: usize,
    /// The samples on their way, where an animation was asked for.
    pub frames: Vec<Picture>,
    /// The settings as they are printed and written into pictures.
    pub settings: Vec<(&'static str, String)>,
}

/// Draws what the arguments ask of a diffusion probabilistic model; nothing if it was stopped.
///
/// # Errors
///
/// If an argument belongs to another system, a file cannot be read, or the device fails.
pub fn draw_dpm(args: &Args, model: &TrainedDpm, stop: &AtomicBool) -> Result<Option<DpmPictures>> {
    let is_picture = model.shape[1] > 1 && model.shape[2] > 1;
    if args.edit.init_image.is_some() && !is_picture {
        bail!("--init-image: this model draws no pictures");
    }
    if args.zoom.is_some() && !is_picture {
        bail!("--zoom: this model draws no pictures: leave it out");
    }
    let edit = Edit::new(&args.edit, model.shape)?;
    let factor = edit.as_ref().map(|edit| factor(args, edit, model)).transpose()?;
    let mut settings = vec![("seed", args.seed.to_string())];
    settings.extend(edit.iter().flat_map(Edit::describe).filter(|(key, _)| *key != "strength"));
    settings.extend(args.edit.denoise.map(|std| ("denoise", std.to_string())));
    let Some((data, frames)) = walk(args, model, factor.as_ref(), stop)? else { return Ok(None) };
    let contents = Contents { original: edit.map(|edit| edit.original().to_vec()), ..Contents::default() };
    let drawn = Drawn { images: samples(args, model), frames, ..Drawn::default() };
    let sheet = is_picture.then(|| Sheet::new(contents, &drawn, model.shape, args.zoom()));
    let draw = |values: &[f32]| match &sheet {
        Some(sheet) => sheet.draw(values),
        None => draw_states(model, values),
    };
    let picture = match model.shape {
        [(2..), 1, 1] => trajectories(model, args.seed, samples(args, model))?,
        _ => draw(&data),
    };
    let frames = drawn.frames.iter().map(|frame| draw(frame)).collect();
    Ok(Some(DpmPictures { picture, samples: samples(args, model), frames, settings }))
}

/// How many samples, unless the arguments say it: points make a shape only together.
fn samples(args: &Args, model: &TrainedDpm) -> usize {
    let own = if let [(2..), 1, 1] = model.shape { 3000 } else { 16 };
    args.number.unwrap_or(own)
}

type Values = Vec<f32>;

/// The samples as data, and on their way; nothing if it was stopped.
fn walk(
    args: &Args,
    model: &TrainedDpm,
    factor: Option<&Factor>,
    stop: &AtomicBool,
) -> Result<Option<(Values, Vec<Values>)>> {
    let length = model.net.chain().length();
    let stride = length.div_ceil(MAX_FRAMES - 1);
    let (mut data, mut frames) = (Vec::new(), Vec::<Values>::new());
    let number = samples(args, model);
    let batch = args.batch(number, DEFAULT_BATCH)?;
    let values: usize = model.shape.iter().product();
    check_memory("-n", number, values.saturating_mul(if args.animate.is_some() { MAX_FRAMES } else { 1 }))?;
    check_memory("--batch", batch, values.saturating_mul(VALUES_AT_WORK))?;
    for first in (0..number).step_by(batch) {
        let numbers = first as u64..number.min(first.saturating_add(batch)) as u64;
        let mut noise = StateNoise::new(model, args.seed, numbers);
        let mut seen = Vec::new();
        let mut observer = |step: Sampled| {
            if args.animate.is_some() && step.t.is_multiple_of(stride) {
                seen.push(step.x.clone());
            }
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match model.net.sample(&mut || noise.draw(), factor, &mut observer) {
            Err(DpmError::Stopped { .. }) => return Ok(None),
            states => data.extend(model.data(states?)?),
        }
        frames.resize(seen.len().max(frames.len()), Vec::new());
        for (frame, states) in frames.iter_mut().zip(seen) {
            frame.extend(model.data(states)?);
        }
    }
    Ok(Some((data, frames)))
}

/// What is known of the samples, as states of the chain.
fn factor(args: &Args, edit: &Edit, model: &TrainedDpm) -> Result<Factor> {
    let [channels, height, width] = model.shape;
    let shape = [1, 1, channels * height * width];
    let mut image = edit.image().to_vec();
    if let Some(standardize) = &model.config.standardize {
        standardize.apply(&mut image, height * width, || 0.5);
    }
    let state = Tensor::<3>::from_data(TensorData::new(image, shape), &model.device);
    match (edit.kept(), args.edit.denoise) {
        (Some(kept), None) => {
            let kept = TensorData::new(kept.repeat(channels), shape);
            Ok(Factor::Known { state, kept: Tensor::from_data(kept, &model.device) })
        }
        (None, Some(std)) => {
            if !matches!(model.config.dpm.chain, ChainConfig::Gaussian { .. }) {
                bail!("--denoise is for Gaussian chains");
            }
            if !(std > 0.0 && std.is_finite()) {
                bail!("--denoise {std}: it must be above 0");
            }
            let scale = model.config.standardize.as_ref().map_or(1.0, |standardize| standardize.std[0]);
            Ok(Factor::Noisy { state, variance: (std / scale).powi(2) })
        }
        _ => bail!("--init-image: add --mask to draw a part of it anew, or --denoise to free it of noise"),
    }
}
