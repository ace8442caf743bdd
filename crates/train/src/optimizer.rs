use burn::optim::ModuleOptimizer;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::lr_scheduler::{
    LrSchedulerConfig, cosine::CosineAnnealingLrSchedulerConfig, linear::LinearLrSchedulerConfig,
    sequential::SequentialLrSchedulerConfig,
};

use crate::TrainConfig;
use crate::adam_w::AdamW;
use crate::error::TrainError;
use crate::train_config::LrSchedule;

/// AdamW with torch's meaning of every number.
pub fn optimizer(train: &TrainConfig) -> ModuleOptimizer {
    ModuleOptimizer::from(AdamW::new(train))
}

/// Linear warm-up from `learning_rate / warmup_steps`, then constant or a cosine down to 0.
pub(crate) fn learning_rate(train: &TrainConfig) -> Result<ModuleLrScheduler, TrainError> {
    let (peak, warmup) = (train.learning_rate, train.warmup_steps);
    let after = match train.lr_schedule {
        LrSchedule::Constant => LrSchedulerConfig::Constant(peak),
        LrSchedule::Cosine => {
            let steps = train.steps.saturating_sub(warmup).max(1);
            LrSchedulerConfig::Cosine(CosineAnnealingLrSchedulerConfig::new(peak, steps))
        }
    };
    let (stages, milestones) = if warmup > 1 {
        let ramp = LinearLrSchedulerConfig::new(peak / warmup as f64, peak, warmup - 1);
        (vec![LrSchedulerConfig::Linear(ramp), after], vec![warmup])
    } else {
        (vec![after], vec![])
    };
    SequentialLrSchedulerConfig::new(stages, milestones)
        .init()
        .map_err(|reason| TrainError::Config { origin: "[train]".into(), reason })
}
