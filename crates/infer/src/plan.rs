use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, bail};
use data::read_png_text;
use diffusion::{Limit, SamplerConfig, SolverConfig};
use schedules::Curve;
use terminal::nearest;
use train::{FrozenFirstStage, TrainedModel, shown_classes};

use crate::args::{Args, Ends};
use crate::classifier_guide::ClassifierGuide;
use crate::draw::SHOWS;
use crate::edit::Edit;
use crate::sampler::name;
use crate::sheet::Contents;
use crate::told::Prompts;
use crate::walk::Walk;

/// How many images are drawn unless the arguments say it.
const DEFAULT_NUMBER: usize = 16;
/// Names of classes in a message at most.
const SHOWN: usize = 20;
/// How many are drawn at once.
const DEFAULT_BATCH: usize = 64;

/// What a model is drawn from with, unless the arguments say otherwise.
#[derive(Clone, Debug)]
pub struct OwnSampler {
    /// How its images are reached.
    pub walk: Walk,
    /// Whether the model has learnt without classes.
    pub guidable: bool,
    /// The classifier beside it.
    pub guide: Option<Arc<ClassifierGuide>>,
    /// Whether its network is shown the image that is changed, instead of beginning with it.
    pub image_conditioned: bool,
    /// Whether its classes stand for prompts.
    pub text_conditioned: bool,
}

/// What is drawn: the arguments, checked against the model.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How images are reached.
    pub walk: Walk,
    /// Steps of one batch, those of an edit included.
    pub steps: usize,
    /// The classes that images take in turn, for a conditional model.
    pub classes: Option<Vec<usize>>,
    /// Names of all classes, where they have some.
    pub class_names: Vec<String>,
    /// Whether the model has learnt the variance of a reverse step.
    pub learned_variance: bool,
    /// How many images.
    pub number: usize,
    /// How many at once.
    pub batch: usize,
    /// Classifier-free guidance; 1 is off.
    pub guidance_scale: f64,
    /// What else leads images to their classes.
    pub guide: Option<Arc<ClassifierGuide>>,
    /// How predicted clean images are limited, where not as the model has it.
    pub limit: Option<Limit>,
    /// Seed of the noise.
    pub seed: u64,
    /// Images to walk between.
    pub interpolate: Option<Ends>,
    /// The image to change.
    pub edit: Option<Edit>,
    /// What the classes stand for, where the model knows words.
    pub prompts: Option<Prompts>,
    /// Whether all images begin with the noise of the first.
    pub one_noise: bool,
}

impl Plan {
    /// Checks the arguments against a model, its own sampler and, where it draws latents, their first stage.
    ///
    /// # Errors
    ///
    /// The first argument that does not fit.
    pub fn new<N>(
        args: &Args,
        model: &TrainedModel<N>,
        own: &OwnSampler,
        first_stage: Option<&FrozenFirstStage>,
    ) -> Result<Self> {
        let (number, guidance_scale) =
            (args.number.unwrap_or(DEFAULT_NUMBER), args.guidance_scale.unwrap_or(1.0));
        let batch = args.batch(number, DEFAULT_BATCH)?;
        let walk = walk(args, own.walk.clone(), &model.curve)?;
        let levels = walk.levels(model)?;
        if !guidance_scale.is_finite() {
            bail!("--guidance-scale {guidance_scale}: it must be a finite number");
        }
        if args.interpolate.is_some() && !walk.is_deterministic() {
            bail!("--interpolate needs a deterministic sampler: add --sampler ddim --eta 0");
        }
        let edit = match first_stage {
            _ if own.image_conditioned => None,
            None => Edit::new(&args.edit, model.image_shape)?,
            Some(stage) => {
                let edit = Edit::new(&args.edit, stage.image_shape(model.image_shape))?;
                edit.map(|edit| edit.of_latents(stage, model.image_shape)).transpose()?
            }
        };
        if args.interpolate.is_some() && edit.as_ref().is_some_and(Edit::draws_noise) {
            bail!("--interpolate needs a walk without noise: leave out --inpaint repaint");
        }
        let levels = edit.as_ref().map_or(Ok(levels.clone()), |edit| edit.levels(&levels))?;
        Ok(Self {
            steps: levels.len() - 1,
            walk,
            classes: classes(args, model, own)?,
            class_names: class_names(model, own.guide.as_deref()).to_vec(),
            learned_variance: model.variance.is_some(),
            number,
            batch,
            guidance_scale,
            guide: own.guide.clone(),
            limit: dynamic_limit(args)?,
            seed: args.seed,
            interpolate: args.interpolate,
            edit,
            prompts: None,
            one_noise: false,
        })
    }

    /// The class of each of some images, for a conditional model.
    pub fn labels(&self, images: Range<usize>) -> Option<Vec<usize>> {
        let classes = self.classes.as_ref()?;
        Some(images.map(|image| classes[image % classes.len()]).collect())
    }

    /// What the images show in turn: prompts, or classes by name or number; empty for a model without.
    pub fn subjects(&self) -> Vec<String> {
        if let Some(prompts) = &self.prompts {
            let says_something = prompts.prompts.iter().any(|prompt| !prompt.is_empty());
            return if says_something { prompts.prompts.clone() } else { Vec::new() };
        }
        let name = |&class: &usize| self.class_names.get(class).cloned().unwrap_or(class.to_string());
        self.classes.iter().flatten().map(name).collect()
    }

    /// What the grid shows.
    pub fn contents(&self) -> Contents {
        Contents {
            subjects: self.subjects(),
            walk: self.one_noise || self.interpolate.is_some(),
            original: self.edit.as_ref().map(|edit| edit.original().to_vec()),
            title: String::new(),
        }
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![("seed", self.seed.to_string())];
        settings.extend(self.walk.describe(self.learned_variance));
        if let Some(prompts) = &self.prompts {
            settings.extend(prompts.describe());
            settings.push(("guidance_scale", self.guidance_scale.to_string()));
        } else if let Some(classes) = &self.classes {
            let classes: Vec<String> = classes.iter().map(usize::to_string).collect();
            settings.push(("labels", classes.join(",")));
            settings.push(("guidance_scale", self.guidance_scale.to_string()));
        }
        settings.extend(self.guide.iter().flat_map(|guide| guide.describe()));
        if let Some(Limit::Dynamic { ratio, .. }) = self.limit {
            settings.push(("dynamic_threshold", ratio.to_string()));
        }
        settings.extend(self.edit.iter().flat_map(Edit::describe));
        settings.extend(self.interpolate.map(|Ends(a, b)| ("interpolate", format!("{a},{b}"))));
        settings
    }
}

/// The walk that the arguments ask for, instead of a model's own.
pub(crate) fn walk(args: &Args, own: Walk, curve: &Curve) -> Result<Walk> {
    if let Some(eta) = args.eta.filter(|eta| !(0.0..=1.0).contains(eta)) {
        bail!("--eta {eta}: it must be in [0, 1]");
    }
    let sampler = match own {
        Walk::Folder(sampler) if args.sampler.is_none() => {
            let sampler = sampler.called(|call| {
                call.num_inference_steps = args.steps.or(call.num_inference_steps);
                call.eta = args.eta.or(call.eta);
            });
            return Ok(Walk::Folder(Box::new(sampler?)));
        }
        Walk::Folder(sampler) => {
            SamplerConfig { steps: Walk::Folder(sampler).steps(), ..SamplerConfig::default() }
        }
        Walk::Configured(sampler) => sampler,
    };
    let steps = args.steps.unwrap_or(sampler.steps);
    let mut solver = match args.sampler {
        Some(name) if !name.names(&sampler.solver) => {
            name.solver(curve.chain().is_some_and(|chain| chain.num_train_timesteps() == steps))
        }
        _ => sampler.solver,
    };
    if let Some(eta) = args.eta {
        let own = match &mut solver {
            SolverConfig::Ddim { eta } | SolverConfig::Midpoint { eta } | SolverConfig::Tcd { eta } => eta,
            other => bail!("--eta: {} does not use it: add --sampler ddim, dpm2 or tcd", name(other)),
        };
        *own = eta;
    }
    let spacing = args.spacing.clone().unwrap_or(sampler.spacing);
    Ok(Walk::Configured(SamplerConfig { solver, spacing, steps, ..sampler }))
}

/// How `--dynamic-threshold` limits clean images; as far out as they are, as in Imagen.
pub(crate) fn dynamic_limit(args: &Args) -> Result<Option<Limit>> {
    match args.dynamic_threshold {
        Some(ratio) if !(ratio > 0.0 && ratio <= 1.0) => {
            bail!("--dynamic-threshold {ratio}: it must be above 0 and at most 1")
        }
        ratio => Ok(ratio.map(|ratio| Limit::Dynamic { ratio, max: f64::from(f32::MAX) })),
    }
}

fn classes<N>(args: &Args, model: &TrainedModel<N>, own: &OwnSampler) -> Result<Option<Vec<usize>>> {
    let guide = own.guide.as_deref();
    let asked = match (&args.labels, &args.label) {
        (Some(labels), _) => Some(&labels.0[..]),
        (None, label) => label.as_ref().map(std::slice::from_ref),
    };
    let known = model.num_classes.or(guide.map(|guide| guide.classifier.num_classes()));
    let Some(count) = known else { return Ok(None) };
    let names = class_names(model, guide);
    let of_guide = guide.map(|guide| &guide.classifier.config.empty_classes[..]);
    let empty = model.num_classes.map_or(of_guide.unwrap_or_default(), |_| &model.empty_classes);
    let shown = shown_classes(count, empty);
    Ok(Some(match (asked, &args.edit.init_image) {
        (Some(asked), _) => {
            let asked: Vec<usize> =
                asked.iter().map(|text| class(text, count, names)).collect::<Result<_>>()?;
            warn_of_empty(&asked, empty);
            asked
        }
        (None, Some(image)) if !own.text_conditioned => {
            let without =
                own.guidable && guide.is_none() && args.guidance_scale.is_none_or(|scale| scale == 1.0);
            match read_png_text(image, SHOWS).and_then(|text| class(&text, count, names).ok()) {
                Some(class) => vec![class],
                None if without => return Ok(None),
                None => bail!(
                    "--init-image: {} does not say what it shows: add --label, or --labels for several in turn",
                    image.display()
                ),
            }
        }
        // A walk is between two noises of one class.
        _ if args.interpolate.is_some() => vec![shown[0]],
        _ => shown,
    }))
}

/// Says which of the classes that are asked for the model has never seen.
fn warn_of_empty(asked: &[usize], empty: &[usize]) {
    let mut unseen: Vec<usize> = asked.iter().copied().filter(|class| empty.contains(class)).collect();
    unseen.sort_unstable();
    unseen.dedup();
    if !unseen.is_empty() {
        let unseen: Vec<String> = unseen.iter().map(usize::to_string).collect();
        let unseen = unseen.join(", ");
        terminal::warn(format_args!("no training image shows class {unseen}: nothing was learnt of it"));
    }
}

fn class_names<'a, N>(model: &'a TrainedModel<N>, guide: Option<&'a ClassifierGuide>) -> &'a [String] {
    let of_guide = guide.and_then(|guide| guide.classifier.config.class_names.as_deref());
    model.class_names.as_deref().or(of_guide).unwrap_or_default()
}

/// The class of a name, or else of a number.
fn class(text: &str, count: usize, names: &[String]) -> Result<usize> {
    if let Some(named) = names.iter().position(|name| name == text) {
        return Ok(named);
    }
    match text.parse() {
        Ok(number) if number < count => Ok(number),
        _ if names.is_empty() => bail!("no class {text}: this model has classes 0..{}", count - 1),
        _ if names.len() <= SHOWN => bail!("no class {text}: this model has {}", names.join(", ")),
        _ => match nearest(text, names) {
            Some(name) => bail!("no class {text}: did you mean {name}?"),
            None => {
                bail!("no class {text}: this model has {}, and {count} in all", names[..SHOWN].join(", "))
            }
        },
    }
}
