use data::Splits;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::config::{CascadeConfig, FINGERPRINT, StageConfig};
use crate::error::TrainError;
use crate::resolve::DraftConfig;
use crate::system::SystemConfig;
use crate::tables::from_table;

/// A stage that is ready to be trained.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Which, from 1.
    pub number: usize,
    /// What it is trained with.
    pub config: StageConfig,
    /// Its data, at its resolution.
    pub splits: Splits,
}

impl CascadeConfig {
    /// Completes the stages by the data, and checks all of them: the cascade as it is kept, and what to train.
    ///
    /// # Errors
    ///
    /// The first key of the first stage that does not fit.
    pub fn resolve(mut self, splits: &Splits) -> Result<(Self, Vec<Stage>), TrainError> {
        let mut stages = Vec::new();
        for (number, side) in (1..).zip(self.resolutions()) {
            let failed = |error: TrainError| TrainError::Stage { number, error: Box::new(error) };
            let splits = splits.reduced_to(side).map_err(|error| failed(error.into()))?;
            let unfit = |reason| TrainError::Config { origin: self.origin(number), reason };
            let table = self.expanded(number).map_err(unfit)?;
            let config = match number {
                1 => StageConfig::Base(resolved(self.origin(number), table, &splits)?),
                _ => StageConfig::SuperResolution(resolved(self.origin(number), table, &splits)?),
            };
            stages.push(Stage { number, config, splits });
        }
        for stage in &stages {
            self.keep(stage)?;
        }
        Ok((self, stages))
    }

    /// Replaces the section of a stage by what it is trained with.
    fn keep(&mut self, stage: &Stage) -> Result<(), TrainError> {
        let table = match &stage.config {
            StageConfig::Base(config) => {
                self.file.class_names.clone_from(&config.class_names);
                table(config.as_ref())
            }
            StageConfig::SuperResolution(config) => table(config.as_ref()),
        };
        let failed = |reason| TrainError::Config { origin: self.origin(stage.number), reason };
        let mut table = table.map_err(failed)?;
        for key in ["system", "seed", "class_names", "dataset"] {
            table.remove(key);
        }
        let side = stage.splits.image_shape()[1] as i64;
        table.insert("resolution".into(), Value::Integer(side));
        table.insert(FINGERPRINT.into(), stage.splits.fingerprint().into());
        self.file.stage.insert(stage.number.to_string(), table);
        Ok(())
    }

    /// What the stages of a kept cascade were trained with.
    ///
    /// # Errors
    ///
    /// The first key of the first stage that does not fit.
    pub fn kept(&self) -> Result<Vec<StageConfig>, TrainError> {
        let stage = |number: usize| -> Result<StageConfig, String> {
            let table = self.expanded(number)?;
            Ok(match number {
                1 => StageConfig::Base(parsed(table)?),
                _ => StageConfig::SuperResolution(parsed(table)?),
            })
        };
        let stages = (1..=self.stages()).map(|number| {
            stage(number).map_err(|reason| TrainError::Config { origin: self.origin(number), reason })
        });
        stages.collect()
    }

    /// Keeps another fingerprint of a stage's data; says whether it was another.
    pub(super) fn set_fingerprint(&mut self, number: usize, fingerprint: &str) -> bool {
        let Some(stage) = self.file.stage.get_mut(&number.to_string()) else { return false };
        let fingerprint = Value::from(fingerprint);
        stage.insert(FINGERPRINT.into(), fingerprint.clone()) != Some(fingerprint)
    }

    /// The fingerprint of a stage's data, as it is kept.
    pub(super) fn fingerprint(&self, number: usize) -> Option<&str> {
        self.stage(number)?.get(FINGERPRINT)?.as_str()
    }
}

fn resolved<C: SystemConfig>(origin: String, table: Table, splits: &Splits) -> Result<Box<C>, TrainError> {
    Ok(Box::new(DraftConfig::<C>::of_table(origin, table)?.resolve(splits)?))
}

fn parsed<C: DeserializeOwned + SystemConfig>(table: Table) -> Result<Box<C>, String> {
    let config: C = from_table(&table)?;
    config.validate()?;
    Ok(Box::new(config))
}

fn table(config: &impl Serialize) -> Result<Table, String> {
    Table::try_from(config).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunConfig;
    use crate::cascade::SuperResolutionConfig;
    use std::path::Path;

    /// Without their data, all keys but those that the data decide.
    #[test]
    fn the_cascades_that_come_with_the_project_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        for name in ["digits-cdm", "mnist-cdm-small", "mnist-cdm", "cifar10-cdm-small", "imagenet-cdm"] {
            let config = CascadeConfig::read(&folder.join(format!("{name}.toml")), &[]).unwrap();
            config.dataset().unwrap();
            for (number, side) in (1..).zip(config.resolutions()) {
                let table = config.expanded(number).unwrap();
                if number == 1 {
                    DraftConfig::<RunConfig>::of_table(name.into(), table).unwrap();
                    continue;
                }
                DraftConfig::<SuperResolutionConfig>::of_table(name.into(), table.clone()).unwrap();
                let stage: SuperResolutionConfig = table.try_into().unwrap();
                stage.low_resolution.validate(side).unwrap();
            }
        }
    }
}
