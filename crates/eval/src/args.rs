use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use backend::BackendName;
use clap::{Parser, ValueEnum};
use diffusion::SamplerConfig;
use infer::Sampler;
use train::RunConfig;

use crate::metric::Metric;
use crate::weights::Kind;

/// Judge a trained run: sample quality, memorisation, likelihood.
///
/// Without arguments: the checkpoint that comes with the project. The cost is stated before anything is computed. What is
/// computed is kept under the run's eval/ at once: after an interruption the same command goes on.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Args {
    /// The run to judge.
    #[arg(long, value_name = "FOLDER", default_value = "checkpoints/digits-ddpm")]
    pub run: PathBuf,
    /// What to measure, separated by commas; all that the run and its data allow unless given.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub metrics: Vec<Metric>,
    /// Images to draw for each seed.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub samples: usize,
    /// Sampling steps; the run's own unless given.
    #[arg(long)]
    pub steps: Option<usize>,
    /// Solver; the run's own unless given. Ancestral draws with the large variance over the whole chain, else the small.
    #[arg(long)]
    pub sampler: Option<Sampler>,
    /// Classifier-free guidance; 1 is off.
    #[arg(long, default_value_t = 1.0, value_name = "W")]
    pub guidance_scale: f64,
    /// Seeds 0, 1, ... to repeat everything with.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub seeds: u64,
    /// Test images whose likelihood is measured, others for each seed.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub likelihoods: usize,
    /// Relative and absolute error of a step of the ODE of `nll_exact`; a hundredth costs ten times as much.
    #[arg(long, default_value_t = 1e-3, value_name = "X")]
    pub tolerance: f64,
    /// Which weights; both where the run has both unless given.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub weights: Vec<Kind>,
    /// Steps of training each in-house classifier; figures of different classifiers do not compare.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub classifier_steps: usize,
    /// Inception's weights as pytorch-fid has them, as safetensors, for `fid`.
    #[arg(long, value_name = "FILE")]
    pub inception: Option<PathBuf>,
    /// Where results go [default: eval/ in the run].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Of a cascade: draw with several levels s of conditioning augmentation, and record the best with the cascade.
    #[arg(long, value_name = "WHAT")]
    pub sweep: Option<Sweep>,
    /// Which s; nine from 0 to the largest that the stage was trained with unless given.
    #[arg(long, value_delimiter = ',', value_name = "LIST", requires = "sweep")]
    pub levels: Vec<usize>,
    /// Say what it would cost, and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Images drawn at once: bounds the memory, changes nothing else.
    #[arg(long, default_value_t = 250)]
    pub batch: usize,
    /// Backend: flex, ndarray, cpu, wgpu, vulkan, metal, cuda, rocm or tch.
    #[arg(long, default_value = "flex")]
    pub backend: BackendName,
    /// Which device of the backend.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub device: usize,
}

impl Args {
    /// How a model is drawn from.
    ///
    /// # Errors
    ///
    /// If its chain has no such steps.
    pub(crate) fn sampler(&self, config: &RunConfig) -> Result<SamplerConfig> {
        let own = &config.sample;
        let steps = self.steps.unwrap_or(own.steps);
        let whole = steps == config.diffusion.num_train_timesteps;
        let solver = match self.sampler {
            Some(name) if !name.names(&own.solver) => name.solver(whole),
            _ => own.solver.clone(),
        };
        let sampler = SamplerConfig { solver, steps, ..own.clone() };
        sampler.levels(&config.curve()?).context("--steps")?;
        Ok(sampler)
    }

    /// How strongly it is guided.
    ///
    /// # Errors
    ///
    /// If it cannot be.
    pub(crate) fn guidance_scale(&self, config: &RunConfig) -> Result<f64> {
        let guidable = config.model.num_classes.is_some() && config.train.cond_drop_prob > 0.0;
        if !self.guidance_scale.is_finite() || (self.guidance_scale != 1.0 && !guidable) {
            bail!("--guidance-scale {}: this model never learnt without classes", self.guidance_scale);
        }
        Ok(self.guidance_scale)
    }
}

/// What is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sweep {
    /// The steps of noise that the last stage's low-resolution images have.
    S,
}
