use std::path::Path;

use data::{DatasetConfig, Splits};
use diffusion::{DiffusionError, Parameterization, ReverseVariance, SamplerConfig};
use schedules::{Curve, NoiseLevel, Schedule, ScheduleConfig, ScheduleError};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use unet::{AddedInput, ClassInput, TimeEncoding, UNetConfig};

use crate::continuous_law;
use crate::error::TrainError;
use crate::resolve::{decide, name_classes};
use crate::system::{SystemConfig, load_config};
use crate::{EvalConfig, TrainConfig};

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
    /// Classes that no training image shows, which previews and `infer` draw only if asked to; filled in from the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_classes: Vec<usize>,
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
    /// What is measured while it is trained.
    #[serde(default)]
    pub eval: EvalConfig,
    /// How previews are drawn, and how `infer` draws unless told otherwise.
    #[serde(default)]
    pub sample: SamplerConfig,
}

/// The classes of `num_classes` that are not empty; all, if all are said to be.
pub fn shown_classes(num_classes: usize, empty_classes: &[usize]) -> Vec<usize> {
    let shown: Vec<usize> = (0..num_classes).filter(|class| !empty_classes.contains(class)).collect();
    if shown.is_empty() { (0..num_classes).collect() } else { shown }
}

/// The chain and the meaning of the network's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionConfig {
    /// Length T of the chain; of a flow, the timestep of pure noise. EDM's levels are counted in as many parts for metrics.
    pub num_train_timesteps: usize,
    /// Noise law.
    pub schedule: ScheduleConfig,
    /// What the network predicts.
    pub parameterization: Parameterization,
    /// The variance of a reverse step, in the variational bound and, where it is learnt, in sampling.
    pub variance: ReverseVariance,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            schedule: ScheduleConfig::default(),
            parameterization: Parameterization::default(),
            variance: ReverseVariance::default(),
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
        load_config(path)
    }

    /// The classes that images show, of a conditional model.
    pub fn shown_classes(&self) -> Option<Vec<usize>> {
        Some(shown_classes(self.model.num_classes?, &self.empty_classes))
    }

    /// The law of noise.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible.
    pub fn curve(&self) -> Result<Curve, TrainError> {
        self.diffusion.schedule.curve(self.diffusion.num_train_timesteps).map_err(impossible)
    }

    /// The chain.
    ///
    /// # Errors
    ///
    /// If the schedule is impossible, or no chain.
    pub fn schedule(&self) -> Result<Schedule, TrainError> {
        self.diffusion.schedule.build(self.diffusion.num_train_timesteps).map_err(impossible)
    }

    /// Channels of the images, which the network may be shown more than.
    pub fn image_channels(&self) -> usize {
        self.model.out_channels / self.diffusion.variance.output_channels(1)
    }

    /// The levels that the run's own sampler visits.
    ///
    /// # Errors
    ///
    /// If its steps or its spacing do not fit the law.
    pub fn sample_levels(&self, curve: &Curve) -> Result<Vec<NoiseLevel>, TrainError> {
        let levels = self.sample.levels(curve);
        levels.map_err(|error| TrainError::Config { origin: "[sample]".into(), reason: error.to_string() })
    }

    /// Checks what pixels and latents have in common.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    pub(crate) fn validate_denoising(&self) -> Result<(), String> {
        self.model.validate().map_err(|error| format!("[model]: {error}"))?;
        self.validate_model().map_err(|error| format!("[model]: {error}"))?;
        let curve = self.curve().map_err(|error| error.to_string())?;
        self.sample_levels(&curve).map_err(|error| error.to_string())?;
        self.validate_sampler(&curve)?;
        continuous_law::validate(&self.diffusion, &self.train, &self.eval)?;
        self.train.validate().map_err(|error| format!("[train]: {error}"))?;
        let train = &self.train;
        train.objective.validate(self.diffusion.variance, train.weighting, train.timesteps)?;
        self.eval.validate(self.train.eval_every).map_err(|error| format!("[eval]: {error}"))
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
        let classes = model.num_classes.unwrap_or(0);
        if let Some(class) = self.empty_classes.iter().find(|&&class| class >= classes) {
            return Err(format!("empty_classes has {class}, but there are {classes} classes"));
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
        if model.num_timesteps.is_some() && !self.diffusion.schedule.is_chain() {
            return Err(
                "time_encoding = \"learned\" knows whole timesteps, and this schedule has others too: \
                        leave it and num_timesteps out"
                    .into(),
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

    fn validate_sampler(&self, curve: &Curve) -> Result<(), String> {
        self.sample.solver.validate().map_err(|error| format!("[sample]: {error}"))?;
        let (_, noisiest) = self.diffusion.parameterization.input(curve.noisiest());
        let alpha = noisiest.alpha;
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
}

fn impossible(error: ScheduleError) -> TrainError {
    TrainError::Config { origin: "[diffusion]".into(), reason: error.to_string() }
}

impl SystemConfig for RunConfig {
    fn seed(&self) -> u64 {
        self.seed
    }

    fn dataset(&self) -> &DatasetConfig {
        &self.dataset
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn complete(&self, table: &mut Table, splits: &Splits) -> Result<(), String> {
        let [channels, height, width] = splits.image_shape();
        if height != width {
            return Err(format!("images are {width}x{height}: set dataset.image_size or dataset.pad_to"));
        }
        let classes = if self.train.conditional { splits.num_classes() } else { None };
        let model = table.entry("model").or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(model) = model {
            let outputs = self.diffusion.variance.output_channels(channels);
            let decided = [("image_size", height), ("in_channels", channels), ("out_channels", outputs)];
            for (key, value) in decided {
                decide(model, key, Some(value))?;
            }
            decide(model, "num_classes", classes)?;
        }
        name_classes(table, splits, classes);
        continuous_law::complete(&self.diffusion, table)
    }

    fn validate(&self) -> Result<(), String> {
        if self.model.context.is_some() || self.model.added_input != AddedInput::Nothing {
            return Err(
                "[model]: context and added_input: a run of pixels gives neither: leave both out".into()
            );
        }
        self.validate_denoising()
    }

    fn lasting(mut self) -> Self {
        self.train = self.train.lasting();
        self.eval = EvalConfig::default();
        self.sample = Default::default();
        self.class_names = None;
        self.empty_classes.clear();
        self.dataset.source = DatasetConfig::default().source;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_shown_that_are_not_empty() {
        assert_eq!(shown_classes(4, &[0, 2]), [1, 3]);
        assert_eq!(shown_classes(2, &[]), [0, 1]);
        assert_eq!(shown_classes(2, &[0, 1]), [0, 1], "rather all than none");
    }
}
