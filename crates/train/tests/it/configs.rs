use std::fs;
use std::path::Path;

use train::cascade::{CascadeConfig, SuperResolution};
use train::{
    ClassifierSystem, DpmSystem, DraftConfig, FirstStage, LatentSystem, Objective, PointSystem, System,
    SystemName, TrainError,
};

/// As far as that goes without their data.
#[test]
fn every_configuration_that_is_shipped_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let configs: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(configs.len() > 30, "{configs:?}");
    for path in configs {
        let read = match SystemName::of(&path).unwrap() {
            SystemName::Ddpm => read::<Objective>(&path),
            SystemName::Dpm => read::<DpmSystem>(&path),
            SystemName::Points => read::<PointSystem>(&path),
            SystemName::Autoencoder => read::<FirstStage>(&path),
            SystemName::Latent => read::<LatentSystem>(&path),
            SystemName::Classifier => read::<ClassifierSystem>(&path),
            SystemName::SuperResolution => read::<SuperResolution>(&path),
            SystemName::Cascade => CascadeConfig::read(&path, &[]).map(drop),
        };
        read.unwrap_or_else(|error| panic!("{error}"));
    }
}

fn read<S: System>(path: &Path) -> Result<(), TrainError> {
    DraftConfig::<S::Config>::read(path, &[]).map(drop)
}
