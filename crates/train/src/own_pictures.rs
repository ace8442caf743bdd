use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use data::{DataError, DatasetConfig, FolderConfig, SourceConfig, write_atomically};
use train::{Checkpoints, DraftConfig, RunConfig, RunDir, SystemName, TrainError, Wishes};

use crate::Args;

/// How long own pictures are trained on unless it is said.
const DEFAULT_TIME: Duration = Duration::from_secs(15 * 60);

/// Arguments for own pictures.
#[derive(clap::Args)]
#[command(next_help_heading = "Own pictures")]
pub struct OwnPictures {
    /// Train on the pictures of a folder: size, network and steps are chosen for this machine by timing a few steps, and written
    /// to runs/NAME.toml.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["config", "resume", "stage"])]
    pub data: Option<PathBuf>,
    /// The side of the pictures in pixels, instead of a chosen one.
    #[arg(long, value_name = "PIXELS")]
    pub size: Option<usize>,
    /// How long the training may take, such as 15m or 2h [default: 15m].
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub time: Option<Duration>,
}

impl OwnPictures {
    /// Whether something is said that a choice depends on.
    fn is_wished(&self) -> bool {
        self.size.is_some() || self.time.is_some()
    }

    /// The run's name: that of the folder, where it can be one.
    pub fn name(&self) -> Result<String> {
        let folder = self.data.as_deref().unwrap_or(Path::new("."));
        let full = folder.canonicalize().with_context(|| format!("failed to read {}", folder.display()))?;
        let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        let name: String = name.chars().map(plain).collect();
        Ok(name.trim_matches(['.', '-']).to_owned())
    }
}

/// Chooses and writes a configuration, where the arguments name pictures or a file that says nothing else.
pub fn configuration(args: &Args, run: &RunDir) -> Result<Option<PathBuf>> {
    let Some(dataset) = dataset(args)? else {
        if args.own.is_wished() {
            bail!(
                "--size and --for choose a configuration: give --data FOLDER, or a file with [dataset] alone"
            );
        }
        return Ok(None);
    };
    let file = PathBuf::from(format!("{}.toml", run.path().display()));
    if file.exists() {
        bail!(
            "{} was made before: train by it with `cargo xtask train {}`, or choose another name with --run",
            file.display(),
            file.display()
        );
    }
    if !Checkpoints::new(run.checkpoints(), 1).steps().is_empty() {
        return Err(TrainError::RunExists { path: run.path().to_path_buf() }.into());
    }
    let wishes = Wishes {
        dataset,
        size: args.own.size,
        time: args.own.time.unwrap_or(DEFAULT_TIME),
        backend: args.backend,
        device_index: args.device,
        seed: args.seed.unwrap_or(0),
        say: &|line| terminal::say(line),
    };
    let choice = wishes.choose()?;
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    write_atomically(&file, |target| target.write_all(choice.text.as_bytes()))?;
    terminal::say(format_args!(
        "written: {}, which `cargo xtask train {}` trains by",
        file.display(),
        file.display()
    ));
    Ok(Some(file))
}

/// The pictures to choose for.
fn dataset(args: &Args) -> Result<Option<DatasetConfig>> {
    if let Some(path) = &args.own.data {
        let source = SourceConfig::Folder(FolderConfig { path: path.clone() });
        return Ok(Some(DatasetConfig { source, ..DatasetConfig::default() }));
    }
    let Some(config) = args.config.as_deref().filter(|config| config.exists()) else { return Ok(None) };
    if args.resume.is_some() || args.steps.is_some() || SystemName::of(config)? != SystemName::Ddpm {
        return Ok(None);
    }
    let draft = DraftConfig::<RunConfig>::read(config, &args.set)?;
    if !draft.is_bare() {
        return Ok(None);
    }
    match draft.dataset.survey() {
        Err(DataError::NoPicture { .. }) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(_) if args.own.is_wished() => Ok(Some(draft.dataset)),
        Ok(_) => bail!(
            "{}: it has [dataset] alone: add --for 15m, and network, size and steps are chosen for this machine and that time; or \
             write [model] and [train] (docs/configuration.md), whose defaults are DDPM's network and 100000 steps",
            config.display()
        ),
    }
}
