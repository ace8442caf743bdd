use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use data::Picture;
use diffusion::DiffusionError;
use train::{PointWalk, TrainError, TrainedPoints, draw_points};

use crate::args::Args;
use crate::draw::MAX_FRAMES;
use crate::memory::check_memory;
use crate::plan::walk;
use crate::walk::Walk;

/// How many points make a shape, unless the arguments say it.
const DEFAULT_NUMBER: usize = 3000;

/// What was drawn from a denoiser of points.
pub struct DrawnPoints {
    /// The three rows of data, points on their way and drift.
    pub picture: Picture,
    /// How many points.
    pub points: usize,
    /// The points on their way, where an animation was asked for.
    pub frames: Vec<Picture>,
    /// The settings as they are printed and written into pictures.
    pub settings: Vec<(&'static str, String)>,
}

/// Draws what the arguments ask of a denoiser of points; nothing if it was stopped.
///
/// # Errors
///
/// If an argument belongs to another system, the data cannot be read, or the device fails.
pub fn draw_point_walk(
    args: &Args,
    trained: &TrainedPoints,
    stop: &AtomicBool,
) -> Result<Option<DrawnPoints>> {
    let number = args.number.unwrap_or(DEFAULT_NUMBER);
    if number == 0 {
        bail!("-n must be at least 1");
    }
    let asked = walk(args, Walk::Configured(trained.config.sample.clone()), &trained.model.curve)?;
    let mut settings = vec![("seed", args.seed.to_string())];
    settings.extend(asked.describe(trained.model.variance.is_some()));
    let Walk::Configured(sampler) = asked else { bail!("points are drawn by a solver of a configuration") };
    // The walk is kept, level by level, for the rows of pictures.
    check_memory("-n", number, trained.values().saturating_mul(sampler.steps.saturating_add(1)))?;
    let mut go_on =
        || if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let walk = match PointWalk::draw(trained, &sampler, args.seed, number, &mut go_on) {
        Err(TrainError::Sampling(DiffusionError::Stopped { .. })) => return Ok(None),
        walk => walk?,
    };
    let frames = match args.animate {
        Some(_) => walk.frames(trained.values(), MAX_FRAMES),
        None => Vec::new(),
    };
    let picture = draw_points(trained, &walk, args.seed)?;
    Ok(Some(DrawnPoints { picture, points: number, frames, settings }))
}
