use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use backend::BackendName;
use interop::pipeline::{Defaults, Guidance, ModelIndex, PipelineKind, Task};

use crate::args::Args;
use crate::edit_args::EditArgs;
use crate::plan::walk;
use crate::prompt_args::{Precision, Size};
use crate::walk::Walk;

/// What is drawn from a folder of the reference library's pipelines: the arguments, checked against its index, before
/// any of its weights is read.
#[derive(Clone, Debug)]
pub struct PromptPlan {
    /// The folder.
    pub folder: PathBuf,
    /// What it draws.
    pub kind: PipelineKind,
    /// How images are reached.
    pub walk: Walk,
    /// What the images show, in turn; empty for a folder without text.
    pub prompts: Vec<String>,
    /// What they do not show, in turn.
    pub negatives: Vec<String>,
    /// Whether images lie between the two prompts, instead of taking them in turn.
    pub between: bool,
    /// The classes that they take in turn, if they are asked for.
    pub labels: Option<Vec<usize>>,
    /// How many images.
    pub number: usize,
    /// How many at once.
    pub batch: usize,
    /// How they are guided.
    pub guidance: Guidance,
    /// Layers of a text encoder that are left out.
    pub clip_skip: usize,
    /// Height and width.
    pub size: Option<[usize; 2]>,
    /// Seed of the noise.
    pub seed: u64,
    /// What they begin with.
    pub image: Option<ImagePlan>,
    /// Side of the tiles in which large latents are decoded.
    pub tile: Option<usize>,
    /// Precision of the network and the text encoders.
    pub precision: Precision,
}

/// What is done with an image.
#[derive(Clone, Debug)]
pub struct ImagePlan {
    /// Its file.
    pub path: PathBuf,
    /// Share of the steps that is walked from it.
    pub strength: f64,
    /// A file that is white where the image is drawn anew.
    pub mask: Option<PathBuf>,
    /// The timestep whose noise is added to it, where it is enlarged.
    pub noise_level: usize,
}

impl PromptPlan {
    /// Checks the arguments against a folder.
    ///
    /// # Errors
    ///
    /// If the folder lacks a part, or the first argument that does not fit.
    pub fn new(args: &Args, folder: &Path) -> Result<Self> {
        let index = ModelIndex::read(folder)?;
        let kind = index.checked_kind()?;
        let task = match &args.edit {
            EditArgs { mask: Some(_), .. } => Task::Fill,
            EditArgs { init_image: Some(_), .. } => Task::Change,
            _ => Task::Generate,
        };
        let (sampler, defaults) = (index.sampler(task)?, Defaults::of(kind, task));
        let curve = sampler.scheduler()?.0.grid.curve().clone();
        let own = Walk::Folder(Box::new(sampler));
        let prompts = prompts(args, kind, &index.class)?;
        let labels = labels(args)?;
        let number = args.number.unwrap_or(prompts.len().max(1));
        let batch = args.batch(number, 1)?;
        if args.prompt.between && (prompts.len() != 2 || number < 2) {
            bail!("--between walks from one prompt to another: give two of them, and how many images by -n");
        }
        if let Some(tile @ ..4) = args.prompt.tile {
            bail!("--tile {tile}: it must be at least 4");
        }
        check_precision(args.prompt.dtype, args.backend)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            kind,
            walk: walk(args, own, &curve)?,
            prompts,
            labels,
            between: args.prompt.between,
            negatives: args.prompt.negative.clone(),
            number,
            batch,
            guidance: guidance(args, defaults)?,
            clip_skip: args.prompt.clip_skip.unwrap_or(0),
            size: args.prompt.size.map(|Size(size)| size),
            seed: args.seed,
            image: image(args, kind, defaults)?,
            tile: args.prompt.tile,
            precision: args.prompt.dtype,
        })
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings: Vec<_> = self.prompts.iter().map(|prompt| ("prompt", prompt.clone())).collect();
        if let Some(labels) = &self.labels {
            let labels: Vec<String> = labels.iter().map(usize::to_string).collect();
            settings.push(("labels", labels.join(",")));
        }
        settings.extend(self.negatives.iter().map(|negative| ("negative", negative.clone())));
        settings.extend(self.between.then(|| ("between", "the prompts".to_owned())));
        settings.push(("seed", self.seed.to_string()));
        settings.extend(self.walk.describe(false));
        if !self.prompts.is_empty() {
            settings.push(("guidance_scale", self.guidance.scale.to_string()));
        }
        if self.guidance.rescale != 0.0 {
            settings.push(("guidance_rescale", self.guidance.rescale.to_string()));
        }
        if self.clip_skip != 0 {
            settings.push(("clip_skip", self.clip_skip.to_string()));
        }
        if let Some(image) = &self.image {
            settings.push(("init_image", image.path.display().to_string()));
            settings.push(if self.kind.enlarges() {
                ("noise_level", image.noise_level.to_string())
            } else {
                ("strength", image.strength.to_string())
            });
            settings.extend(image.mask.iter().map(|mask| ("mask", mask.display().to_string())));
        }
        settings
    }
}

fn prompts(args: &Args, kind: PipelineKind, class: &str) -> Result<Vec<String>> {
    let given = &args.prompt.prompt;
    match kind {
        PipelineKind::Ldm => Ok(Vec::new()),
        _ if given.is_empty() => bail!("{class} draws what a text says: add --prompt \"a photo of a cat\""),
        _ => Ok(given.clone()),
    }
}

/// The classes that images take in turn: numbers, because a folder has no names for them.
fn labels(args: &Args) -> Result<Option<Vec<usize>>> {
    let asked = match (&args.labels, &args.label) {
        (Some(labels), _) => labels.0.as_slice(),
        (None, Some(label)) => std::slice::from_ref(label),
        (None, None) => return Ok(None),
    };
    let number = |text: &String| {
        text.parse().with_context(|| format!("--label {text}: a folder knows classes by number only"))
    };
    asked.iter().map(number).collect::<Result<_>>().map(Some)
}

fn guidance(args: &Args, defaults: Defaults) -> Result<Guidance> {
    let scale = args.guidance_scale.unwrap_or(defaults.guidance_scale);
    let rescale = args.prompt.guidance_rescale.unwrap_or(0.0);
    if !scale.is_finite() {
        bail!("--guidance-scale {scale}: it must be a finite number");
    }
    if !(0.0..=1.0).contains(&rescale) {
        bail!("--guidance-rescale {rescale}: it must be in [0, 1]");
    }
    Ok(Guidance { scale, rescale })
}

fn image(args: &Args, kind: PipelineKind, defaults: Defaults) -> Result<Option<ImagePlan>> {
    let edit = &args.edit;
    let Some(path) = &edit.init_image else {
        if kind.enlarges() {
            bail!("this folder enlarges an image: add --init-image FILE");
        }
        return Ok(None);
    };
    let strength = edit.strength.unwrap_or(defaults.strength);
    if !(strength > 0.0 && strength <= 1.0) {
        bail!("--strength {strength}: it must be above 0 and at most 1");
    }
    for file in [Some(path), edit.mask.as_ref()].into_iter().flatten() {
        data::read_picture(file)?;
    }
    Ok(Some(ImagePlan {
        path: path.clone(),
        strength,
        mask: edit.mask.clone(),
        noise_level: args.prompt.noise_level.unwrap_or(kind.default_noise_level()),
    }))
}

/// The kernels of the CPU backends compute in 32 bits.
fn check_precision(precision: Precision, backend: BackendName) -> Result<()> {
    if precision != Precision::F32 && matches!(backend, BackendName::Flex | BackendName::Ndarray) {
        bail!("--dtype: {backend} computes in f32: leave it out, or add --backend with a GPU's");
    }
    Ok(())
}
