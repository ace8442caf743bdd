use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use backend::BackendName;
use clap::Parser;
use schedules::Spacing;

use crate::cascade_args::CascadeArgs;
use crate::classifier_args::ClassifierArgs;
use crate::edit_args::EditArgs;
use crate::prompt_args::PromptArgs;
use crate::sampler::Sampler;

/// Draw images from a trained model.
///
/// Without arguments: 16 digits from the checkpoint that comes with the project.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Args {
    /// The run to draw from [default: checkpoints/digits-ddpm].
    #[arg(long, value_name = "FOLDER", conflicts_with = "checkpoint")]
    pub run: Option<PathBuf>,
    /// Instead of a run's newest weights: a folder under its checkpoint/, or an ema.bpk with its config.toml beside it.
    #[arg(long, value_name = "PATH")]
    pub checkpoint: Option<PathBuf>,
    /// Instead of a run: a folder in the layout of the diffusers library, with its own scheduler.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["run", "checkpoint", "forward"])]
    pub model: Option<PathBuf>,
    /// How many images [default: 16; with --prompt one for each].
    #[arg(short, long = "number", value_name = "N")]
    pub number: Option<usize>,
    /// Class of every image, by number or name [default: classes in turn; changing an image, the class in its file, or none].
    #[arg(long, conflicts_with = "labels")]
    pub label: Option<String>,
    /// Classes in turn, such as 3,1,4 or 0..9 or cat,dog.
    #[arg(long)]
    pub labels: Option<Labels>,
    /// Classifier-free guidance; 1 is off [default: 1; with --prompt what the run's previews or the folder's
    /// class have].
    #[arg(long, value_name = "W")]
    pub guidance_scale: Option<f64>,
    /// Solver; the run's own unless given. Ancestral draws with the large variance over the whole chain, else the small.
    #[arg(long, ignore_case = true)]
    pub sampler: Option<Sampler>,
    /// Sampling steps; the run's own unless given.
    #[arg(long)]
    pub steps: Option<usize>,
    /// Which levels are visited: leading, trailing, linspace, quadratic, karras, exponential or beta; the run's own
    /// unless given.
    #[arg(long)]
    pub spacing: Option<Spacing>,
    /// Noise of the ddim, dpm2 and tcd samplers, from 0, deterministic, to 1, as the ancestral one.
    #[arg(long)]
    pub eta: Option<f64>,
    /// Limit predicted images to this quantile of their own values, such as 0.995, instead of clipping them (Imagen).
    #[arg(long, value_name = "Q", conflicts_with = "model")]
    pub dynamic_threshold: Option<f64>,
    /// Seed of the noise; image i of a seed is always the same.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,
    /// The grid, of the first 400 images [default: grid.png, with --forward forward.png].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Enlarge each pixel of the grid and the animation N times, as far as they have 2^28 pixels at most [default: the least that
    /// makes them 256 pixels wide].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub zoom: Option<u8>,
    /// Also write each image to a file of this folder, in the model's own size.
    #[arg(long, value_name = "FOLDER")]
    pub separate: Option<PathBuf>,
    /// Also write the noise and the clean images predicted in up to 60 steps as an animated PNG.
    #[arg(long, value_name = "FILE")]
    pub animate: Option<PathBuf>,
    /// Walk between the noises of two images of the seed, such as 3,8.
    #[arg(long, value_name = "A,B")]
    pub interpolate: Option<Ends>,
    /// Draw the grid in the terminal.
    #[arg(long)]
    pub show: bool,
    /// Images drawn at once: bounds the memory, changes nothing else [default: 64; with --prompt 1].
    #[arg(long)]
    pub batch: Option<usize>,
    /// Instead of sampling, noise an image file, or an image of the run's data by its number, step by step.
    #[arg(long, value_name = "IMAGE_OR_INDEX")]
    pub forward: Option<String>,
    /// Backend: flex, ndarray, cpu, wgpu, vulkan, metal, cuda, rocm or tch.
    #[arg(long, default_value = "flex")]
    pub backend: BackendName,
    /// Which device of the backend.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub device: usize,
    /// Drawing what a text says.
    #[command(flatten)]
    pub prompt: PromptArgs,
    /// Changing an image.
    #[command(flatten)]
    pub edit: EditArgs,
    /// Classifier guidance.
    #[command(flatten)]
    pub classifier: ClassifierArgs,
    /// Cascades.
    #[command(flatten)]
    pub cascade: CascadeArgs,
}

impl Args {
    /// The file of the grid, or of the strip of a forward process.
    pub fn out(&self) -> PathBuf {
        let default = if self.forward.is_some() { "forward.png" } else { "grid.png" };
        self.out.clone().unwrap_or_else(|| default.into())
    }

    /// Images at once, unless fewer are wanted.
    ///
    /// # Errors
    ///
    /// If one of the numbers is 0.
    pub(crate) fn batch(&self, number: usize, default: usize) -> Result<usize> {
        let batch = self.batch.unwrap_or(default);
        if number == 0 || batch == 0 {
            bail!("-n and --batch must be at least 1");
        }
        Ok(batch.min(number))
    }

    /// How often each pixel of the grid is repeated, if that is asked for.
    pub fn zoom(&self) -> Option<usize> {
        self.zoom.map(usize::from)
    }
}

/// No data set has more classes; keeps a mistyped range from filling the memory.
const MAX_CLASS: usize = 1_000_000;

/// A list of classes, by number or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels(pub Vec<String>);

impl FromStr for Labels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.trim().parse::<usize>().map_err(|_| format!("`{text}` is no class number: use 0..9"))
        };
        let list: Vec<String> = match text.split_once("..") {
            Some((first, last)) => {
                (number(first)?..=number(last)?.min(MAX_CLASS)).map(|i| i.to_string()).collect()
            }
            None => text.split(',').map(|name| name.trim().to_owned()).collect(),
        };
        if list.is_empty() || list.contains(&String::new()) {
            Err(format!("`{text}` holds no class"))
        } else {
            Ok(Self(list))
        }
    }
}

/// The two ends of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends(pub u64, pub u64);

impl FromStr for Ends {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed =
            text.split_once(',').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
        parsed
            .map(|(a, b)| Self(a, b))
            .ok_or_else(|| format!("`{text}`: expected two image numbers, such as 3,8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lists_or_ranges() {
        assert_eq!("0..3".parse::<Labels>().unwrap().0, ["0", "1", "2", "3"]);
        assert_eq!("3, cat,4".parse::<Labels>().unwrap().0, ["3", "cat", "4"]);
        for bad in ["", "1,,2", "5..2", "1..x"] {
            assert!(bad.parse::<Labels>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ends_are_two_numbers() {
        assert_eq!("3,8".parse::<Ends>(), Ok(Ends(3, 8)));
        assert!("3".parse::<Ends>().is_err());
    }
}
