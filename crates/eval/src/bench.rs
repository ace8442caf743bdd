use std::cell::OnceCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::prelude::*;
use diffusion::SamplerConfig;
use features::{ClassifierTraining, QuarterTurns};
use infer::{check_memory, floats_of_image};
use train::cascade::SuperResolutionConfig;
use train::{LatentRunConfig, RunConfig, RunDir, SystemName, hash_file};

use crate::args::Args;
use crate::classed::Classed;
use crate::classifier_cache::{TrainedClassifier, classifier, classifier_key, classifier_path};
use crate::images::Images;
use crate::inception::Inception;
use crate::keyed::check_writable;
use crate::weights::Weights;

/// Images of a data set that are judged with at most.
const MOST_REAL: usize = 50_000;
/// Repetitions at most.
const MOST_SEEDS: u64 = 1000;
/// Features of an image in memory, about.
const FEATURES: usize = 64;

/// Everything that judging a run needs, read and checked; the networks that judge are made when they are asked for.
pub struct Bench {
    /// The run.
    pub run: RunDir,
    /// Its configuration.
    pub config: RunConfig,
    /// The s of the low-resolution images that it is shown, if it is a super-resolution stage.
    pub shown: Option<usize>,
    /// Whether its `model` is one of latents.
    pub latent: bool,
    /// Its weights.
    pub weights: Vec<Weights>,
    /// How it is drawn from.
    pub sampler: SamplerConfig,
    /// Images to draw for each seed.
    pub samples: usize,
    /// Seeds, from 0.
    pub seeds: u64,
    /// Test images whose likelihood is measured.
    pub likelihoods: usize,
    /// Error of a step of the ODE of exact likelihoods.
    pub tolerance: f64,
    /// Classifier-free guidance; 1 is off.
    pub guidance_scale: f64,
    /// Images drawn at once.
    pub batch: usize,
    /// The training images.
    pub train: Rc<Images>,
    /// The test images.
    pub test: Rc<Images>,
    /// Fingerprint of the data set.
    pub dataset: String,
    /// Classes of the data set.
    pub num_classes: Option<usize>,
    /// Where results go.
    pub out: PathBuf,
    /// What computes.
    pub device: Device,
    /// The device as it is written into reports.
    pub device_name: String,
    /// How in-house classifiers are trained.
    pub training: ClassifierTraining,
    classifier: OnceCell<TrainedClassifier>,
    inception_file: Option<(PathBuf, String)>,
    inception: OnceCell<Inception>,
}

impl Bench {
    /// Reads what the arguments name.
    ///
    /// # Errors
    ///
    /// The first thing that is missing, damaged or impossible.
    pub fn open(args: &Args) -> Result<Self> {
        let run = RunDir::new(&args.run);
        let (config, shown) = match SystemName::of(&run.config())? {
            SystemName::Ddpm => (RunConfig::load(&run.config())?, None),
            SystemName::SuperResolution => {
                let stage = SuperResolutionConfig::load(&run.config())?;
                (stage.run, Some(stage.low_resolution.level))
            }
            SystemName::Latent => (judgeable(args, LatentRunConfig::load(&run.config())?)?, None),
            SystemName::Dpm | SystemName::Points => bail!(
                "{} draws points or is a DPM, whose bound stands in its record.json: give a run of images",
                args.run.display()
            ),
            SystemName::Cascade => bail!(
                "{} is a cascade: add --sweep s, or give one of its stages, {0}/stage-1",
                args.run.display()
            ),
            SystemName::Autoencoder | SystemName::Classifier => {
                bail!("{}: it draws nothing that could be judged: give a run of images", args.run.display())
            }
        };
        let latent = SystemName::of(&run.config())? == SystemName::Latent;
        let device = backend::open(args.backend, args.device)?;
        let weights = Weights::of(&run, &args.weights, &device)?;
        Ok(Self { shown, latent, ..Self::of(args, run, config, weights, device)? })
    }

    /// That of a model, or of something else that draws images as `config` has them.
    ///
    /// # Errors
    ///
    /// If the data cannot be read, or an argument does not fit.
    pub fn of(
        args: &Args,
        run: RunDir,
        config: RunConfig,
        weights: Vec<Weights>,
        device: Device,
    ) -> Result<Self> {
        if args.samples < 2 || args.likelihoods < 2 || args.seeds == 0 || args.batch == 0 {
            bail!("--samples and --likelihoods must be at least 2, --seeds and --batch at least 1");
        }
        if args.seeds > MOST_SEEDS {
            bail!("--seeds {}: more than {MOST_SEEDS} tell nothing new: give fewer", args.seeds);
        }
        let network = &config.model;
        let each = floats_of_image(network, [network.image_size; 2]);
        check_memory("--batch", args.batch.min(args.samples), each)?;
        if !(args.tolerance > 0.0 && args.tolerance <= 0.1) {
            bail!("--tolerance {}: it must be above 0 and at most 0.1", args.tolerance);
        }
        let splits = config.dataset.open(true)?;
        let [train, test] = [&splits.train, &splits.valid].map(|set| Images::read(set, MOST_REAL));
        let inception_file = args.inception.clone().map(|path| {
            let hash = hash_file(&path).with_context(|| format!("failed to read {}", path.display()));
            hash.map(|hash| (path, hash))
        });
        Ok(Self {
            sampler: args.sampler(&config)?,
            guidance_scale: args.guidance_scale(&config)?,
            shown: None,
            latent: false,
            weights,
            samples: args.samples,
            likelihoods: args.likelihoods,
            tolerance: args.tolerance,
            seeds: args.seeds,
            batch: args.batch,
            train: Rc::new(train?),
            test: Rc::new(test?),
            dataset: splits.fingerprint().to_owned(),
            num_classes: splits.num_classes(),
            out: args.out.clone().unwrap_or_else(|| args.run.join("eval")),
            device_name: backend::describe(args.backend, &device),
            device,
            training: ClassifierTraining { steps: args.classifier_steps, ..ClassifierTraining::default() },
            classifier: OnceCell::new(),
            inception_file: inception_file.transpose()?,
            inception: OnceCell::new(),
            run,
            config,
        })
    }

    /// Refuses more samples than the memory holds beside what is said of each.
    ///
    /// # Errors
    ///
    /// One that says how much memory they take.
    pub fn check_samples(&self) -> Result<()> {
        let values: usize = self.train.shape.iter().product();
        check_memory("--samples", self.samples, values.div_ceil(size_of::<f32>()) + FEATURES)
    }

    /// Makes the folders that are written to, and finds out now if one cannot be.
    ///
    /// # Errors
    ///
    /// Which cannot be, and what mends that.
    pub fn check_folders(&self, asks_classifier: bool) -> Result<()> {
        check_writable(&self.out).context("results cannot be kept: name a folder with --out")?;
        if asks_classifier && !self.has_classifier()? {
            let path = classifier_path(&self.training, &self.dataset)?;
            let folder = path.parent().unwrap_or(&path);
            check_writable(folder).context("the in-house classifier cannot be kept: start where it can")?;
        }
        Ok(())
    }

    /// The in-house classifier, which is trained the first time.
    ///
    /// # Errors
    ///
    /// If it cannot be kept or read.
    pub fn classifier(&self) -> Result<&TrainedClassifier> {
        if let Some(classifier) = self.classifier.get() {
            return Ok(classifier);
        }
        let (training, dataset, device) = (&self.training, &self.dataset, &self.device);
        let classed = |classes| [&*self.train, &*self.test].map(|images| Classed { images, classes });
        let trained = match self.num_classes {
            Some(classes) => classifier(training, dataset, classed(classes).each_ref(), false, device)?,
            None => {
                let turned = classed(1).map(QuarterTurns);
                classifier(training, dataset, turned.each_ref(), true, device)?
            }
        };
        Ok(self.classifier.get_or_init(|| trained))
    }

    /// The in-house classifier, if it was asked for.
    pub fn used_classifier(&self) -> Option<&TrainedClassifier> {
        self.classifier.get()
    }

    /// What tells the in-house classifiers of different data sets or trainings apart.
    ///
    /// # Errors
    ///
    /// Never, in practice.
    pub fn classifier_key(&self) -> Result<String> {
        classifier_key(&self.training, &self.dataset)
    }

    /// Whether the in-house classifier has been trained before.
    ///
    /// # Errors
    ///
    /// Never, in practice.
    pub fn has_classifier(&self) -> Result<bool> {
        Ok(classifier_path(&self.training, &self.dataset)?.exists())
    }

    /// How long the training of a classifier takes, from a measurement of a few steps.
    ///
    /// # Errors
    ///
    /// Never, in practice.
    pub fn seconds_a_training(&self) -> Result<f64> {
        let images = Classed { images: &self.train, classes: self.num_classes.unwrap_or(4) };
        let few = ClassifierTraining { steps: 4, ..self.training.clone() };
        let started = Instant::now();
        match self.num_classes {
            Some(_) => few.run(&images, &self.device, &mut || {})?,
            None => few.run(&QuarterTurns(images), &self.device, &mut || {})?,
        };
        Ok(started.elapsed().as_secs_f64() / few.steps as f64 * self.training.steps as f64)
    }

    /// Inception with the user's weights.
    ///
    /// # Errors
    ///
    /// If there are none, or they are those of another network.
    pub fn inception(&self) -> Result<&Inception> {
        if let Some(inception) = self.inception.get() {
            return Ok(inception);
        }
        let (path, _) = self.inception_file.as_ref().context("fid needs --inception FILE")?;
        let loaded = Inception::load(path, &self.device)?;
        Ok(self.inception.get_or_init(|| loaded))
    }

    /// Whether the user gave Inception's weights.
    pub fn has_inception(&self) -> bool {
        self.inception_file.is_some()
    }

    /// SHA-256 of Inception's weights; empty without.
    pub fn inception_hash(&self) -> &str {
        self.inception_file.as_ref().map_or("", |(_, hash)| hash)
    }

    /// Whether the model is told classes.
    pub fn conditional(&self) -> bool {
        self.config.model.num_classes.is_some()
    }

    /// The class that image `index` of every seed is drawn with.
    pub fn label(&self, index: usize) -> Option<usize> {
        self.config.shown_classes().map(|classes| classes[index % classes.len()])
    }
}

/// A run of latents as one of images of their shape.
fn judgeable(args: &Args, config: LatentRunConfig) -> Result<RunConfig> {
    match (&config.text, config.concat) {
        (None, None) => Ok(config.of_latents()),
        (Some(_), _) => {
            bail!("{}: it draws what texts say: only runs of classes are judged", args.run.display())
        }
        (_, Some(_)) => {
            bail!("{}: it draws from images: only runs of classes are judged", args.run.display())
        }
    }
}
