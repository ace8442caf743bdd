//! Runs of latent diffusion as folders of the reference library.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use autoencoder::{AutoencoderConfig, KlConfig, LatentScale, TrunkConfig};
use burn::prelude::*;
use burn::tensor::DType;
use interop::pipeline::{Drawing, FirstStage, Guidance, ImageSizes, Pipeline, PipelineError, Start};
use interop::{InteropError, export_latent, unet_tensors, write_autoencoder, write_t5_encoder};
use schedules::Spacing;
use serde_json::Value;
use text::T5Config;
use train::{LatentRunConfig, LatentSystem, System, TextConfig, TrainedLatent};

/// A run of three classes on the latents of the folder `vae`, with more keys.
fn config(folder: &Path, more: &str) -> LatentRunConfig {
    let text = format!(
        "system = \"latent\"\ndataset = {{ type = \"digits\" }}\n{more}\nfirst_stage = {{ model = \"{}\", scale = 1.5 }}\n\
         [model]\nimage_size = 4\nin_channels = 2\nout_channels = 2\nchannels = 8\nchannel_mult = [1]\nnum_res_blocks = 1\n\
         attention_resolutions = []\nnum_classes = 3\n[sample]\nsolver = {{ type = \"ddim\" }}\nsteps = 4",
        folder.join("vae").display()
    );
    toml::from_str(&text).unwrap()
}

fn first_stage(folder: &Path) {
    let trunk = TrunkConfig {
        latent_channels: 2,
        channels: 8,
        channel_mult: vec![1, 2],
        mid_attention: false,
        ..TrunkConfig::default()
    };
    let config = AutoencoderConfig::Kl(KlConfig { trunk, ..KlConfig::default() });
    let network = config.init(&Device::flex(), 1).unwrap();
    write_autoencoder(network, config, LatentScale::uniform(1.0), 8, &folder.join("vae")).unwrap();
}

fn trained(config: LatentRunConfig) -> TrainedLatent {
    let net = LatentSystem::init(&config, &Device::flex()).unwrap();
    TrainedLatent::new(net, config, None, &Device::flex()).unwrap()
}

fn drawing(labels: Option<Vec<usize>>) -> Drawing {
    Drawing {
        batch: 2,
        prompt: None,
        negative: None,
        labels,
        guidance: Guidance { scale: 1.0, rescale: 0.0 },
        size: None,
        sizes: ImageSizes::default(),
        negative_sizes: None,
        start: Start::Noise,
        sampler: None,
    }
}

#[test]
fn a_run_of_classes_becomes_a_pipeline_with_its_scale() {
    let place = tempfile::tempdir().unwrap();
    first_stage(place.path());
    let (run, folder) = (trained(config(place.path(), "")), place.path().join("out"));
    assert_eq!(export_latent(&run, &folder).unwrap(), "LDMPipeline");
    let read = |name: &str| -> Value { fs::read_to_string(folder.join(name)).unwrap().parse().unwrap() };
    assert_eq!(read("scheduler/scheduler_config.json")["clip_sample"], false, "latents have no range");
    assert_eq!(read("vqvae/config.json")["scaling_factor"], 1.5);
    assert_eq!(read("model_index.json")["vqvae"][1], "AutoencoderKL");

    let pipeline = Pipeline::read(&folder, &Device::flex(), DType::F32).unwrap();
    let [ours, theirs] = [(&run.net.unet, &run.config.model), (&pipeline.net, &pipeline.config)]
        .map(|(net, config)| unet_tensors(net, config).unwrap());
    assert_eq!(ours, theirs);
    let FirstStage::Kl(stage) = &pipeline.first_stage else { panic!("it is a KL autoencoder") };
    assert_eq!(stage.scale, LatentScale::uniform(1.5));

    let mut noise = |shape: [usize; 3]| Tensor::ones([2, shape[0], shape[1], shape[2]], &Device::flex());
    let mut draw = |labels| pipeline.draw(&drawing(labels), &mut noise, &mut |_| ControlFlow::Continue(()));
    assert_eq!(draw(Some(vec![0, 3])).unwrap().dims(), [2, 2, 4, 4]);
    let error: PipelineError = draw(Some(vec![0, 4])).unwrap_err();
    assert_eq!(error.to_string(), "no class 4: this folder has classes 0..3");
    assert!(draw(None).unwrap_err().to_string().contains("a class"));
}

/// A folder with a T5 encoder and a tokenizer.
fn t5(place: &Path) -> PathBuf {
    let config = T5Config {
        vocabulary: 537,
        channels: 8,
        inner: 12,
        layers: 1,
        heads: 2,
        head_channels: 3,
        ..T5Config::default()
    };
    let [encoder, tokenizer] = ["text_encoder", "tokenizer"].map(|part| place.join("t5").join(part));
    for folder in [&encoder, &tokenizer] {
        fs::create_dir_all(folder).unwrap();
    }
    write_t5_encoder(&encoder, &config.init(&Device::flex(), 1).unwrap(), &config).unwrap();
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stable_diffusion/tokenizer");
    for file in fs::read_dir(recorded).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), tokenizer.join(file.file_name())).unwrap();
    }
    place.join("t5")
}

#[test]
fn what_has_no_counterpart_is_named_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    first_stage(place.path());
    let refused = |run: &TrainedLatent, expected: &str| {
        let folder = place.path().join("refused");
        let error: InteropError = export_latent(run, &folder).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!folder.exists());
    };
    for (concat, channels) in [("super_resolution", 5), ("inpainting", 5)] {
        let mut config = config(place.path(), &format!("concat = \"{concat}\""));
        config.model.in_channels = channels;
        refused(&trained(config), &format!("concat = \"{concat}\""));
    }
    let mut run = trained(config(place.path(), ""));
    run.config.text = Some(Default::default());
    refused(&run, "[text] with an encoder of words that was trained with the network");
    run.config.text = Some(TextConfig { model: Some(t5(place.path())), ..TextConfig::default() });
    run.config.sample.spacing = Spacing::Leading { offset: 0 };
    refused(&run, "sample.spacing = \"leading\" with another offset than 1");
    run.config.sample.spacing = Spacing::Leading { offset: 1 };
    refused(&run, "/text_encoder (not CLIP's, for latents of images) has no counterpart");
}
