use std::ops::Range;

use anyhow::{Result, bail};
use diffusion::{SamplerConfig, SolverConfig};
use schedules::FixedVariance;
use train::TrainedModel;

use crate::args::{Args, Ends, Sampler};

/// What a model is drawn from with, unless the arguments say otherwise.
#[derive(Clone, Copy, Debug)]
pub struct OwnSampler {
    /// Solver, spacing and steps.
    pub sampler: SamplerConfig,
    /// Whether the model has learnt without classes, as guidance needs.
    pub guidable: bool,
}

/// What is drawn: the arguments, checked against the model.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Solver, spacing and steps.
    pub sampler: SamplerConfig,
    /// The classes that images take in turn, for a conditional model.
    pub classes: Option<Vec<usize>>,
    /// How many images.
    pub number: usize,
    /// Classifier-free guidance; 1 is off.
    pub guidance_scale: f64,
    /// Seed of the noise.
    pub seed: u64,
    /// Images to walk between.
    pub interpolate: Option<Ends>,
}

impl Plan {
    /// Checks the arguments against a model and its own sampler.
    ///
    /// # Errors
    ///
    /// The first argument that does not fit.
    pub fn new(args: &Args, model: &TrainedModel, own: &OwnSampler) -> Result<Self> {
        if args.number == 0 || args.batch == 0 {
            bail!("-n and --batch must be at least 1");
        }
        let sampler = sampler(args, own.sampler, model.schedule.num_train_timesteps())?;
        sampler.levels(&model.schedule)?;
        if !args.guidance_scale.is_finite() {
            bail!("--guidance-scale {}: it must be a finite number", args.guidance_scale);
        }
        if args.guidance_scale != 1.0 && model.num_classes.is_some() && !own.guidable {
            bail!("--guidance-scale: this model never learnt without classes");
        }
        if args.interpolate.is_some() && !is_deterministic(sampler.solver) {
            bail!("--interpolate needs a deterministic sampler: add --sampler ddim --eta 0");
        }
        Ok(Self {
            sampler,
            classes: classes(args, model)?,
            number: args.number,
            guidance_scale: args.guidance_scale,
            seed: args.seed,
            interpolate: args.interpolate,
        })
    }

    /// The class of each of some images, for a conditional model.
    pub fn labels(&self, images: Range<usize>) -> Option<Vec<usize>> {
        let classes = self.classes.as_ref()?;
        Some(images.map(|image| classes[image % classes.len()]).collect())
    }

    /// The settings as they are printed and written into pictures.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let (solver, eta) = match self.sampler.solver {
            SolverConfig::Ancestral { variance } => {
                (format!("ancestral ({variance:?})").to_lowercase(), None)
            }
            SolverConfig::Ddim { eta } => ("ddim".to_owned(), Some(eta)),
        };
        let mut settings = vec![("seed", self.seed.to_string()), ("sampler", solver)];
        settings.extend(eta.map(|eta| ("eta", eta.to_string())));
        settings.push(("steps", self.sampler.steps.to_string()));
        settings.push(("spacing", format!("{:?}", self.sampler.spacing).to_lowercase()));
        if let Some(classes) = &self.classes {
            let classes: Vec<String> = classes.iter().map(usize::to_string).collect();
            settings.push(("labels", classes.join(",")));
            settings.push(("guidance_scale", self.guidance_scale.to_string()));
        }
        settings.extend(self.interpolate.map(|Ends(a, b)| ("interpolate", format!("{a},{b}"))));
        settings
    }
}

fn sampler(args: &Args, own: SamplerConfig, num_train_timesteps: usize) -> Result<SamplerConfig> {
    let steps = args.steps.unwrap_or(own.steps);
    let solver = match (args.sampler, own.solver) {
        (Some(Sampler::Ddim), SolverConfig::Ancestral { .. }) => SolverConfig::Ddim { eta: 0.0 },
        (Some(Sampler::Ancestral), SolverConfig::Ddim { .. }) => {
            // The large variance is too large for long steps (Song et al. 2020, table 1).
            let whole = steps == num_train_timesteps;
            SolverConfig::Ancestral {
                variance: if whole { FixedVariance::Large } else { FixedVariance::Small },
            }
        }
        (_, own) => own,
    };
    let solver = match (args.eta, solver) {
        (None, solver) => solver,
        (Some(eta), SolverConfig::Ddim { .. }) if (0.0..=1.0).contains(&eta) => SolverConfig::Ddim { eta },
        (Some(eta), SolverConfig::Ddim { .. }) => bail!("--eta {eta}: it must be in [0, 1]"),
        (Some(_), SolverConfig::Ancestral { .. }) => {
            bail!("--eta belongs to the ddim sampler: add --sampler ddim")
        }
    };
    Ok(SamplerConfig { solver, steps, ..own })
}

fn is_deterministic(solver: SolverConfig) -> bool {
    matches!(solver, SolverConfig::Ddim { eta: 0.0 })
}

fn classes(args: &Args, model: &TrainedModel) -> Result<Option<Vec<usize>>> {
    let asked = match (&args.labels, &args.label) {
        (Some(labels), _) => Some(&labels.0[..]),
        (None, label) => label.as_ref().map(std::slice::from_ref),
    };
    let Some(count) = model.num_classes else {
        if asked.is_some() || args.guidance_scale != 1.0 {
            bail!("this model knows no classes: leave out --label, --labels and --guidance-scale");
        }
        return Ok(None);
    };
    Ok(Some(match asked {
        Some(asked) => asked.iter().map(|text| class(text, count, model)).collect::<Result<_>>()?,
        // A walk is between two noises of one class.
        None if args.interpolate.is_some() => vec![0],
        None => (0..count).collect(),
    }))
}

/// The class of a name, or else of a number.
fn class(text: &str, count: usize, model: &TrainedModel) -> Result<usize> {
    let names = model.class_names.as_deref().unwrap_or_default();
    if let Some(named) = names.iter().position(|name| name == text) {
        return Ok(named);
    }
    match text.parse() {
        Ok(number) if number < count => Ok(number),
        _ if names.is_empty() => bail!("no class {text}: this model has classes 0..{}", count - 1),
        _ => bail!("no class {text}: this model has {}", names.join(", ")),
    }
}
