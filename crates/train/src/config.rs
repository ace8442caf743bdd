use std::fs;
use std::path::Path;

use data::DatasetConfig;
use diffusion::{DiffusionError, Parameterization, SamplerConfig};
use schedules::{NoiseLevel, Schedule, ScheduleConfig, Weighting};
use serde::{Deserialize, Serialize};
use unet::{ClassInput, TimeEncoding, UNetConfig};

use crate::error::TrainError;

/// Everything that decides what a run learns: `runs/<name>/config.toml`.
///
/// In a config file every key may be left out but `[dataset]`; an unknown key is an error. Keys of `[model]` that
/// the data decide (`image_size`, `in_channels`, `out_channels`, `num_classes`) are filled in from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The one seed: weights, batches, noise and previews.
    #[serde(default)]
    pub seed: u64,
    /// Names of the classes, by which `infer --labels` may call them; filled in from data that have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    /// The images.
    pub dataset: DatasetConfig,
    /// The network.
    #[serde(default)]
    pub model: UNetConfig,
    /// What the network predicts, and along which chain.
    #[serde(default)]
    pub diffusion: DiffusionConfig,
    /// How it is trained.
    #[serde(default)]
    pub train: TrainConfig,
    /// How previews are drawn, and how `infer` draws unless told otherwise.
    #[serde(default)]
    pub sample: SamplerConfig,
}

/// The chain and the meaning of the network's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionConfig {
    /// Length T of the chain.
    pub num_train_timesteps: usize,
    /// Noise law.
    pub schedule: ScheduleConfig,
    /// What the network predicts.
    pub parameterization: Parameterization,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            schedule: ScheduleConfig::default(),
            parameterization: Parameterization::default(),
        }
    }
}

/// Optimisation, and how often to look and to save.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimizer steps.
    pub steps: usize,
    /// Images in a batch.
    pub batch_size: usize,
    /// Batches whose gradients are averaged for one optimizer step.
    pub grad_accumulation: usize,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// The learning rate after the warm-up: constant, or half a cosine that reaches 0 one step after the last.
    pub lr_schedule: LrSchedule,
    /// Steps over which the learning rate rises linearly.
    pub warmup_steps: usize,
    /// AdamW's decay of the weights, as in torch.
    pub weight_decay: f64,
    /// AdamW's averaging of gradients and squared gradients, as in torch.
    pub betas: [f64; 2],
    /// AdamW's epsilon, as in torch.
    pub adam_eps: f64,
    /// Largest norm of all gradients together; 0 switches clipping off.
    pub grad_clip: f64,
    /// Decay of the averaged weights that are sampled from; less in the first steps: `(1 + step) / (10 + step)`.
    pub ema_decay: f64,
    /// Weight of the loss at each noise level.
    pub weighting: Weighting,
    /// Whether the labels of the data are used.
    pub conditional: bool,
    /// Probability of hiding a label, so that classifier-free guidance can be used.
    pub cond_drop_prob: f64,
    /// Threads that prepare batches ahead of the training.
    pub workers: usize,
    /// Steps between validations.
    pub eval_every: usize,
    /// Validation images, each with a fixed noise at a fixed timestep.
    pub eval_images: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
    /// Checkpoints to keep beside the best one.
    pub keep_last: usize,
    /// Steps between preview grids; 0 draws one at the end only.
    pub sample_every: usize,
    /// Images of a preview, classes in turn.
    pub sample_images: usize,
    /// Classifier-free guidance of previews; 1 is off.
    pub sample_guidance_scale: f64,
}

/// The learning rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrSchedule {
    /// Stays (DDPM).
    #[default]
    Constant,
    /// Falls to 0 along half a cosine (Loshchilov & Hutter 2016).
    Cosine,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 100_000,
            batch_size: 64,
            grad_accumulation: 1,
            learning_rate: 2e-4,
            lr_schedule: LrSchedule::Constant,
            warmup_steps: 500,
            weight_decay: 0.01,
            betas: [0.9, 0.999],
            adam_eps: 1e-8,
            grad_clip: 1.0,
            ema_decay: 0.9999,
            weighting: Weighting::Uniform,
            conditional: true,
            cond_drop_prob: 0.1,
            workers: 1,
            eval_every: 1000,
            eval_images: 512,
            checkpoint_every: 1000,
            keep_last: 2,
            sample_every: 1000,
            sample_images: 40,
            sample_guidance_scale: 1.0,
        }
    }
}

impl RunConfig {
    /// Reads the configuration that a run was trained with.
    ///
    /// # Errors
    ///
    /// If there is no run, or its configuration does not parse or fit.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let text = fs::read_to_string(path).map_err(TrainError::io("read the run's configuration", path))?;
        let unfit = |reason: String| TrainError::Config { origin: path.display().to_string(), reason };
        let config: Self = toml::from_str(&text).map_err(|error| unfit(error.to_string()))?;
        config.validate().map_err(unfit)?;
        Ok(config)
    }

    /// The chain.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible.
    pub fn schedule(&self) -> Result<Schedule, TrainError> {
        let built = self.diffusion.schedule.build(self.diffusion.num_train_timesteps);
        built.map_err(|error| TrainError::Config { origin: "[diffusion]".into(), reason: error.to_string() })
    }

    /// The levels that the run's own sampler visits.
    ///
    /// # Errors
    ///
    /// If its steps do not fit the chain.
    pub fn sample_levels(&self, schedule: &Schedule) -> Result<Vec<NoiseLevel>, TrainError> {
        let levels = self.sample.levels(schedule);
        levels.map_err(|error| TrainError::Config { origin: "[sample]".into(), reason: error.to_string() })
    }

    /// Refuses names that are not the classes', and networks that can be read and sampled from but not trained.
    fn validate_model(&self) -> Result<(), String> {
        let model = &self.model;
        if let Some(names) =
            self.class_names.as_ref().filter(|names| Some(names.len()) != self.model.num_classes)
        {
            let classes = self.model.num_classes.unwrap_or(0);
            return Err(format!("class_names has {} names for {classes} classes", names.len()));
        }
        if model.class_input != ClassInput::Label || !model.null_class {
            return Err(
                "class_input and null_class: a run gives labels, and hides some of them: leave both out"
                    .into(),
            );
        }
        if model.time_encoding == TimeEncoding::Fourier {
            return Err(
                "time_encoding = \"fourier\" is for noise levels, but a run gives timesteps from 0".into()
            );
        }
        let length = self.diffusion.num_train_timesteps;
        match model.num_timesteps {
            Some(known) if known < length => {
                Err(format!("num_timesteps = {known}: the chain has {length}: set it to that"))
            }
            _ => Ok(()),
        }
    }

    fn validate_sampler(&self, schedule: &Schedule) -> Result<(), String> {
        self.sample.solver.validate().map_err(|error| format!("[sample]: {error}"))?;
        let alpha = schedule.level(schedule.num_train_timesteps() - 1).alpha;
        if alpha < 1e-6 && self.diffusion.parameterization == Parameterization::Eps {
            return Err(DiffusionError::NoSignal { alpha }.to_string());
        }
        let scale = self.train.sample_guidance_scale;
        if scale != 1.0 && (self.model.num_classes.is_none() || self.train.cond_drop_prob == 0.0) {
            return Err(format!(
                "[train]: sample_guidance_scale = {scale}: guidance needs classes that are sometimes hidden: \
                 set cond_drop_prob above 0 on labelled data"
            ));
        }
        Ok(())
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub fn validate(&self) -> Result<(), String> {
        self.model.validate().map_err(|error| format!("[model]: {error}"))?;
        self.validate_model().map_err(|error| format!("[model]: {error}"))?;
        let schedule = self.schedule().map_err(|error| error.to_string())?;
        self.sample_levels(&schedule).map_err(|error| error.to_string())?;
        self.validate_sampler(&schedule)?;
        self.train.validate().map_err(|error| format!("[train]: {error}"))
    }
}

impl TrainConfig {
    fn validate(&self) -> Result<(), String> {
        let counts = [
            ("steps", self.steps),
            ("batch_size", self.batch_size),
            ("grad_accumulation", self.grad_accumulation),
            ("eval_every", self.eval_every),
            ("eval_images", self.eval_images),
            ("checkpoint_every", self.checkpoint_every),
            ("keep_last", self.keep_last),
            ("workers", self.workers),
            ("sample_images", self.sample_images),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key} is 0: it must be at least 1"));
        }
        let limits = [
            ("batch_size", self.batch_size, 1 << 20),
            ("grad_accumulation", self.grad_accumulation, 1 << 20),
            ("workers", self.workers, 256),
            ("sample_images", self.sample_images, 10_000),
        ];
        if let Some((key, value, most)) = limits.into_iter().find(|(_, value, most)| value > most) {
            return Err(format!("{key} = {value}: it must be at most {most}"));
        }
        let gamma = match self.weighting {
            Weighting::MinSnr { gamma } => gamma,
            Weighting::Uniform => 1.0,
        };
        let below_one = |value: f64| (0.0..1.0).contains(&value);
        let ranges = [
            (
                "learning_rate",
                self.learning_rate,
                self.learning_rate > 0.0 && self.learning_rate <= 1.0,
                "in (0, 1]",
            ),
            ("ema_decay", self.ema_decay, below_one(self.ema_decay), "in [0, 1)"),
            ("betas[0]", self.betas[0], below_one(self.betas[0]), "in [0, 1)"),
            ("betas[1]", self.betas[1], below_one(self.betas[1]), "in [0, 1)"),
            ("cond_drop_prob", self.cond_drop_prob, (0.0..=1.0).contains(&self.cond_drop_prob), "in [0, 1]"),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0.0, "at least 0"),
            ("adam_eps", self.adam_eps, self.adam_eps > 0.0, "above 0"),
            ("grad_clip", self.grad_clip, self.grad_clip >= 0.0, "at least 0"),
            ("weighting.gamma", gamma, gamma > 0.0, "above 0"),
            (
                "sample_guidance_scale",
                self.sample_guidance_scale,
                self.sample_guidance_scale.is_finite(),
                "a finite number",
            ),
        ];
        match ranges.into_iter().find(|(_, _, fits, _)| !fits) {
            Some((key, value, _, range)) => Err(format!("{key} = {value}: it must be {range}")),
            None => Ok(()),
        }
    }
}
