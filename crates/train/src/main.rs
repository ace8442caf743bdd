//! `cargo xtask train`: trains a diffusion model as a configuration says, or on somebody's own pictures.

mod own_pictures;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use backend::BackendName;
use burn::train::Interrupter;
use clap::Parser;
use data::{DatasetConfig, Splits};
use own_pictures::OwnPictures;
use terminal::quoted;
use train::cascade::{CascadeConfig, CascadeDir, CascadeSession, Stage, StageConfig, SuperResolution};
use train::{
    ClassifierSystem, DpmSystem, DraftConfig, FirstStage, LatentSystem, Objective, Outcome, PointSystem,
    RunDir, Session, System, SystemConfig, SystemName, TrainingMemory, check_config_path,
};

const DEFAULT_CONFIG: &str = "configs/digits-ddpm.toml";

/// Train a diffusion model as a configuration says.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Configuration [default: configs/digits-ddpm.toml; with --resume, the run's own].
    config: Option<PathBuf>,
    /// Backend: flex, ndarray, cpu, wgpu, vulkan, metal, cuda, rocm or tch.
    #[arg(long, default_value = "flex")]
    backend: BackendName,
    /// Which device of the backend.
    #[arg(long, default_value_t = 0, value_name = "N")]
    device: usize,
    /// Name of the run, kept in runs/NAME; the configuration's file name unless given.
    #[arg(long)]
    run: Option<String>,
    /// Go on from the newest checkpoint, or from that of a step.
    #[arg(long, value_name = "STEP", num_args = 0..=1, require_equals = true)]
    resume: Option<Option<usize>>,
    /// Change a key of the configuration, such as model.channels=64; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Stop with a checkpoint after this time, such as 30m or 2h.
    #[arg(long, value_parser = humantime::parse_duration)]
    budget: Option<Duration>,
    /// Steps of the whole run: train.steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Seed of everything random: seed.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Plain lines instead of the dashboard; always so when stdout is not a terminal.
    #[arg(long)]
    plain: bool,
    /// Of a cascade, train this stage only, counted from 1; all in turn unless given.
    #[arg(long, value_name = "N")]
    stage: Option<usize>,
    /// Leave out images that cannot be read, and say which.
    #[arg(long)]
    skip_bad: bool,
    /// Train although it is estimated to take more memory than this machine has.
    #[arg(long)]
    beyond_memory: bool,
    /// Own pictures instead of a configuration.
    #[command(flatten)]
    own: OwnPictures,
}

fn main() -> ExitCode {
    terminal::run(|args: Args| kernels::inside_pool(|| run(args)).map(|()| ExitCode::SUCCESS))
}

fn run(args: Args) -> Result<()> {
    let run = RunDir::new(run_folder(&args)?);
    let config = match own_pictures::configuration(&args, &run)? {
        Some(config) => config,
        None => config_file(&args, &run)?,
    };
    check_config_path(&config)?;
    let system = SystemName::of(&config)?;
    if args.stage.is_some() && system != SystemName::Cascade {
        bail!("--stage: {} is no cascade", config.display());
    }
    match system {
        SystemName::Ddpm => train_system::<Objective>(args, run, &config),
        SystemName::Dpm => train_system::<DpmSystem>(args, run, &config),
        SystemName::Points => train_system::<PointSystem>(args, run, &config),
        SystemName::Autoencoder => train_system::<FirstStage>(args, run, &config),
        SystemName::Latent => train_system::<LatentSystem>(args, run, &config),
        SystemName::Classifier => train_system::<ClassifierSystem>(args, run, &config),
        SystemName::Cascade => train_cascade(args, run, &config),
        SystemName::SuperResolution => train_system::<SuperResolution>(args, run, &config),
    }
}

fn train_system<S: System>(args: Args, run: RunDir, config: &Path) -> Result<()> {
    let mut settings = args.set.clone();
    settings.extend(args.steps.map(|steps| format!("train.steps={steps}")));
    settings.extend(args.seed.map(|seed| format!("seed={seed}")));
    let draft = DraftConfig::<S::Config>::read(config, &settings)?;
    let splits = open(&draft.dataset, args.skip_bad)?;
    let says_steps = draft.gives("train.steps");
    let config = draft.resolve(&splits)?;
    let text = toml::to_string_pretty(&config).context("failed to print the configuration")?;
    let mut counts = format!("{}\n{}", counts(&splits), checked_memory::<S>(&args, &config, &splits)?);
    if !says_steps {
        let steps = config.train().steps;
        counts.push_str(&format!("\ntrain.steps is not set: {steps} steps, the default; --steps N sets it"));
    }
    let session = Session::<S> {
        run: run.clone(),
        config,
        splits,
        backend: args.backend,
        device_index: args.device,
        resume: args.resume,
        budget: args.budget,
        plain: args.plain,
        interrupter: stop_on_ctrl_c()?,
    };
    session.check()?;
    announce(args.backend, args.device, &text, &counts)?;
    report::<S>(&run, &session.train()?);
    Ok(())
}

/// Trains the stages of a cascade in turn, or the one that is asked for.
fn train_cascade(args: Args, run: RunDir, config: &Path) -> Result<()> {
    let config = CascadeConfig::read(config, &cascade_settings(&args, config)?)?;
    if let Some(number) = args.stage.filter(|number| !(1..=config.stages()).contains(number)) {
        bail!("--stage {number}: this cascade has stages 1 to {}", config.stages());
    }
    if let (Some(Some(step)), None) = (args.resume, args.stage) {
        bail!("--resume={step}: the steps are those of one stage: add --stage N");
    }
    let splits = open(&config.dataset()?, args.skip_bad)?;
    let (config, stages) = config.resolve(&splits)?;
    let stage_count = stages.len();
    let text = config.text()?;
    let mut counts = counts(&splits);
    for Stage { number, config, splits } in &stages {
        if args.stage.is_none_or(|stage| stage == *number) {
            let memory = match config {
                StageConfig::Base(config) => checked_memory::<Objective>(&args, config, splits)?,
                StageConfig::SuperResolution(config) => {
                    checked_memory::<SuperResolution>(&args, config, splits)?
                }
            };
            counts.push_str(&format!("\nstage {number}: {memory}"));
        }
    }
    let run = CascadeDir::new(run.path());
    let mut session = CascadeSession {
        run: run.clone(),
        config,
        stages,
        only: args.stage,
        backend: args.backend,
        device_index: args.device,
        resume: args.resume,
        budget: args.budget,
        plain: args.plain,
        interrupter: stop_on_ctrl_c()?,
    };
    session.check_all()?;
    announce(args.backend, args.device, &text, &counts)?;
    session.train(&mut report_steps)?;
    let folder = run.path();
    let untrained = (1..=stage_count).find(|&number| !run.stage(number).ema().exists());
    terminal::say(match untrained {
        None => format!("draw: cargo run -p infer -- --run {} --stages", quoted(folder.display())),
        Some(number) => {
            let name = folder.file_name().unwrap_or_default().display();
            format!("stage {number} is not trained yet: cargo xtask train --run {} --resume", quoted(name))
        }
    });
    Ok(())
}

fn counts(splits: &Splits) -> String {
    format!("{} training and {} validation images", splits.train.len(), splits.valid.len())
}

/// Says what is trained, once nothing speaks against it.
fn announce(backend: BackendName, device: usize, config: &str, counts: &str) -> Result<()> {
    backend::open(backend, device)?;
    terminal::say(config);
    terminal::say(counts);
    if let Some(warning) = backend.warning() {
        terminal::warn(warning);
    }
    Ok(())
}

/// The settings with `--steps`, which is of the stage that is trained, or of each.
fn cascade_settings(args: &Args, config: &Path) -> Result<Vec<String>> {
    let mut settings = args.set.clone();
    if let Some(steps) = args.steps {
        let stages = CascadeConfig::read(config, &args.set)?.stages();
        let trained = (1..=stages).filter(|number| args.stage.is_none_or(|stage| stage == *number));
        settings.extend(trained.map(|number| format!("stage.{number}.train.steps={steps}")));
    }
    settings.extend(args.seed.map(|seed| format!("seed={seed}")));
    Ok(settings)
}

/// What a training takes, which is refused where this machine does not have it, unless told.
fn checked_memory<S: System>(args: &Args, config: &S::Config, splits: &Splits) -> Result<String> {
    let memory = TrainingMemory::of::<S>(config, splits.image_shape())?;
    if !args.beyond_memory {
        memory.check(args.backend)?;
    }
    Ok(format!("{} parameters, about {} of memory", memory.parameters, memory.text()))
}

fn open(dataset: &DatasetConfig, skip_bad: bool) -> Result<Splits> {
    let checking = Checking::default();
    let splits = dataset.open_with(skip_bad, &checking.report())?;
    for warning in splits.warnings() {
        terminal::warn(warning);
    }
    Ok(splits)
}

fn config_file(args: &Args, run: &RunDir) -> Result<PathBuf> {
    let Some(config) = &args.config else {
        let own = run.config();
        return Ok(if args.resume.is_some() && own.exists() { own } else { DEFAULT_CONFIG.into() });
    };
    let step = config.to_str().and_then(|text| text.parse::<usize>().ok());
    match step {
        Some(step) if args.resume == Some(None) && !config.exists() => {
            bail!("{step} is no configuration: to go on from that step, write --resume={step}")
        }
        _ => Ok(config.clone()),
    }
}

/// Stops at the first Ctrl-C with a checkpoint, at the second at once.
fn stop_on_ctrl_c() -> Result<Interrupter> {
    let interrupter = Interrupter::new();
    let stop = interrupter.clone();
    ctrlc::set_handler(move || {
        if stop.should_stop() {
            std::process::exit(130);
        }
        terminal::note("stopping with a checkpoint and a preview; press Ctrl-C again to stop at once");
        stop.stop(Some("ctrl-c"));
    })
    .context("failed to listen for Ctrl-C")?;
    Ok(interrupter)
}

/// Says how far the check of a large data set is, once a second.
#[derive(Default)]
struct Checking(Mutex<Option<Instant>>);

impl Checking {
    fn report(&self) -> impl Fn(usize, usize) + Sync {
        |done, total| {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if last.get_or_insert_with(Instant::now).elapsed() >= Duration::from_secs(1) {
                terminal::note(format_args!("checking images: {done} of {total}"));
                *last = Some(Instant::now());
            }
        }
    }
}

fn run_folder(args: &Args) -> Result<PathBuf> {
    let name = match &args.run {
        Some(name) => name.clone(),
        None if args.own.data.is_some() => args.own.name()?,
        None => {
            let config = args.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
            let name = config.file_stem().with_context(|| {
                format!("{}: name a TOML file, such as those in configs/", config.display())
            });
            name?.display().to_string()
        }
    };
    if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
        match Path::new(&name).strip_prefix("runs").ok().and_then(|name| name.to_str()) {
            Some(short) if !short.is_empty() && !short.contains(['/', '\\']) => {
                bail!("--run {name}: a run's name is one folder name: did you mean --run {}?", quoted(short))
            }
            _ => bail!("--run {name}: a run's name is one folder name, such as digits"),
        }
    }
    Ok(PathBuf::from("runs").join(name))
}

fn report<S: System>(run: &RunDir, outcome: &Outcome) {
    report_steps(outcome);
    if outcome.steps > 0 {
        terminal::say(S::next_command(run.path()));
    }
}

fn report_steps(outcome: &Outcome) {
    let loss = outcome.valid_loss.map_or(String::new(), |loss| format!(", validation loss {loss:.4}"));
    match &outcome.interrupted {
        Some(reason) if outcome.steps == 0 => {
            return terminal::say(format_args!("stopped before the first step: {reason}"));
        }
        Some(reason) => terminal::say(format_args!(
            "stopped at step {}: {reason}{loss}; the checkpoint is saved: go on by adding --resume",
            outcome.steps
        )),
        None => terminal::say(format_args!("finished {} steps{loss}", outcome.steps)),
    }
    for measure in &outcome.results {
        terminal::say(measure);
    }
    if let Some(sample) = &outcome.sample {
        terminal::say(format_args!("samples: {}", sample.display()));
    }
}
