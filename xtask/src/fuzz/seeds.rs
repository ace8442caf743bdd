use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fastrand::Rng;

use super::bounded;
use super::invocation::Invocation;
use super::kinds::CLASSES;
use crate::cargo::root;

/// Good files, which are made hostile: the shipped fixtures and configurations, and small runs trained from these.
pub struct Seeds {
    folder: PathBuf,
    programs: PathBuf,
}

/// Runs by name, and what they are trained with.
const RUNS: [(&str, &str); 8] = [
    (
        "ddpm",
        "digits-ddpm.toml --set model.channels=8 --set model.channel_mult=[1] --set model.attention_resolutions=[]",
    ),
    (
        "edm",
        "digits-edm.toml --set model.channels=8 --set model.channel_mult=[1] --set model.attention_resolutions=[]",
    ),
    ("first-stage", "digits-ae-kl.toml --set model.trunk.channels=8"),
    ("latent", "digits-ldm.toml --set model.channels=8 --set first_stage.run=runs/first-stage"),
    ("classifier", "digits-classifier.toml --set model.channels=8"),
    ("points", "swiss-roll-ddpm.toml --set model.width=8"),
    (
        "dpm",
        "heartbeat-dpm.toml --set dpm.network.hidden=[8] --set dpm.num_train_timesteps=10 --set times_per_batch=2",
    ),
    ("cascade", "digits-cdm.toml --set stage.1.model.channels=8 --set stage.2.model.channels=8"),
];

impl Seeds {
    /// Copies and trains them.
    ///
    /// # Errors
    ///
    /// If the programs fail on good files.
    pub fn prepare(programs: &Path, folder: &Path) -> Result<Self> {
        bounded::fresh(folder)?;
        let seeds = Self { folder: folder.join("input"), programs: programs.to_path_buf() };
        const SHIPPED: [&str; 5] =
            ["configs", "checkpoints", "crates/interop/tests/cases", "xtask/seeds", "datasets/digits"];
        for name in SHIPPED.into_iter().chain([CLASSES]) {
            copy(&root().join(name), &seeds.folder.join(name))?;
        }
        for (name, config) in RUNS {
            let every = match name {
                "cascade" => "--set stage.1.train.steps=2 --set stage.2.train.steps=2",
                _ => {
                    "--steps 2 --set train.batch_size=4 --set train.eval_images=16 --set train.sample_images=4 \
                     --set train.checkpoint_every=1"
                }
            };
            seeds.must_succeed(&format!("configs/{config} --run {name} --plain {every}"), folder)?;
        }
        Ok(seeds)
    }

    fn must_succeed(&self, arguments: &str, folder: &Path) -> Result<()> {
        let invocation = Invocation::new("train", arguments);
        let ended = bounded::run(&self.programs, &invocation, folder)?;
        if !ended.status.is_some_and(|status| status.success()) {
            bail!("failed to make a good file with `{}`: {}", invocation.line(), ended.stderr.trim());
        }
        Ok(())
    }

    /// What a program says of its options.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn help(&self, program: &str) -> Result<String> {
        let help = std::process::Command::new(self.programs.join(program)).arg("--help").output();
        let help = help.with_context(|| format!("failed to start {program}"))?;
        Ok(String::from_utf8_lossy(&help.stdout).into_owned())
    }

    /// A file or folder by its path in the project, or `runs/NAME`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Copies a file or folder to `to`.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn copy(&self, name: &str, to: &Path) -> Result<()> {
        copy(&self.path(name), to)
    }

    /// One of the names of runs.
    pub fn run(rng: &mut Rng) -> &'static str {
        RUNS[rng.usize(..RUNS.len())].0
    }

    /// The names of the entries of a folder, in order.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub fn names(&self, folder: &str) -> Result<Vec<String>> {
        let path = self.path(folder);
        let entries = fs::read_dir(&path).with_context(|| format!("failed to list {}", path.display()))?;
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }
}

/// Copies a file, or a folder with all that it holds.
///
/// # Errors
///
/// If something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("failed to copy {} to {}", from.display(), to.display());
    if from.is_dir() {
        fs::create_dir_all(to).with_context(context)?;
        for entry in fs::read_dir(from).with_context(context)? {
            let name = entry.with_context(context)?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(context)?;
    }
    fs::copy(from, to).map(drop).with_context(context)
}

/// All files below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// One of several.
pub fn choose<T: Clone>(rng: &mut Rng, items: &[T]) -> T {
    items[rng.usize(..items.len())].clone()
}
