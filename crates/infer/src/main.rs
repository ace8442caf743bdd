//! `cargo run -p infer`: draws images from a trained run.

mod output;
mod show_dpm;
mod show_forward;
mod show_points;
mod source;
mod targets;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use burn::prelude::*;
use infer::{
    Args, CascadeDrawing, ClassifierGuide, CommandLine, Description, Given, LatentDrawing, OwnSampler, Plan,
    PromptPlan, Upscaling, Walk, check_memory, floats_of_image, floats_of_latent,
};
use interop::ModelFolder;
use output::{announce, finish};
use show_dpm::show_dpm;
use show_forward::show_forward;
use show_points::show_points;
use source::Source;
use targets::check_targets;
use train::cascade::{CascadeDir, SuperResolutionConfig, SuperResolutionModel};
use train::{LatentRunConfig, RunConfig, RunDir, TrainedLatent, TrainedModel, Weights};
use unet::UNetConfig;

fn main() -> ExitCode {
    terminal::run(|line: CommandLine| kernels::inside_pool(|| run(&line.args, &line.given)))
}

fn run(args: &Args, given: &Given) -> Result<ExitCode> {
    let source = Source::of(args)?;
    if let Some(description) = source.description(args)? {
        description.check(args, given)?;
    }
    check_targets(args)?;
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
        Source::Folder(folder) => draw_folder(args, given, &folder, &device()?),
        Source::Pipeline(folder) => draw_prompts(args, &folder),
    }
}

fn draw_run(args: &Args, config: &RunConfig, weights: &Weights, device: &Device) -> Result<ExitCode> {
    let own = OwnSampler {
        walk: Walk::Configured(config.sample.clone()),
        guidable: config.train.cond_drop_prob > 0.0,
        guide: ClassifierGuide::new(&args.classifier, config, device)?.map(Arc::new),
        image_conditioned: false,
        text_conditioned: false,
    };
    let model = TrainedModel::load(weights, config, device)?;
    draw_pixels(args, weights.path(), &model, &config.model, &own)
}

fn draw_folder(args: &Args, given: &Given, folder: &Path, device: &Device) -> Result<ExitCode> {
    let ModelFolder { model, unet, sampler } = ModelFolder::read(folder, device)?;
    Description::of_folder(&unet, &sampler).check(args, given)?;
    let own = OwnSampler {
        walk: Walk::Folder(Box::new(sampler)),
        guidable: model.net.null_class().is_some(),
        guide: None,
        image_conditioned: false,
        text_conditioned: false,
    };
    draw_pixels(args, folder, &model, &unet, &own)
}

fn draw_pixels(
    args: &Args,
    path: &Path,
    model: &TrainedModel,
    unet: &UNetConfig,
    own: &OwnSampler,
) -> Result<ExitCode> {
    let plan = Plan::new(args, model, own, None)?;
    let [_, height, width] = model.image_shape;
    check_memory("--batch", plan.batch, floats_of_image(unet, [height, width]))?;
    let settings = announce(args, path, plan.describe());
    let stop = stop_on_ctrl_c()?;
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let drawn = infer::draw(model, None, &plan, animate, separate, &stop)?;
    finish(args, plan.contents(), &drawn, plan.number, model.image_shape, &settings)
}

fn draw_latents(
    args: &Args,
    config: LatentRunConfig,
    weights: &Weights,
    device: &Device,
) -> Result<ExitCode> {
    let trained = TrainedLatent::load(weights, config, device)?;
    let drawing = LatentDrawing::new(args, &trained)?;
    let (plan, model, first_stage) = (&drawing.plan, &drawing.model, &trained.first_stage);
    let shape = first_stage.image_shape(model.image_shape);
    let [_, height, width] = model.image_shape;
    let each = floats_of_latent(&trained.config.model, [height, width], [shape[1], shape[2]]);
    check_memory("--batch", plan.batch, each)?;
    let settings = announce(args, weights.path(), drawing.describe());
    let stop = stop_on_ctrl_c()?;
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let drawn = infer::draw(model, Some(first_stage), plan, animate, separate, &stop)?;
    finish(args, drawing.contents(), &drawn, plan.number, shape, &settings)
}

fn draw_cascade(args: &Args, run: &CascadeDir, device: &Device) -> Result<ExitCode> {
    let cascade = run.load(device)?;
    let drawing = CascadeDrawing::new(args, &cascade)?;
    let (plan, shape) = (&drawing.plan, drawing.shape());
    let network = cascade.upper.last().map_or(&cascade.base_config.model, |stage| &stage.config.run.model);
    check_memory("--batch", plan.batch, floats_of_image(network, [shape[1], shape[2]]))?;
    let settings = announce(args, run.path(), drawing.describe());
    let drawn = drawing.draw(args.separate.as_deref(), stop_on_ctrl_c()?.as_ref())?;
    finish(args, drawing.contents(), &drawn, plan.number, shape, &settings)
}

fn upscale(args: &Args, run: &RunDir, device: &Device) -> Result<ExitCode> {
    let config = SuperResolutionConfig::load(&run.config())?;
    let model = SuperResolutionModel::load(&Weights::read(&run.ema())?, &config, device)?;
    let drawing = Upscaling::new(args, &model)?;
    let (plan, shape) = (&drawing.plan, model.image_shape());
    check_memory("--batch", plan.batch, floats_of_image(&config.run.model, [shape[1], shape[2]]))?;
    let settings = announce(args, run.path(), drawing.describe());
    let drawn = drawing.draw(args.separate.as_deref(), stop_on_ctrl_c()?.as_ref())?;
    finish(args, drawing.contents(), &drawn, plan.number, shape, &settings)
}

/// Draws from a folder of one of the reference library's pipelines.
fn draw_prompts(args: &Args, folder: &Path) -> Result<ExitCode> {
    let plan = PromptPlan::new(args, folder)?;
    let settings = announce(args, folder, plan.describe());
    let device = backend::open(args.backend, args.device)?;
    let stop = stop_on_ctrl_c()?;
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let (drawn, shape) = infer::draw_prompts(&plan, &device, animate, separate, &stop)?;
    finish(args, infer::prompt_contents(&plan, shape), &drawn, plan.number, shape, &settings)
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
