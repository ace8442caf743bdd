//! A Stable Diffusion folder as `save_pretrained` wrote it: precision, damage, and what it refuses.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::{DType, Tolerance};
use interop::KlFolder;
use interop::pipeline::{
    Drawing, Guidance, ImageSizes, ModelIndex, Pipeline, PipelineError, PipelineKind, Start, TextStage,
};

use crate::copy;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stable_diffusion")
}

/// A cat, guided away from nothing.
fn drawing(dtype: DType) -> Drawing {
    let stage = TextStage::read(&folder(), &Device::flex(), dtype).unwrap().unwrap();
    let prompt = stage.encode(&["a photo of a cat".into()], 0).unwrap();
    Drawing {
        batch: 1,
        negative: Some(stage.encode_negative(None, &prompt).unwrap()),
        prompt: Some(prompt),
        labels: None,
        guidance: Guidance { scale: 7.5, rescale: 0.0 },
        size: None,
        sizes: ImageSizes::default(),
        negative_sizes: None,
        start: Start::Noise,
        sampler: None,
    }
}

fn pipeline(dtype: DType) -> Pipeline {
    let mut pipeline = Pipeline::read(&folder(), &Device::flex(), dtype).unwrap();
    pipeline.sampler = pipeline.sampler.called(|call| call.num_inference_steps = Some(3)).unwrap();
    pipeline
}

fn waves([channels, height, width]: [usize; 3]) -> Tensor<4> {
    let n = (channels * height * width) as i64;
    Tensor::<1, Int>::arange(0..n, &Device::flex()).float().sin().reshape([1, channels, height, width])
}

fn draw(pipeline: &Pipeline, drawing: &Drawing) -> Result<Tensor<4>, PipelineError> {
    pipeline.draw(drawing, &mut waves, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn layers_are_left_out_of_prompts_and_not_of_negative_ones() {
    let stage = TextStage::read(&folder(), &Device::flex(), DType::F32).unwrap().unwrap();
    let text = ["a photo of a cat".to_owned()];
    let [whole, skipping] = [0, 1].map(|skip| stage.encode(&text, skip).unwrap());
    let negative = stage.encode_negative(Some(&text), &skipping).unwrap();
    negative.text.into_data().assert_eq(&whole.text.clone().into_data(), true);
    let difference = (skipping.text - whole.text).abs().max().into_scalar::<f32>();
    assert!(difference > 1e-3, "{difference}");
}

#[test]
fn half_precision_draws_nearly_the_same() {
    let whole = draw(&pipeline(DType::F32), &drawing(DType::F32)).unwrap();
    let largest = whole.clone().abs().max().into_scalar::<f32>();
    for dtype in [DType::F16, DType::BF16] {
        let half = draw(&pipeline(dtype), &drawing(dtype)).unwrap();
        assert_eq!(half.dtype(), DType::F32);
        let error = (half - whole.clone()).abs().max().into_scalar::<f32>() / largest;
        assert!(error > 0.0 && error < 0.05, "{dtype:?}: {error}");
    }
}

/// Of latents that are the same in each square of 2x2, which nothing is lost of by averaging.
#[test]
fn a_preview_repeats_the_pixels_of_the_averaged_latents() {
    let first_stage = pipeline(DType::F32).first_stage;
    let small = waves([4, 4, 4]);
    let doubled = small.clone().reshape([1, 4, 4, 1, 4, 1]).expand([1, 4, 4, 2, 4, 2]).reshape([1, 4, 8, 8]);
    let preview = first_stage.preview(doubled.clone()).unwrap();
    assert_eq!(preview.dims(), first_stage.decode(doubled, None).unwrap().dims());
    let corners = preview.reshape([1, 3, 8, 2, 8, 2]);
    for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let corner = corners.clone().narrow(3, row, 1).narrow(5, column, 1).reshape([1, 3, 8, 8]);
        let expected = first_stage.decode(small.clone(), None).unwrap().into_data();
        corner.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
    }
}

#[test]
fn what_does_not_fit_is_named_before_any_step() {
    let pipeline = pipeline(DType::F32);
    let refused = |change: &dyn Fn(&mut Drawing)| {
        let mut drawing = drawing(DType::F32);
        change(&mut drawing);
        draw(&pipeline, &drawing).unwrap_err().to_string()
    };
    let image = waves([3, 16, 16]);
    assert_eq!(
        refused(&|drawing| drawing.size = Some([15, 16])),
        "images of 15x16 cannot be drawn: use multiples of 2 from 2 to 16384"
    );
    assert_eq!(
        refused(&|drawing| drawing.prompt = None),
        "StableDiffusionPipeline: its network asks for a prompt, which this pipeline does not have"
    );
    assert_eq!(
        refused(&|drawing| drawing.start = Start::Enlarge { image: image.clone(), noise_level: 20 }),
        "StableDiffusionPipeline enlarges no image"
    );
    let cut = refused(&|drawing| {
        let prompt = drawing.prompt.as_mut().unwrap();
        let channels = prompt.text.dims()[2];
        prompt.text = prompt.text.clone().narrow(2, 0, channels - 1);
    });
    assert!(cut.ends_with("they are not of one model"), "{cut}");
    assert_eq!(
        refused(&|drawing| drawing.labels = Some(vec![0])),
        "StableDiffusionPipeline knows no classes"
    );
    assert!(
        refused(&|drawing| drawing.start = Start::Image { image: image.clone(), strength: 0.0 })
            .contains('0')
    );
}

#[test]
fn all_missing_parts_are_named_at_once() {
    let there = tempfile::tempdir().unwrap();
    copy(&folder(), there.path());
    assert_eq!(
        ModelIndex::read(there.path()).unwrap().checked_kind().unwrap(),
        PipelineKind::StableDiffusion
    );
    fs::remove_dir_all(there.path().join("tokenizer")).unwrap();
    fs::remove_file(there.path().join("vae/config.json")).unwrap();
    let error = Pipeline::read(there.path(), &Device::flex(), DType::F32).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "it holds: case.json, io.safetensors, model_index.json, scheduler/, text_encoder/, unet/, vae/"
        ),
        "{error}"
    );
    assert!(error.contains("lacks parts:\n  tokenizer/\n  vae/config.json\n"), "{error}");
}

#[test]
fn a_part_that_would_be_left_out_is_refused() {
    let there = tempfile::tempdir().unwrap();
    copy(&folder(), there.path());
    let path = there.path().join("model_index.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('{', "{ \"prior\": [\"diffusers\", \"PriorTransformer\"],", 1)).unwrap();
    let error = ModelIndex::read(there.path()).unwrap().checked_kind().unwrap_err().to_string();
    assert!(error.ends_with("prior = PriorTransformer is not supported"), "{error}");
}

fn set(file: &Path, key: &str, value: serde_json::Value) {
    let mut keys: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    keys[key] = value;
    fs::write(file, keys.to_string()).unwrap();
}

/// Found before weights are read, which would not fit either.
#[test]
fn parts_whose_counts_do_not_fit_each_other_are_refused() {
    let cases = [
        ("vae/config.json", "out_channels", 4, "vae/config.json: out_channels = 4, where images have 1 or 3"),
        (
            "vae/config.json",
            "latent_channels",
            16,
            "unet/config.json: in_channels = 4 in a pipeline that draws 16",
        ),
        ("unet/config.json", "in_channels", 8, "in_channels = 8 (shown another image beside the drawn one"),
        ("unet/config.json", "out_channels", 3, "out_channels = 3 where 4 are drawn"),
        ("unet/config.json", "sample_size", 65536, "sample_size = 65536x65536 needs at least"),
    ];
    for (file, key, value, expected) in cases {
        let there = tempfile::tempdir().unwrap();
        copy(&folder(), there.path());
        set(&there.path().join(file), key, value.into());
        let error = Pipeline::read(there.path(), &Device::flex(), DType::F32).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_text_encoder_is_no_larger_than_its_weights() {
    let there = tempfile::tempdir().unwrap();
    copy(&folder(), there.path());
    let config = there.path().join("text_encoder/config.json");
    set(&config, "num_hidden_layers", (1 << 20).into());
    let read = || TextStage::read(there.path(), &Device::flex(), DType::F32).unwrap_err().to_string();
    let error = read();
    assert!(error.contains("config.json: it describes a network of 1048576 tensors or more, but"), "{error}");
    set(&config, "layer_norm_eps", (-1.0).into());
    set(&config, "num_hidden_layers", 2.into());
    let error = read();
    assert!(error.ends_with("norm_eps is -1; use a value above 0 and below 1"), "{error}");
}

/// Medical images, for one.
#[test]
fn a_grey_autoencoder_takes_and_makes_grey_images() {
    let there = tempfile::tempdir().unwrap();
    copy(&folder(), there.path());
    let mut vae = KlFolder::read(&there.path().join("vae"), &Device::flex(), DType::F32).unwrap();
    (vae.config.trunk.in_channels, vae.config.trunk.out_channels) = (1, 1);
    vae.network = vae.config.init(&Device::flex(), 0).unwrap();
    vae.write(&there.path().join("vae")).unwrap();
    let pipeline = Pipeline::read(there.path(), &Device::flex(), DType::F32).unwrap();
    assert_eq!(pipeline.first_stage.image_channels(), 1);
    let [height, width] = pipeline.size().unwrap();
    let image = waves([1, height, width]);
    let drawing = Drawing { start: Start::Image { image, strength: 0.1 }, ..drawing(DType::F32) };
    let drawn = pipeline.first_stage.decode(draw(&pipeline, &drawing).unwrap(), None).unwrap();
    assert_eq!(drawn.dims(), [1, 1, height, width]);
}
