use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::module::{Module, ModuleDisplay};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use data::{DataError, DatasetConfig, Picture, Splits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::error::TrainError;
use crate::loader::{HostStep, TrainLoader, ValidLoader};
use crate::metrics::{Stats, StepMetric};
use crate::optimizer;
use crate::record::Measure;
use crate::tables::check_tables;
use crate::{RunDir, TrainConfig};

/// A kind of model that can be trained: what its network is, what it learns from and what it loses.
///
/// Steps, moving average, checkpoints, resuming, metrics and records are [`Session`](crate::Session)'s, the same for all.
pub trait System: Clone + Debug + Send + Sync + 'static {
    /// Its `config.toml`.
    type Config: SystemConfig;
    /// What is trained, averaged and saved.
    type Net: Module + ModuleDisplay + Sync + 'static;
    /// What a step learns from.
    type Batch: Clone + Debug + Send + Sync + 'static;

    /// That of a run.
    ///
    /// # Errors
    ///
    /// If the configuration is impossible.
    fn new(config: &Self::Config) -> Result<Self, TrainError>;

    /// The configuration with what takes the device to find out, and the data as they are trained on; both as they are
    /// unless a system says otherwise. `start` is the configuration of the checkpoint that the run goes on from.
    ///
    /// # Errors
    ///
    /// If an image cannot be read, the device or the disk fails, or the run began otherwise.
    fn prepare(
        config: Self::Config,
        splits: Splits,
        _start: Option<&Self::Config>,
        _run: &RunDir,
        _device: &Device,
    ) -> Result<(Self::Config, Splits), TrainError> {
        Ok((config, splits))
    }

    /// The same with what [`prepare`](Self::prepare) has left in the run's folder for it: networks that it asks and does not
    /// train, on the device that tracks gradients.
    ///
    /// # Errors
    ///
    /// If that is missing or damaged.
    fn equipped(self, _config: &Self::Config, _run: &RunDir, _device: &Device) -> Result<Self, TrainError> {
        Ok(self)
    }

    /// The untrained network, a function of the configuration's seed.
    ///
    /// # Errors
    ///
    /// If the configuration is impossible.
    fn init(config: &Self::Config, device: &Device) -> Result<Self::Net, TrainError>;

    /// About how many numbers a training step keeps of each image `[C, H, W]` for its gradients.
    fn kept_values(config: &Self::Config, image: [usize; 3]) -> f64;

    /// The batches of a run, whose first `step` optimizer steps are done.
    ///
    /// # Errors
    ///
    /// If an image cannot be read.
    fn loaders(
        config: &Self::Config,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<Self::Batch>, TrainError>;

    /// The optimizer; AdamW for all parameters alike unless a system says otherwise.
    fn optimizer(config: &Self::Config) -> ModuleOptimizer {
        optimizer(config.train())
    }

    /// The gradients of a training batch, divided by the batches to one optimizer step.
    fn gradients(&self, net: &Self::Net, batch: Self::Batch) -> (GradientsParams, Stats);

    /// The network behind an optimizer step; as it is, unless a system moves weights by something else than gradients.
    fn after_step(&self, net: Self::Net) -> Self::Net {
        net
    }

    /// What a validation batch costs.
    fn measure(&self, net: &Self::Net, batch: Self::Batch) -> Stats;

    /// Decay of the averaged weights.
    fn ema_decay(&self) -> f64;

    /// Numbers that it keeps from step to step, always as many; they are saved with the weights.
    fn memory(&self) -> Option<Vec<f32>> {
        None
    }

    /// Takes up what was saved of [`memory`](Self::memory).
    fn recall(&self, _memory: &[f32]) {}

    /// What is plotted of training and validation; the first, `Loss`, also decides which checkpoint is the best.
    fn metrics() -> Vec<StepMetric>;

    /// Measures more of the averaged weights after a validation, where the configuration asks for it at that step.
    ///
    /// # Errors
    ///
    /// If an image cannot be read, or the network not be evaluated.
    fn evaluate(
        _net: Self::Net,
        _config: &Self::Config,
        _splits: &Splits,
        _device: &Device,
        _step: usize,
    ) -> Result<Option<Stats>, TrainError> {
        Ok(None)
    }

    /// What is plotted of [`evaluate`](Self::evaluate) beside validation.
    fn evaluation_metrics(_config: &Self::Config) -> Vec<StepMetric> {
        Vec::new()
    }

    /// Draws a preview from trained weights: the same noise and the same images every time.
    ///
    /// # Errors
    ///
    /// If sampling fails, or an image cannot be read.
    fn preview(
        &self,
        net: Self::Net,
        config: &Self::Config,
        splits: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError>;

    /// What is to be done with a run: a line that says so, with the command.
    fn next_command(run: &Path) -> String {
        format!("draw more: cargo run -p infer -- --run {}", terminal::quoted(run.display()))
    }

    /// What is measured of a finished run, for its record; nothing unless a system says otherwise.
    ///
    /// # Errors
    ///
    /// If the data cannot be read or the device fails.
    fn results(
        _net: &Self::Net,
        _config: &Self::Config,
        _splits: &Splits,
        _device: &Device,
    ) -> Result<Vec<Measure>, TrainError> {
        Ok(Vec::new())
    }
}

/// The batches of a run.
pub struct Loaders<B> {
    /// Training batches from the first one that is left: batch `i` is a function of the seed and `i` alone.
    pub train: Arc<dyn DataLoader<B>>,
    /// The validation batches, always the same.
    pub valid: Arc<dyn DataLoader<B>>,
}

impl<B: Clone + Debug + Send + Sync + 'static> Loaders<B> {
    /// Batches that `prepare` makes, those of the first `step` optimizer steps left out, and the validation batches.
    pub fn new<H: HostStep<Batch = B>>(
        config: &TrainConfig,
        step: usize,
        device: &Device,
        prepare: impl Fn(u64) -> Result<H, DataError> + Send + Sync + 'static,
        valid: Vec<H>,
    ) -> Self {
        let train = TrainLoader {
            prepare: Arc::new(prepare),
            start: step.saturating_mul(config.grad_accumulation) as u64,
            count: (config.steps - step).saturating_mul(config.grad_accumulation),
            workers: config.workers,
            device: device.clone(),
        };
        Self { train: Arc::new(train), valid: Arc::new(ValidLoader::new(valid, device)) }
    }
}

/// What the engine must know of a configuration.
pub trait SystemConfig: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The one seed.
    fn seed(&self) -> u64;

    /// The data to open.
    fn dataset(&self) -> &DatasetConfig;

    /// How it is trained.
    fn train(&self) -> &TrainConfig;

    /// Writes the keys that the data decide into `table`, of which this is the reading without them.
    ///
    /// # Errors
    ///
    /// If a key contradicts the data.
    fn complete(&self, table: &mut Table, splits: &Splits) -> Result<(), String>;

    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// The first key that does not fit.
    fn validate(&self) -> Result<(), String>;

    /// With the keys that may change between sessions of a run at their defaults.
    fn lasting(self) -> Self;
}

/// Reads the configuration that a run was trained with.
///
/// # Errors
///
/// If there is no run, or its configuration does not parse or fit.
pub(crate) fn load_config<C: SystemConfig>(path: &Path) -> Result<C, TrainError> {
    let text = fs::read_to_string(path).map_err(TrainError::io("read the run's configuration", path))?;
    let unfit = |reason: String| TrainError::Config { origin: path.display().to_string(), reason };
    let config: C = toml::from_str(&text).map_err(|error| unfit(error.to_string()))?;
    let table: Table = toml::from_str(&text).map_err(|error| unfit(error.to_string()))?;
    check_tables(&table, &config).map_err(unfit)?;
    config.validate().map_err(unfit)?;
    Ok(config)
}
