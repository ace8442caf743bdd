//! `cargo run -p infer`: draws images from a trained run.

mod output;
mod show_dpm;
mod show_forward;
mod show_points;
mod source;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use clap::Parser;
use data::Grid;
use infer::{
    Args, CascadeDrawing, ClassifierGuide, LatentDrawing, OwnSampler, Plan, PromptPlan, Upscaling, Walk,
};
use interop::ModelFolder;
use output::{announce, check_targets, finish};
use show_dpm::show_dpm;
use show_forward::show_forward;
use show_points::show_points;
use source::Source;
use train::cascade::{CascadeDir, SuperResolutionConfig, SuperResolutionModel};
use train::{LatentRunConfig, RunConfig, RunDir, TrainedLatent, TrainedModel};

/// Images drawn at once, unless the arguments say it.
const DEFAULT_BATCH: usize = 64;

fn main() -> ExitCode {
    let args = Args::parse();
    match kernels::inside_pool(|| run(&args)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    let source = Source::of(args)?;
    check_targets(args)?;
    check_system(args, &source)?;
    let device = || backend::open(args.backend, args.device);
    match source {
        Source::Ddpm(config, weights) => match &args.forward {
            Some(name) => show_forward(args, name, &config, &device()?),
            None => draw_run(args, &config, &weights, &device()?),
        },
        Source::Dpm(config, weights) => show_dpm(args, &config, &weights, &device()?),
        Source::Points(config, weights) => show_points(args, &config, &weights, &device()?),
        Source::Latent(config, weights) => draw_latents(args, *config, &weights, &device()?),
        Source::Cascade(run) => draw_cascade(args, &run, &device()?),
        Source::SuperResolution(run) => upscale(args, &run, &device()?),
        Source::Folder(folder) => draw_folder(args, &folder, &device()?),
        Source::Pipeline(folder) => draw_prompts(args, &folder),
    }
}

/// Refuses arguments that another kind of model takes.
fn check_system(args: &Args, source: &Source) -> Result<()> {
    if let Some(argument) = args.cascade.given()
        && !matches!(source, Source::Cascade(_) | Source::SuperResolution(_))
    {
        bail!("{argument} is for cascades: give --run the folder of one");
    }
    if args.classifier.classifier.is_some() && !matches!(source, Source::Ddpm(..)) {
        bail!("--classifier: give a --run that draws pixels from noise alone");
    }
    if args.dynamic_threshold.is_some()
        && matches!(source, Source::Dpm(..) | Source::Points(..) | Source::Latent(..))
    {
        bail!("--dynamic-threshold: this model draws no pixels by predicting them clean: leave it out");
    }
    if let Some(argument) = args.prompt.given_text()
        && !matches!(source, Source::Latent(..) | Source::Pipeline(_))
    {
        bail!("{argument}: this model knows no text: give a --run or a --model that does");
    }
    if let Some(argument) = args.prompt.given_for_pipelines()
        && !matches!(source, Source::Pipeline(_))
    {
        bail!("{argument} belongs to folders of pipelines: leave it out, or give a --model that is one");
    }
    if args.edit.denoise.is_some() && !matches!(source, Source::Dpm(..)) {
        bail!("--denoise: this run is not of system \"dpm\": leave it out");
    }
    if args.forward.is_some() && !matches!(source, Source::Ddpm(..) | Source::Dpm(..)) {
        bail!("--forward: give a --run that draws pixels from noise alone");
    }
    Ok(())
}

fn draw_run(args: &Args, config: &RunConfig, weights: &Path, device: &Device) -> Result<ExitCode> {
    let own = OwnSampler {
        walk: Walk::Configured(config.sample.clone()),
        guidable: config.train.cond_drop_prob > 0.0,
        guide: ClassifierGuide::new(&args.classifier, config, device)?.map(Arc::new),
    };
    draw_pixels(args, weights, &TrainedModel::load(weights, config, device)?, &own)
}

fn draw_folder(args: &Args, folder: &Path, device: &Device) -> Result<ExitCode> {
    let ModelFolder { model, sampler, .. } = ModelFolder::read(folder, device)?;
    let guidable = model.net.null_class().is_some();
    let own = OwnSampler { walk: Walk::Folder(Box::new(sampler)), guidable, guide: None };
    draw_pixels(args, folder, &model, &own)
}

fn draw_pixels(args: &Args, path: &Path, model: &TrainedModel, own: &OwnSampler) -> Result<ExitCode> {
    let plan = Plan::new(args, model, own, None)?;
    let settings = announce(args, path, plan.describe());
    let (batch, stop) = (args.batch.unwrap_or(DEFAULT_BATCH), stop_on_ctrl_c()?);
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let drawn = infer::draw(model, None, &plan, batch, animate, separate, &stop)?;
    let grid = infer::grid(&plan, drawn.images, model.image_shape);
    finish(args, grid, &drawn, plan.number, model.image_shape, &settings)
}

fn draw_latents(args: &Args, config: LatentRunConfig, weights: &Path, device: &Device) -> Result<ExitCode> {
    let trained = TrainedLatent::load(weights, config, device)?;
    let drawing = LatentDrawing::new(args, &trained)?;
    let settings = announce(args, weights, drawing.describe());
    let (batch, stop) = (args.batch.unwrap_or(DEFAULT_BATCH), stop_on_ctrl_c()?);
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let (plan, model, first_stage) = (&drawing.plan, &drawing.model, &trained.first_stage);
    let drawn = infer::draw(model, Some(first_stage), plan, batch, animate, separate, &stop)?;
    let shape = first_stage.image_shape(model.image_shape);
    finish(args, infer::grid(plan, drawn.images, shape), &drawn, plan.number, shape, &settings)
}

fn draw_cascade(args: &Args, run: &CascadeDir, device: &Device) -> Result<ExitCode> {
    let cascade = run.load(device)?;
    let drawing = CascadeDrawing::new(args, &cascade)?;
    let settings = announce(args, run.path(), drawing.describe());
    let batch = args.batch.unwrap_or(DEFAULT_BATCH);
    let drawn = drawing.draw(batch, args.separate.as_deref(), stop_on_ctrl_c()?.as_ref())?;
    let (plan, shape) = (&drawing.plan, drawing.shape());
    finish(args, infer::grid(plan, drawn.images, shape), &drawn, plan.number, shape, &settings)
}

fn upscale(args: &Args, run: &RunDir, device: &Device) -> Result<ExitCode> {
    let config = SuperResolutionConfig::load(&run.config())?;
    let model = SuperResolutionModel::load(&run.ema(), &config, device)?;
    let drawing = Upscaling::new(args, &model)?;
    let settings = announce(args, run.path(), drawing.describe());
    let batch = args.batch.unwrap_or(DEFAULT_BATCH);
    let drawn = drawing.draw(batch, args.separate.as_deref(), stop_on_ctrl_c()?.as_ref())?;
    let (plan, shape) = (&drawing.plan, model.image_shape());
    finish(args, infer::grid(plan, drawn.images, shape), &drawn, plan.number, shape, &settings)
}

/// Draws from a folder of one of the reference library's pipelines.
fn draw_prompts(args: &Args, folder: &Path) -> Result<ExitCode> {
    let plan = PromptPlan::new(args, folder)?;
    let settings = announce(args, folder, plan.describe());
    let device = backend::open(args.backend, args.device)?;
    let stop = stop_on_ctrl_c()?;
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let (drawn, shape) = infer::draw_prompts(&plan, &device, animate, separate, &stop)?;
    let grid = Grid::square(drawn.images.min(infer::MAX_GRID), shape);
    finish(args, grid, &drawn, plan.number, shape, &settings)
}

/// A flag that Ctrl-C sets; a second one ends the process.
pub(crate) fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("failed to listen for Ctrl-C")?;
    Ok(stop)
}
