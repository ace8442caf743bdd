use std::ops::Range;

use anyhow::{Result, bail};
use diffusion::{SamplerConfig, SolverConfig};
use train::{RunConfig, TrainedModel};

use crate::args::{Args, Ends};

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
    /// Checks the arguments against a model and the sampler of its run.
    ///
    /// # Errors
    ///
    /// The first argument that does not fit.
    pub fn new(args: &Args, model: &TrainedModel, config: &RunConfig) -> Result<Self> {
        if args.number == 0 || args.batch == 0 {
            bail!("-n and --batch must be at least 1");
        }
        let sampler = sampler(args, config)?;
        sampler.levels(&model.schedule)?;
        if !args.guidance_scale.is_finite() {
            bail!("--guidance-scale {}: it must be a finite number", args.guidance_scale);
        }
        if args.guidance_scale != 1.0 && config.train.cond_drop_prob == 0.0 {
            bail!("--guidance-scale: this model never learnt without classes (train.cond_drop_prob was 0)");
        }
        if args.interpolate.is_some() && !sampler.solver.is_deterministic() {
            bail!("--interpolate needs a deterministic sampler: add --sampler ddim --eta 0");
        }
        Ok(Self {
            sampler,
            classes: classes(args, model.num_classes)?,
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
        let (solver, eta) = match &self.sampler.solver {
            SolverConfig::Ancestral { variance } => {
                (format!("ancestral ({variance:?})").to_lowercase(), None)
            }
            SolverConfig::Ddim { eta } => ("ddim".to_owned(), Some(eta)),
            other => (format!("{other:?}").to_lowercase(), None),
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

fn sampler(args: &Args, config: &RunConfig) -> Result<SamplerConfig> {
    let own = config.sample.clone();
    let steps = args.steps.unwrap_or(own.steps);
    let whole = steps == config.diffusion.num_train_timesteps;
    let mut solver = match args.sampler {
        Some(name) if !name.names(&own.solver) => name.solver(whole),
        _ => own.solver,
    };
    if let Some(eta) = args.eta {
        let own = match &mut solver {
            SolverConfig::Ddim { eta } | SolverConfig::Midpoint { eta } | SolverConfig::Tcd { eta } => eta,
            _ => bail!("--eta belongs to the ddim sampler: add --sampler ddim"),
        };
        if !(0.0..=1.0).contains(&eta) {
            bail!("--eta {eta}: it must be in [0, 1]");
        }
        *own = eta;
    }
    Ok(SamplerConfig { solver, steps, ..own })
}

fn classes(args: &Args, num_classes: Option<usize>) -> Result<Option<Vec<usize>>> {
    let asked = args.labels.as_ref().map(|labels| labels.0.clone()).or(args.label.map(|label| vec![label]));
    let Some(count) = num_classes else {
        if asked.is_some() || args.guidance_scale != 1.0 {
            bail!("this model knows no classes: leave out --label, --labels and --guidance-scale");
        }
        return Ok(None);
    };
    // A walk is between two noises of one class.
    let one = args.interpolate.map(|_| vec![0]);
    let list = asked.or(one).unwrap_or_else(|| (0..count).collect());
    if let Some(label) = list.iter().find(|&&label| label >= count) {
        bail!("no class {label}: this model has classes 0..{}", count - 1);
    }
    Ok(Some(list))
}
