use anyhow::{Result, bail};
use diffusion::{SamplerConfig, SolverConfig};
use schedules::FixedVariance;
use train::TrainedModel;

use crate::args::{Args, Ends, Sampler};

/// What is drawn: the arguments, checked against the model.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Solver, spacing and steps.
    pub sampler: SamplerConfig,
    /// Class of each image, for a conditional model.
    pub labels: Option<Vec<usize>>,
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
    pub fn new(args: &Args, model: &TrainedModel, own: SamplerConfig) -> Result<Self> {
        if args.number == 0 || args.batch == 0 {
            bail!("-n and --batch must be at least 1");
        }
        let sampler = sampler(args, own)?;
        sampler.levels(&model.schedule)?;
        if args.interpolate.is_some() && !is_deterministic(sampler.solver) {
            bail!("--interpolate needs a deterministic sampler: add --sampler ddim --eta 0");
        }
        Ok(Self {
            sampler,
            labels: labels(args, model.num_classes)?,
            number: args.number,
            guidance_scale: args.guidance_scale,
            seed: args.seed,
            interpolate: args.interpolate,
        })
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
        if let Some(labels) = &self.labels {
            let labels: Vec<String> = labels.iter().map(usize::to_string).collect();
            settings.push(("labels", labels.join(",")));
            settings.push(("guidance_scale", self.guidance_scale.to_string()));
        }
        settings.extend(self.interpolate.map(|Ends(a, b)| ("interpolate", format!("{a},{b}"))));
        settings
    }
}

fn sampler(args: &Args, own: SamplerConfig) -> Result<SamplerConfig> {
    let solver = match (args.sampler, own.solver) {
        (Some(Sampler::Ddim), SolverConfig::Ancestral { .. }) => SolverConfig::Ddim { eta: 0.0 },
        (Some(Sampler::Ancestral), SolverConfig::Ddim { .. }) => {
            SolverConfig::Ancestral { variance: FixedVariance::default() }
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
    Ok(SamplerConfig { solver, steps: args.steps.unwrap_or(own.steps), ..own })
}

fn is_deterministic(solver: SolverConfig) -> bool {
    matches!(solver, SolverConfig::Ddim { eta: 0.0 })
}

fn labels(args: &Args, num_classes: Option<usize>) -> Result<Option<Vec<usize>>> {
    let asked = args.labels.as_ref().map(|labels| labels.0.clone()).or(args.label.map(|label| vec![label]));
    let Some(classes) = num_classes else {
        if asked.is_some() || args.guidance_scale != 1.0 {
            bail!("this model knows no classes: leave out --label, --labels and --guidance-scale");
        }
        return Ok(None);
    };
    // A walk is between two noises of one class.
    let one = args.interpolate.map(|_| vec![0]);
    let list = asked.or(one).unwrap_or_else(|| (0..classes).collect());
    if let Some(label) = list.iter().find(|&&label| label >= classes) {
        bail!("no class {label}: this model has classes 0..{}", classes - 1);
    }
    Ok(Some(list.iter().copied().cycle().take(args.number).collect()))
}
