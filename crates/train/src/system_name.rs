use std::fs;
use std::path::Path;

use toml::Table;

use crate::cascade::{CASCADE, SUPER_RESOLUTION};
use crate::error::TrainError;

/// Which [`System`](crate::System) a configuration trains: its key `system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemName {
    /// [`Objective`](crate::Objective): where the key is left out.
    Ddpm,
    /// [`DpmSystem`](crate::DpmSystem).
    Dpm,
    /// [`PointSystem`](crate::PointSystem).
    Points,
    /// [`FirstStage`](crate::FirstStage).
    Autoencoder,
    /// [`LatentSystem`](crate::LatentSystem).
    Latent,
    /// [`ClassifierSystem`](crate::ClassifierSystem).
    Classifier,
    /// A cascade of stages: [`CascadeConfig`](crate::cascade::CascadeConfig).
    Cascade,
    /// A stage of one: [`SuperResolution`](crate::cascade::SuperResolution).
    SuperResolution,
}

impl SystemName {
    /// The system of a configuration. A file that cannot be read or parsed is left to
    /// [`DraftConfig::read`](crate::DraftConfig::read), whose errors say more.
    ///
    /// # Errors
    ///
    /// If there is no system of that name.
    pub fn of(path: &Path) -> Result<Self, TrainError> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let table: Table = toml::from_str(&text).unwrap_or_default();
        let Some(name) = table.get("system") else { return Ok(Self::Ddpm) };
        match name.as_str() {
            Some("dpm") => Ok(Self::Dpm),
            Some("points") => Ok(Self::Points),
            Some("autoencoder") => Ok(Self::Autoencoder),
            Some("latent") => Ok(Self::Latent),
            Some("classifier") => Ok(Self::Classifier),
            Some(CASCADE) => Ok(Self::Cascade),
            Some(SUPER_RESOLUTION) => Ok(Self::SuperResolution),
            _ => Err(TrainError::Config {
                origin: path.display().to_string(),
                reason: format!(
                    "system = {name}: use \"dpm\", \"autoencoder\", \"points\", \"classifier\", \"latent\" or \"{CASCADE}\", \
                     or leave it out for DDPM"
                ),
            }),
        }
    }
}
