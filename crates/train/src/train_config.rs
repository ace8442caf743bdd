use burn::tensor::Device;
use schedules::Weighting;
use serde::{Deserialize, Serialize};

use crate::objective_config::{ObjectiveConfig, TimestepSampling};

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
    /// Whether what a block computes is computed again for its gradient instead of kept: less memory, more time.
    pub gradient_checkpointing: bool,
    /// What the network's matrix products are made of while it trains.
    pub precision: Precision,
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
    /// What is minimised.
    pub objective: ObjectiveConfig,
    /// Weight of the squared error at each noise level.
    pub weighting: Weighting,
    /// How timesteps are drawn.
    pub timesteps: TimestepSampling,
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

/// What matrix products are made of. Weights, sums and everything else are in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Numbers of 32 bits.
    #[default]
    F32,
    /// Rounded to bfloat16: faster on CPUs with AVX512-BF16, slower on others.
    Bf16,
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
            gradient_checkpointing: false,
            precision: Precision::F32,
            learning_rate: 2e-4,
            lr_schedule: LrSchedule::Constant,
            warmup_steps: 500,
            weight_decay: 0.01,
            betas: [0.9, 0.999],
            adam_eps: 1e-8,
            grad_clip: 1.0,
            ema_decay: 0.9999,
            objective: ObjectiveConfig::default(),
            weighting: Weighting::Uniform,
            timesteps: TimestepSampling::default(),
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

impl TrainConfig {
    /// The device that gradients are tracked on.
    pub(crate) fn autodiff(&self, device: &Device) -> Device {
        let device = device.clone().autodiff();
        if self.gradient_checkpointing { device.gradient_checkpointing() } else { device }
    }

    /// With the keys that may change between sessions of a run at their defaults.
    pub(crate) fn lasting(self) -> Self {
        let free = Self::default();
        Self {
            steps: if self.lr_schedule == LrSchedule::Constant { free.steps } else { self.steps },
            workers: free.workers,
            keep_last: free.keep_last,
            checkpoint_every: free.checkpoint_every,
            eval_every: free.eval_every,
            eval_images: free.eval_images,
            sample_every: free.sample_every,
            sample_images: free.sample_images,
            sample_guidance_scale: free.sample_guidance_scale,
            ..self
        }
    }

    /// Refuses the keys of systems with classes or noise levels, for one without.
    ///
    /// # Errors
    ///
    /// The first that is given.
    pub(crate) fn refuse_guidance(&self) -> Result<(), String> {
        if self.weighting != Self::default().weighting {
            return Err("weighting is of systems with noise levels: leave it out".into());
        }
        self.refuse_classes()
    }

    /// Refuses the keys of systems with classes, for one without.
    ///
    /// # Errors
    ///
    /// The first that is given.
    pub(crate) fn refuse_classes(&self) -> Result<(), String> {
        let default = Self::default();
        let strange = [
            ("cond_drop_prob", self.cond_drop_prob != default.cond_drop_prob),
            ("conditional", self.conditional != default.conditional),
            ("sample_guidance_scale", self.sample_guidance_scale != default.sample_guidance_scale),
        ];
        match strange.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(format!("{key} is of systems with classes: leave it out")),
            None => Ok(()),
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub(crate) fn validate(&self) -> Result<(), String> {
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
        let decay = self.weight_decay * self.learning_rate;
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
            (
                "weight_decay times learning_rate",
                decay,
                decay <= 1.0,
                "at most 1: a step takes that share of each weight away",
            ),
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
