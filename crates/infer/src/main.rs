//! `cargo run -p infer`: draws images from a trained run.

mod show_forward;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use clap::Parser;
use data::Grid;
use infer::{Args, CascadeDrawing, Drawn, OwnSampler, Plan, PromptPlan, Upscaling, Walk};
use interop::ModelFolder;
use interop::pipeline::ModelIndex;
use show_forward::show_forward;
use train::cascade::{CascadeDir, SuperResolutionConfig, SuperResolutionModel};
use train::{DpmRunConfig, Meta, Record, RunConfig, RunDir, SystemName, TrainedDpm, TrainedModel};

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
    let folder = args.run.clone().unwrap_or_else(|| DEFAULT_RUN.into());
    let system = match args.model.is_none() && args.checkpoint.is_none() {
        true => SystemName::of(&RunDir::new(&folder).config())?,
        false => SystemName::Ddpm,
    };
    check_targets(args)?;
    match (system, args.cascade.given()) {
        (SystemName::Cascade, _) => draw_cascade(args, &CascadeDir::new(folder)),
        (SystemName::SuperResolution, _) => upscale(args, &RunDir::new(folder)),
        (_, Some(argument)) => bail!("{argument} is for cascades: give --run the folder of one"),
        _ => draw_single(args),
    }
}

fn draw_cascade(args: &Args, run: &CascadeDir) -> Result<ExitCode> {
    let device = backend::open(args.backend, args.device)?;
    let cascade = run.load(&device)?;
    let drawing = CascadeDrawing::new(args, &cascade)?;
    let settings = announce(args, run.path(), drawing.describe());
    let batch = args.batch.unwrap_or(DEFAULT_BATCH);
    let drawn = drawing.draw(batch, args.separate.as_deref(), stop_on_ctrl_c()?.as_ref())?;
    let (plan, shape) = (&drawing.plan, drawing.shape());
    finish(args, infer::grid(plan, drawn.images, shape), &drawn, plan.number, shape, &settings)
}

fn upscale(args: &Args, run: &RunDir) -> Result<ExitCode> {
    Record::verify_weights(run)?;
    let device = backend::open(args.backend, args.device)?;
    let config = SuperResolutionConfig::load(&run.config())?;
    let model = SuperResolutionModel::load(&run.ema(), &config, &device)?;
    let drawing = Upscaling::new(args, &model)?;
    let settings = announce(args, run.path(), drawing.describe());
    let batch = args.batch.unwrap_or(DEFAULT_BATCH);
    let drawn = drawing.draw(batch, args.separate.as_deref(), stop_on_ctrl_c()?.as_ref())?;
    let (plan, shape) = (&drawing.plan, model.image_shape());
    finish(args, infer::grid(plan, drawn.images, shape), &drawn, plan.number, shape, &settings)
}

fn draw_single(args: &Args) -> Result<ExitCode> {
    let source = source(args)?;
    if let Source::Folder(folder) = &source
        && ModelIndex::read(folder)?.kind().is_ok()
    {
        return draw_from_prompts(args, folder);
    }
    if !args.prompt.prompt.is_empty() {
        bail!("--prompt: this model knows no text: add --model with a folder that does");
    }
    let device = backend::open(args.backend, args.device)?;
    match (&args.forward, &source) {
        (_, Source::Dpm(config, weights)) => return show_dpm(args, config, weights, &device),
        (Some(name), Source::Run(config, _)) => return show_forward(args, name, config, &device),
        _ => {}
    }
    if args.edit.denoise.is_some() {
        bail!("--denoise: this run is not of system \"dpm\": leave it out");
    }
    let (model, own) = source.load(&device)?;
    let plan = Plan::new(args, &model, &own)?;
    let settings = announce(args, source.path(), plan.describe());
    let (batch, stop) = (args.batch.unwrap_or(DEFAULT_BATCH), stop_on_ctrl_c()?);
    let drawn = infer::draw(&model, &plan, batch, args.animate.is_some(), args.separate.as_deref(), &stop)?;
    let grid = infer::grid(&plan, drawn.images, model.image_shape);
    finish(args, grid, &drawn, plan.number, model.image_shape, &settings)
}

type Settings = Vec<(&'static str, String)>;

/// Says what is drawn before it is.
fn announce(args: &Args, model: &Path, own: Settings) -> Settings {
    let mut settings = vec![("model", model.display().to_string())];
    settings.extend(own);
    for (key, value) in &settings {
        train::say(format_args!("{key}: {value}"));
    }
    if let Some(warning) = args.backend.warning() {
        eprintln!("warning: {warning}");
    }
    settings
}

/// Draws from a folder of one of the reference library's pipelines.
fn draw_from_prompts(args: &Args, folder: &Path) -> Result<ExitCode> {
    let plan = PromptPlan::new(args, folder)?;
    let settings = announce(args, folder, plan.describe());
    let device = backend::open(args.backend, args.device)?;
    let stop = stop_on_ctrl_c()?;
    let (animate, separate) = (args.animate.is_some(), args.separate.as_deref());
    let (drawn, shape) = infer::draw_prompts(&plan, &device, animate, separate, &stop)?;
    let grid = Grid::square(drawn.images.min(infer::MAX_GRID), shape);
    finish(args, grid, &drawn, plan.number, shape, &settings)
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

/// Where a model comes from.
enum Source {
    /// A run's configuration, and its weights.
    Run(Box<RunConfig>, PathBuf),
    /// The same of a diffusion probabilistic model.
    Dpm(Box<DpmRunConfig>, PathBuf),
    /// A folder in the layout of the diffusers library.
    Folder(PathBuf),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Run(_, path) | Self::Dpm(_, path) | Self::Folder(path) => path,
        }
    }

    fn load(&self, device: &Device) -> Result<(TrainedModel, OwnSampler)> {
        Ok(match self {
            Self::Run(config, weights) => {
                let guidable = config.train.cond_drop_prob > 0.0;
                let own = OwnSampler { walk: Walk::Configured(config.sample.clone()), guidable };
                (TrainedModel::load(weights, config, device)?, own)
            }
            Self::Dpm(_, weights) => {
                bail!("{}: no denoiser, but a diffusion probabilistic model", weights.display())
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
fn source(args: &Args) -> Result<Source> {
    if let Some(folder) = &args.model {
        return Ok(Source::Folder(folder.clone()));
    }
    let Some(path) = &args.checkpoint else {
        let run = RunDir::new(args.run.clone().unwrap_or_else(|| DEFAULT_RUN.into()));
        Record::verify_weights(&run)?;
        return of_config(&run.config(), run.ema());
    };
    if path.is_dir() {
        let meta = Meta::verify(path)?;
        let is_dpm = meta.config.get("system").is_some_and(|system| system == "dpm");
        return Ok(match is_dpm {
            true => Source::Dpm(Box::new(meta.config(path)?), path.clone()),
            false => Source::Run(Box::new(meta.config(path)?), path.clone()),
        });
    }
    of_config(&path.with_file_name("config.toml"), path.clone())
}

/// The model of a run's configuration and weights.
fn of_config(config: &Path, weights: PathBuf) -> Result<Source> {
    Ok(match SystemName::of(config)? {
        SystemName::Ddpm => Source::Run(Box::new(RunConfig::load(config)?), weights),
        SystemName::Dpm => Source::Dpm(Box::new(DpmRunConfig::load(config)?), weights),
        SystemName::Autoencoder => bail!("{}: an autoencoder draws nothing by itself", config.display()),
        SystemName::Cascade | SystemName::SuperResolution => {
            bail!("{}: give the cascade's folder, or that of a stage, with --run", config.display())
        }
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

fn show_dpm(args: &Args, config: &DpmRunConfig, weights: &Path, device: &Device) -> Result<ExitCode> {
    let model = TrainedDpm::load(weights, config, device)?;
    let stop = stop_on_ctrl_c()?;
    let Some(drawn) = infer::draw_dpm(args, &model, &stop)? else {
        eprintln!("stopped before all was drawn");
        return Ok(ExitCode::from(130));
    };
    for (key, value) in &drawn.settings {
        train::say(format_args!("{key}: {value}"));
    }
    let text: Vec<(&str, &str)> = drawn.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    drawn.picture.write_png(&args.out, &text)?;
    train::say(format_args!("{} samples: {}", drawn.samples, args.out.display()));
    if let Some(path) = &args.animate {
        data::grid::write_apng(path, &drawn.frames, FRAME_DELAY, &text)?;
        train::say(format_args!("animation: {}", path.display()));
    }
    if args.show {
        train::say(infer::half_blocks(&drawn.picture).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
