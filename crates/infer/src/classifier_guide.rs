use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use burn::prelude::*;
use train::{ClassifierRunConfig, RunConfig, RunDir, SystemName, TrainedClassifier, Weights};

use crate::classifier_args::ClassifierArgs;

/// A classifier of noisy images that leads what is drawn to its classes (Dhariwal & Nichol 2021, algorithm 2).
#[derive(Debug)]
pub struct ClassifierGuide {
    /// The classifier.
    pub classifier: TrainedClassifier,
    /// How strongly; 0 is off.
    pub scale: f64,
    path: PathBuf,
}

impl ClassifierGuide {
    /// What the arguments ask for, for the images of a run.
    ///
    /// # Errors
    ///
    /// If there is no such classifier, or it was trained on other images or another noise than the run.
    pub fn new(args: &ClassifierArgs, run: &RunConfig, device: &Device) -> Result<Option<Self>> {
        let (Some(path), scale) = (&args.classifier, args.classifier_scale) else { return Ok(None) };
        if !scale.is_finite() {
            bail!("--classifier-scale {scale}: it must be a finite number");
        }
        let folder = RunDir::named(path).map_err(|error| anyhow!("--classifier: {error}"))?;
        if SystemName::of(&folder.config())? != SystemName::Classifier {
            bail!(
                "--classifier {}: it is no classifier: train one with system = \"classifier\"",
                path.display()
            );
        }
        let config = ClassifierRunConfig::load(&folder.config())?;
        check(path, &config, run)?;
        let classifier = TrainedClassifier::load(&Weights::read(&folder.ema())?, config, device)?;
        Ok(Some(Self { classifier, scale, path: path.clone() }))
    }

    /// The settings as they are printed and written into pictures.
    pub(crate) fn describe(&self) -> [(&'static str, String); 2] {
        [("classifier", self.path.display().to_string()), ("classifier_scale", self.scale.to_string())]
    }
}

fn check(path: &Path, config: &ClassifierRunConfig, run: &RunConfig) -> Result<()> {
    let path = path.display();
    let (known, drawn) = (&config.model, &run.model);
    let differs = |what: &str, classifier: String, model: String| -> Result<()> {
        bail!(
            "--classifier {path}: its {what} {classifier}, the run's {model}: train it on the data of the run"
        )
    };
    let images = (known.image_size, known.in_channels);
    if images != (drawn.image_size, run.image_channels()) {
        let shape = |(side, channels): (usize, usize)| format!("{side}x{side} of {channels} channels");
        return differs("images are", shape(images), shape((drawn.image_size, run.image_channels())));
    }
    if config.dataset != run.dataset {
        bail!(
            "--classifier {path}: it was trained on other data than the run: [dataset] differs in their config.toml"
        );
    }
    match drawn.num_classes {
        Some(classes) if classes != known.out_channels => {
            differs("classes are", known.out_channels.to_string(), classes.to_string())
        }
        _ if config.curve()? != run.curve()? => bail!(
            "--classifier {path}: it knows another noise than the run: train it with the run's diffusion.schedule and \
             diffusion.num_train_timesteps"
        ),
        _ => Ok(()),
    }
}
