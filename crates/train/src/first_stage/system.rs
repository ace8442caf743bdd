use std::path::Path;
use std::sync::Arc;

use autoencoder::{Autoencoder, Encoded, PatchDiscriminator};
use burn::optim::GradientsParams;
use burn::prelude::*;
use data::{Batches, Picture, Splits};
use features::Perceptual;
use random::Seed;

use super::adversarial::{AdversarialConfig, pull};
use super::batches::{FirstStageBatch, Noising};
use super::codebook_moves::CodebookMoves;
use super::config::{FirstStageRunConfig, RegularizationConfig};
use super::loss::{absolute_errors, psnr, regularization, usage};
use super::model::TrainedFirstStage;
use super::preview::draw_preview;
use crate::RunDir;
use crate::error::TrainError;
use crate::metrics::{Stats, StepMetric};
use crate::record::Measure;
use crate::system::{Loaders, System};

/// An autoencoder as it is trained: on the absolute error of reconstructions, on what holds the latents together, and, if it
/// has them, on how far reconstructions look from their images and on the verdict of a discriminator that is trained beside
/// it.
#[derive(Clone, Debug)]
pub struct FirstStage {
    regularization: RegularizationConfig,
    adversarial: Option<AdversarialConfig>,
    /// The network that compares images, and the weight of what it says.
    perceptual: Option<(Arc<Perceptual>, f64)>,
    /// Of a codebook.
    moves: Option<Arc<CodebookMoves>>,
    ema_decay: f64,
    grad_accumulation: usize,
}

/// What is trained.
#[derive(Module, Debug)]
pub struct FirstStageNet {
    /// The first stage.
    pub autoencoder: Autoencoder,
    /// What it has to satisfy.
    pub discriminator: Option<PatchDiscriminator>,
}

const KL: &str = "KL";
const PSNR: &str = "PSNR";
const PERCEPTUAL: &str = "Perceptual";
const USED: &str = "Codes used";
const PERPLEXITY: &str = "Code perplexity";

impl System for FirstStage {
    type Config = FirstStageRunConfig;
    type Net = FirstStageNet;
    type Batch = FirstStageBatch;

    fn new(config: &FirstStageRunConfig) -> Result<Self, TrainError> {
        Ok(Self {
            regularization: config.regularization,
            adversarial: config.adversarial,
            perceptual: None,
            moves: CodebookMoves::of(config).map(Arc::new),
            ema_decay: config.train.ema_decay,
            grad_accumulation: config.train.grad_accumulation,
        })
    }

    fn prepare(
        config: FirstStageRunConfig,
        splits: Splits,
        start: Option<&FirstStageRunConfig>,
        run: &RunDir,
        device: &Device,
    ) -> Result<(FirstStageRunConfig, Splits), TrainError> {
        let begun = start.and_then(|config| config.perceptual.as_ref());
        let perceptual = match config.perceptual {
            Some(perceptual) => Some(perceptual.prepared(&splits, begun, run, device)?),
            None => None,
        };
        Ok((FirstStageRunConfig { perceptual, ..config }, splits))
    }

    fn equipped(
        self,
        config: &FirstStageRunConfig,
        run: &RunDir,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let Some(perceptual) = &config.perceptual else { return Ok(self) };
        let network = perceptual.load(config.model.trunk().in_channels, run, device)?;
        Ok(Self { perceptual: Some((Arc::new(network), perceptual.weight)), ..self })
    }

    fn init(config: &FirstStageRunConfig, device: &Device) -> Result<FirstStageNet, TrainError> {
        let unfit = |error: autoencoder::AutoencoderError| TrainError::Config {
            origin: "[model]".into(),
            reason: error.to_string(),
        };
        let seed = Seed(config.seed).derive("discriminator", 0);
        let discriminator = config.adversarial.as_ref().map(|adversarial| {
            adversarial.discriminator.init(config.model.trunk().in_channels, device, seed)
        });
        Ok(FirstStageNet {
            autoencoder: config.model.init(device, config.seed).map_err(unfit)?,
            discriminator,
        })
    }

    /// The networks that look at reconstructions take as much again, about.
    fn kept_values(config: &FirstStageRunConfig, [_, height, width]: [usize; 3]) -> f64 {
        let lookers = usize::from(config.perceptual.is_some()) + usize::from(config.adversarial.is_some());
        config.model.trunk().kept_values([height, width]) * (1 + lookers) as f64
    }

    fn loaders(
        config: &FirstStageRunConfig,
        splits: &Splits,
        device: &Device,
        step: usize,
    ) -> Result<Loaders<FirstStageBatch>, TrainError> {
        let (train, seed) = (&config.train, Seed(config.seed));
        let [_, height, width] = splits.image_shape();
        let factor = config.model.trunk().factor();
        let latent = [config.model.latent_channels(), height / factor, width / factor];
        let noising = Noising { seed, latent, batches_per_step: train.grad_accumulation };
        let valid = noising.valid_batches(&splits.valid, train.eval_images, train.batch_size)?;
        let batches = Batches::new(splits.train.clone(), train.batch_size, seed)?;
        let prepare = move |index| Ok(noising.train(batches.batch(index)?, index));
        Ok(Loaders::new(train, step, device, prepare, valid))
    }

    fn gradients(&self, net: &FirstStageNet, batch: FirstStageBatch) -> (GradientsParams, Stats) {
        let Reconstruction { encoded, features, output } = reconstruct(net, &batch);
        if let Some(moves) = &self.moves {
            moves.note(&encoded, batch.step);
        }
        let values = batch.images.dims()[1..].iter().product();
        let errors = self.errors(&output, &batch.images, |network| network.clone());
        let mut loss = errors.total().mean() + regularization(&self.regularization, &encoded, values);
        let adversarial = self.adversarial.filter(|adversarial| batch.step >= adversarial.start);
        if let (Some(config), Some(discriminator)) = (adversarial, &net.discriminator) {
            let error = |output: Tensor<4>| {
                self.errors(&output, &batch.images, |network| network.clone()).total().mean()
            };
            let pull = pull(&config, &net.autoencoder, discriminator, &features, &output, error);
            // Its gradient is the verdict's with respect to the autoencoder; the discriminator learns from the rest.
            let verdict = (output.clone() * pull).sum();
            let discrimination = discriminator.hinge_loss(batch.images.clone(), output.clone().detach());
            loss = loss + verdict + discrimination;
        }
        let gradients = (loss / self.grad_accumulation as f64).backward();
        (GradientsParams::from_grads(gradients, net), stats(errors, &encoded, &output, &batch.images))
    }

    fn after_step(&self, net: FirstStageNet) -> FirstStageNet {
        let Some(moves) = &self.moves else { return net };
        let autoencoder = net.autoencoder.map_codebook(|codebook| moves.apply(codebook));
        FirstStageNet { autoencoder, ..net }
    }

    fn measure(&self, net: &FirstStageNet, batch: FirstStageBatch) -> Stats {
        let Reconstruction { encoded, output, .. } = reconstruct(net, &batch);
        let errors = self.errors(&output, &batch.images, Perceptual::valid);
        stats(errors, &encoded, &output, &batch.images)
    }

    fn ema_decay(&self) -> f64 {
        self.ema_decay
    }

    fn memory(&self) -> Option<Vec<f32>> {
        self.moves.as_deref().map(CodebookMoves::memory)
    }

    fn recall(&self, memory: &[f32]) {
        if let Some(moves) = &self.moves {
            moves.recall(memory);
        }
    }

    fn metrics() -> Vec<StepMetric> {
        vec![
            StepMetric::loss(),
            StepMetric::named(PSNR, Some("dB")).higher_is_better(),
            StepMetric::named(PERCEPTUAL, None),
            StepMetric::named(KL, Some("nats")),
            StepMetric::named(USED, Some("%")).higher_is_better(),
            StepMetric::named(PERPLEXITY, None).higher_is_better(),
        ]
    }

    fn preview(
        &self,
        net: FirstStageNet,
        config: &FirstStageRunConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Picture, TrainError> {
        draw_preview(&net.autoencoder, config, splits, device)
    }

    fn next_command(run: &Path) -> String {
        format!(
            "write it for the diffusers library: cargo xtask export --run {} FOLDER",
            terminal::quoted(run.display())
        )
    }

    fn results(
        net: &FirstStageNet,
        config: &FirstStageRunConfig,
        splits: &Splits,
        device: &Device,
    ) -> Result<Vec<Measure>, TrainError> {
        let trained = TrainedFirstStage { autoencoder: net.autoencoder.clone(), config: config.clone() };
        trained.measure(splits, device)
    }
}

/// How wrong reconstructions are, each `[B]`.
struct Errors {
    absolute: Tensor<1>,
    /// What a network says, and its weight.
    perceptual: Option<(Tensor<1>, f64)>,
}

impl FirstStage {
    /// `on_device` is the network on the device of the tensors.
    fn errors(
        &self,
        output: &Tensor<4>,
        images: &Tensor<4>,
        on_device: impl Fn(&Perceptual) -> Perceptual,
    ) -> Errors {
        let perceptual = self
            .perceptual
            .as_ref()
            .map(|(network, weight)| (on_device(network).distance(output.clone(), images.clone()), *weight));
        Errors { absolute: absolute_errors(output, images), perceptual }
    }
}

impl Errors {
    /// All of them, weighted.
    fn total(&self) -> Tensor<1> {
        match &self.perceptual {
            Some((distance, weight)) => self.absolute.clone() + distance.clone() * *weight,
            None => self.absolute.clone(),
        }
    }
}

struct Reconstruction {
    encoded: Encoded,
    features: Tensor<4>,
    output: Tensor<4>,
}

fn reconstruct(net: &FirstStageNet, batch: &FirstStageBatch) -> Reconstruction {
    let encoded = net.autoencoder.encode(batch.images.clone(), batch.noise.clone());
    let features = net.autoencoder.features(encoded.latent());
    let output = net.autoencoder.image(features.clone());
    Reconstruction { encoded, features, output }
}

fn stats(errors: Errors, encoded: &Encoded, output: &Tensor<4>, images: &Tensor<4>) -> Stats {
    let stats = Stats::of_images(errors.total()).with(PSNR, psnr(output, images));
    let stats = match errors.perceptual {
        Some((distance, _)) => stats.with(PERCEPTUAL, distance),
        None => stats,
    };
    match encoded {
        Encoded::Kl { posterior, .. } => stats.with(KL, posterior.kl()),
        Encoded::Vq { counts, .. } => {
            let [used, perplexity] = usage(counts);
            stats.with(USED, used).with(PERPLEXITY, perplexity)
        }
    }
}
