//! `cargo run -p infer`: draws images from a trained run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use clap::Parser;
use data::Grid;
use infer::{Args, Drawn, OwnSampler, Plan, PromptPlan, Prompts, Walk};
use interop::ModelFolder;
use interop::pipeline::ModelIndex;
use train::{LatentRunConfig, Meta, Record, RunConfig, RunDir, SystemName, TrainedLatent, TrainedModel};

/// The checkpoint that comes with the project.
const DEFAULT_RUN: &str = "checkpoints/digits-ddpm";
/// Images drawn at once, unless the arguments say it.
const DEFAULT_BATCH: usize = 64;
/// Milliseconds of an animation's frame.
const FRAME_DELAY: u16 = 80;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    let named = named(args)?;
    check_targets(args)?;
    let source = match named {
        Named::Pixels(source) => source,
        Named::Latents(config, weights) => return draw_from_latents(args, *config, &weights),
    };
    if let Source::Folder(folder) = &source
        && ModelIndex::read(folder)?.kind().is_ok()
    {
        return draw_from_prompts(args, folder);
    }
    if !args.prompt.prompt.is_empty() {
        bail!("--prompt: this model knows no text: add --model with a folder that does");
    }
    let device = backend::open(args.backend, args.device)?;
    if let (Some(name), Source::Run(config, _)) = (&args.forward, &source) {
        return show_forward(args, name, config, &device);
    }
    let (model, own) = source.load(&device)?;
    let plan = Plan::new(args, &model, &own, None)?;
    let mut settings = vec![("model", source.path().display().to_string())];
    settings.extend(plan.describe());
    for (key, value) in &settings {
        train::say(format_args!("{key}: {value}"));
    }
    if let Some(warning) = args.backend.warning() {
        eprintln!("warning: {warning}");
    }
    let stop = stop_on_ctrl_c()?;
    let batch = args.batch.unwrap_or(DEFAULT_BATCH);
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let drawn = infer::draw(&model, None, &plan, batch, animate, separate, &stop)?;
    let grid = infer::grid(&plan, drawn.images, model.image_shape);
    finish(args, grid, &drawn, plan.number, model.image_shape, &settings)
}

/// Draws from a folder of one of the reference library's pipelines.
fn draw_from_prompts(args: &Args, folder: &Path) -> Result<ExitCode> {
    let plan = PromptPlan::new(args, folder)?;
    let mut settings = vec![("model", folder.display().to_string())];
    settings.extend(plan.describe());
    for (key, value) in &settings {
        train::say(format_args!("{key}: {value}"));
    }
    let device = backend::open(args.backend, args.device)?;
    let stop = stop_on_ctrl_c()?;
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let (drawn, shape) = infer::draw_prompts(&plan, &device, animate, separate, &stop)?;
    let grid = Grid::square(drawn.images.min(infer::MAX_GRID), shape);
    finish(args, grid, &drawn, plan.number, shape, &settings)
}

/// Draws from a run of latent diffusion.
fn draw_from_latents(args: &Args, config: LatentRunConfig, weights: &Path) -> Result<ExitCode> {
    if args.forward.is_some() {
        bail!("--forward: the images of this run are latents: give a --run that draws pixels");
    }
    let device = backend::open(args.backend, args.device)?;
    let trained = TrainedLatent::load(weights, config, &device)?;
    let prompts = Prompts::new(args, &trained)?;
    let config = &trained.config;
    let args = &Args {
        number: args.number.or_else(|| prompts.as_ref().map(|prompts| prompts.prompts.len())),
        guidance_scale: args.guidance_scale.or(prompts.as_ref().map(|_| config.train.sample_guidance_scale)),
        ..args.clone()
    };
    let model = match &prompts {
        Some(Prompts { prompts, negative }) => trained.told(prompts, negative)?,
        None => trained.told(&[], "")?,
    };
    let own = OwnSampler {
        walk: Walk::Configured(config.sample.clone()),
        guidable: config.train.cond_drop_prob > 0.0,
    };
    let first_stage = Some(&trained.first_stage);
    let plan = Plan { prompts, ..Plan::new(args, &model, &own, first_stage)? };
    let mut settings = vec![("model", weights.display().to_string())];
    settings.extend(plan.describe());
    for (key, value) in &settings {
        train::say(format_args!("{key}: {value}"));
    }
    let stop = stop_on_ctrl_c()?;
    let batch = args.batch.unwrap_or(DEFAULT_BATCH);
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let drawn = infer::draw(&model, first_stage, &plan, batch, animate, separate, &stop)?;
    let shape = trained.first_stage.image_shape(model.image_shape);
    finish(args, infer::grid(&plan, drawn.images, shape), &drawn, plan.number, shape, &settings)
}

/// Writes what was finished.
fn finish(
    args: &Args,
    grid: Grid,
    drawn: &Drawn,
    wanted: usize,
    shape: [usize; 3],
    settings: &[(&str, String)],
) -> Result<ExitCode> {
    if drawn.images == 0 {
        eprintln!("stopped before the first image was finished");
        return Ok(ExitCode::from(130));
    }
    write(args, grid, drawn, shape, settings)?;
    if drawn.images < wanted {
        eprintln!("stopped: kept the {} images that were finished", drawn.images);
        return Ok(ExitCode::from(130));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the arguments name.
enum Named {
    /// A model of pixels.
    Pixels(Source),
    /// A run of latent diffusion: its configuration, and its weights.
    Latents(Box<LatentRunConfig>, PathBuf),
}

/// Where a model of pixels comes from.
enum Source {
    /// A run's configuration, and its weights.
    Run(Box<RunConfig>, PathBuf),
    /// A folder in the layout of the diffusers library.
    Folder(PathBuf),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Run(_, path) | Self::Folder(path) => path,
        }
    }

    fn load(&self, device: &Device) -> Result<(TrainedModel, OwnSampler)> {
        Ok(match self {
            Self::Run(config, weights) => {
                let guidable = config.train.cond_drop_prob > 0.0;
                let own = OwnSampler { walk: Walk::Configured(config.sample.clone()), guidable };
                (TrainedModel::load(weights, config, device)?, own)
            }
            Self::Folder(folder) => {
                let ModelFolder { model, sampler, .. } = ModelFolder::read(folder, device)?;
                let guidable = model.net.null_class().is_some();
                let own = OwnSampler { walk: Walk::Folder(Box::new(sampler)), guidable };
                (model, own)
            }
        })
    }
}

/// The model that the arguments name.
fn named(args: &Args) -> Result<Named> {
    if let Some(folder) = &args.model {
        return Ok(Named::Pixels(Source::Folder(folder.clone())));
    }
    let Some(path) = &args.checkpoint else {
        let run = RunDir::new(args.run.clone().unwrap_or_else(|| DEFAULT_RUN.into()));
        Record::verify_weights(&run)?;
        return named_run(&run.config(), run.ema());
    };
    if path.is_dir() {
        let meta = Meta::verify(path)?;
        return Ok(match meta.config.get("system").and_then(|name| name.as_str()) {
            Some("latent") => Named::Latents(Box::new(meta.config(path)?), path.clone()),
            _ => Named::Pixels(Source::Run(Box::new(meta.config(path)?), path.clone())),
        });
    }
    named_run(&path.with_file_name("config.toml"), path.clone())
}

/// A run by its configuration, and its weights.
fn named_run(config: &Path, weights: PathBuf) -> Result<Named> {
    Ok(match SystemName::of(config)? {
        SystemName::Latent => Named::Latents(Box::new(LatentRunConfig::load(config)?), weights),
        _ => Named::Pixels(Source::Run(Box::new(RunConfig::load(config)?), weights)),
    })
}

/// Finds out before the work whether its results can be written.
fn check_targets(args: &Args) -> Result<()> {
    if args.animate.as_ref() == Some(&args.out) {
        bail!("--out and --animate are the same file");
    }
    for file in [Some(&args.out), args.animate.as_ref()].into_iter().flatten() {
        if !file.extension().is_some_and(|kind| kind == "png" || kind == "apng") {
            bail!("failed to write {}: pictures are PNG files: use a name that ends in .png", file.display());
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if file.is_dir() {
            bail!("failed to write {}: it is a folder", file.display());
        }
        if !folder.is_dir() {
            bail!("failed to write {}: there is no folder {}", file.display(), folder.display());
        }
    }
    if let Some(folder) = &args.separate {
        fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    }
    Ok(())
}

/// A flag that Ctrl-C sets; a second one ends the process.
fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>> {
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

fn write(
    args: &Args,
    grid: Grid,
    drawn: &Drawn,
    shape: [usize; 3],
    settings: &[(&str, String)],
) -> Result<()> {
    let text: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let picture = grid.draw(&drawn.values, shape);
    picture.write_png(&args.out, &text)?;
    train::say(format_args!("{} images: {}", drawn.images.min(infer::MAX_GRID), args.out.display()));
    if let Some(path) = &args.animate {
        let frames: Vec<_> = drawn.frames.iter().map(|frame| grid.draw(frame, shape)).collect();
        data::grid::write_apng(path, &frames, FRAME_DELAY, &text)?;
        train::say(format_args!("animation: {}", path.display()));
    }
    if let Some(folder) = &args.separate {
        train::say(format_args!("single images: {}", folder.display()));
    }
    if args.show {
        let small = Grid { scale: 1, gap: 1, ..grid };
        train::say(infer::half_blocks(&small.draw(&drawn.values, shape)).trim_end());
    }
    Ok(())
}

fn show_forward(args: &Args, name: &str, config: &RunConfig, device: &Device) -> Result<ExitCode> {
    let side = config.model.image_size;
    let shape = [config.model.in_channels, side, side];
    let schedule = config.schedule()?;
    let image = infer::find_image(name, &config.dataset, shape)?;
    let result = infer::forward(image, shape, &schedule, args.seed, device)?;
    train::say(format_args!(
        "x_t - alpha x0 over {} draws of each pixel, by the chain and by the closed form",
        copies(&result, shape)
    ));
    train::say(format_args!("    t   alpha   sigma^2  mean chain  mean closed  var chain  var closed"));
    for row in &result.rows {
        train::say(format_args!(
            "{:5}  {:.4}  {:.6}  {:10.5}  {:11.5}  {:.7}  {:.8}  {}",
            row.timestep,
            row.level.alpha,
            row.level.sigma.powi(2),
            row.chain.0,
            row.closed.0,
            row.chain.1,
            row.closed.1,
            if row.agrees() { "agree" } else { "DISAGREE" }
        ));
    }
    let path = forward_path(&args.out);
    result.strip.write_png(&path, &[("forward", name), ("seed", &args.seed.to_string())])?;
    train::say(format_args!("upper row the chain, lower row the closed form: {}", path.display()));
    let agree = result.rows.iter().all(infer::Row::agrees);
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn copies(result: &infer::Forward, shape: [usize; 3]) -> usize {
    result.rows.first().map_or(0, |row| row.values / shape.iter().product::<usize>())
}

/// `--out`, or forward.png where it was left to its default.
fn forward_path(out: &Path) -> PathBuf {
    if out == Path::new("grid.png") { "forward.png".into() } else { out.to_path_buf() }
}
