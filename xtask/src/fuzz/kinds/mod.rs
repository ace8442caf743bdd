//! What is made hostile, a file for each kind.

mod commands;
mod configs;
mod data;
mod folders;
mod images;
mod pickles;
mod png;
mod runs;
mod safetensors;
mod schedulers;
mod tokenizers;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use fastrand::Rng;

use super::invocation::Invocation;
use super::seeds::Seeds;
use super::tree::Tree;

pub use schedulers::CLASSES;

/// A kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Weights as safetensors
    Safetensors,
    /// Weights as torch pickles them
    Pickles,
    /// The JSON files of models, pipelines and schedulers
    Folders,
    /// Schedulers of every class and key
    Schedulers,
    /// Tokenizers and prompts
    Tokenizers,
    /// Configurations of training, and --set
    Configs,
    /// Image files
    Images,
    /// Folders and files of data sets
    Data,
    /// What a run holds: config.toml, record.json, checkpoints
    Runs,
    /// Command lines of all programs
    Commands,
}

impl Kind {
    /// Makes a hostile input in `folder`: its files, and the command that reads them.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or written.
    pub fn make(self, rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
        let make = match self {
            Self::Safetensors => safetensors::make,
            Self::Pickles => pickles::make,
            Self::Folders => folders::make,
            Self::Schedulers => schedulers::make,
            Self::Tokenizers => tokenizers::make,
            Self::Configs => configs::make,
            Self::Images => images::make,
            Self::Data => data::make,
            Self::Runs => runs::make,
            Self::Commands => commands::make,
        };
        make(rng, seeds, folder)
    }
}

/// Mutates a file of JSON, of TOML or of JSON lines by what it means, any other by its bytes.
fn mutate_file(path: &Path, rng: &mut Rng) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let json = path.extension().is_some_and(|ending| ending == "json");
    let tree = match json {
        true => serde_json::from_str::<serde_json::Value>(text).ok().map(Tree::from),
        false if path.extension().is_some_and(|ending| ending == "toml") => {
            toml::from_str::<toml::Value>(text).ok().map(Tree::from)
        }
        false => None,
    };
    match tree.filter(|_| rng.u8(..) < 240) {
        Some(mut tree) => {
            for _ in 0..rng.usize(1..4) {
                tree.mutate(rng);
            }
            write(path, if json { tree.json() } else { tree.toml() })
        }
        None => {
            let mut bytes = bytes;
            for _ in 0..rng.usize(1..4) {
                super::bytes::mutate(&mut bytes, rng);
            }
            write(path, bytes)
        }
    }
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}

/// Models with a pipeline, and the arguments that each is drawn with.
const MODELS: [(&str, &str); 4] = [
    ("ddpm_pipeline", ""),
    ("ddpm_pipeline", ""),
    ("stable_diffusion", "--prompt cat"),
    ("stable_diffusion_xl", "--prompt cat"),
];

/// Copies a model to `folder`/model, and returns the command that draws from it.
fn model(rng: &mut Rng, seeds: &Seeds, folder: &Path, steps: &str) -> Result<Invocation> {
    let (name, arguments) = MODELS[rng.usize(..MODELS.len())];
    seeds.copy(&format!("crates/interop/tests/cases/{name}"), &folder.join("model"))?;
    Ok(Invocation::new("infer", &format!("--model model -n 1 --steps {steps} --out out.png {arguments}")))
}
