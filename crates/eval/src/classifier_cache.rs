use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use burn::module::Module;
use burn::prelude::*;
use burn::store::ModuleRecord;
use features::{CLASSIFIER_VERSION, Classifier, ClassifierTraining, Examples};
use serde::{Deserialize, Serialize};
use train::hash_file;

use crate::keyed::{create_folder_of, key, write_json};
use crate::progress::Progress;

/// Where classifiers are kept, for all runs.
const FOLDER: &str = "runs/classifiers";

/// The in-house classifier of a data set.
#[derive(Debug)]
pub struct TrainedClassifier {
    /// The network.
    pub network: Classifier,
    /// What is known of it.
    pub facts: ClassifierFacts,
}

/// What stands beside its weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClassifierFacts {
    /// How it was trained.
    pub training: ClassifierTraining,
    /// Fingerprint of the data set.
    pub dataset: String,
    /// Whether it tells quarter turns, for want of classes.
    #[serde(default)]
    pub turned: bool,
    /// Training images.
    pub images: usize,
    /// Test images.
    pub test_images: usize,
    /// The share of the test images whose class it finds; none without test images.
    pub accuracy: Option<f64>,
    /// SHA-256 of its weights.
    pub hash: String,
}

impl fmt::Display for ClassifierFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = if self.turned { " of quarter turns, for want of classes" } else { "" };
        write!(f, "in-house classifier{task}: trained on {} images", self.images)?;
        if let Some(accuracy) = self.accuracy {
            write!(f, ", accuracy {:.2} % on {} test images", 100.0 * accuracy, self.test_images)?;
        }
        write!(f, ", SHA-256 {}...", &self.hash[..16.min(self.hash.len())])
    }
}

/// What tells classifiers of different data sets or trainings apart.
pub fn classifier_key(training: &ClassifierTraining, dataset: &str) -> Result<String> {
    key(&(CLASSIFIER_VERSION, training, dataset))
}

/// The file of the classifier of a data set.
pub fn classifier_path(training: &ClassifierTraining, dataset: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(FOLDER).join(format!("{}.bpk", classifier_key(training, dataset)?)))
}

/// Reads the classifier of a data set, or trains it and keeps it.
///
/// # Errors
///
/// If its files cannot be written, or are of another network.
pub fn classifier<E: Examples>(
    training: &ClassifierTraining,
    dataset: &str,
    [train, test]: [&E; 2],
    turned: bool,
    device: &Device,
) -> Result<TrainedClassifier> {
    let path = classifier_path(training, dataset)?;
    let facts_path = path.with_extension("json");
    if let Ok(facts) = std::fs::read(&facts_path)
        && let Ok(facts) = serde_json::from_slice::<ClassifierFacts>(&facts)
        && hash_file(&path).is_ok_and(|hash| hash == facts.hash)
    {
        let network = Classifier::new(training, train.shape()[0], train.classes(), device);
        let record =
            ModuleRecord::load(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let network =
            network.try_load_record(record).with_context(|| format!("failed to read {}", path.display()))?;
        return Ok(TrainedClassifier { network, facts });
    }
    let network = trained("training the in-house classifier", training, train, device)?;
    create_folder_of(&path)?;
    let saved = network.clone().into_record().save(&path);
    saved.with_context(|| format!("failed to write {}", path.display()))?;
    let facts = ClassifierFacts {
        training: training.clone(),
        dataset: dataset.into(),
        turned,
        images: train.count(),
        test_images: test.count(),
        accuracy: if test.count() == 0 { None } else { Some(network.accuracy(test, device)?) },
        hash: hash_file(&path).with_context(|| format!("failed to read {}", path.display()))?,
    };
    write_json(&facts_path, &facts)?;
    Ok(TrainedClassifier { network, facts })
}

/// Trains a classifier and says how far that is.
///
/// # Errors
///
/// If an image cannot be read.
pub fn trained(
    what: &str,
    training: &ClassifierTraining,
    images: &impl Examples,
    device: &Device,
) -> Result<Classifier> {
    let mut progress = Progress::new(what, 0, training.steps);
    Ok(training.run(images, device, &mut || progress.advance(1))?)
}
