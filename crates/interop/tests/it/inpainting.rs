//! Masks, filled by networks that are shown them and by networks that are not.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::{DType, Tolerance};
use interop::TensorFile;
use interop::pipeline::{Drawing, Guidance, ImageSizes, Pipeline, Start, TextStage};
use tempfile::TempDir;

use crate::copy;

fn stable_diffusion() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stable_diffusion")
}

/// Stable Diffusion with a network of nine channels, which takes no notice of what it is shown beside the latents.
fn of_nine_channels() -> TempDir {
    let there = tempfile::tempdir().unwrap();
    copy(&stable_diffusion(), there.path());
    let unet = there.path().join("unet");
    let config = std::fs::read_to_string(unet.join("config.json")).unwrap();
    std::fs::write(unet.join("config.json"), config.replace("\"in_channels\": 4", "\"in_channels\": 9"))
        .unwrap();
    let mut file = TensorFile::read(&unet.join("diffusion_pytorch_model.safetensors")).unwrap();
    let kernel = file.tensors.get_mut("conv_in.weight").unwrap();
    let own = kernel.shape[1..].iter().product();
    kernel.values =
        kernel.values.chunks(own).flat_map(|row| [row, &vec![0.0; own / 4 * 5]].concat()).collect();
    kernel.shape[1] = 9;
    file.write().unwrap();
    there
}

fn read(folder: &Path) -> Pipeline {
    let mut pipeline = Pipeline::read(folder, &Device::flex(), DType::F32).unwrap();
    pipeline.sampler = pipeline.sampler.called(|call| call.num_inference_steps = Some(4)).unwrap();
    pipeline
}

/// The n-th of as many noises as are asked for.
fn noise(n: usize, [channels, height, width]: [usize; 3]) -> Tensor<4> {
    let (from, count) = (1000 * n as i64, (channels * height * width) as i64);
    let numbers = Tensor::<1, Int>::arange(from..from + count, &Device::flex()).float();
    (numbers * 0.7).sin().reshape([1, channels, height, width]) * 1.4
}

fn image() -> Tensor<4> {
    noise(9, [3, 16, 16]).clamp(-1.0, 1.0)
}

/// 1 in the upper half.
fn mask() -> Tensor<4> {
    let half = |value: f64| Tensor::full([1, 1, 8, 16], value, &Device::flex());
    Tensor::cat(vec![half(1.0), half(0.0)], 2)
}

fn draw(pipeline: &Pipeline, start: Start) -> Tensor<4> {
    let stage = TextStage::read(&stable_diffusion(), &Device::flex(), DType::F32).unwrap().unwrap();
    let drawing = Drawing {
        batch: 1,
        negative: None,
        prompt: Some(stage.encode(&["a photo of a cat".into()], 0).unwrap()),
        labels: None,
        guidance: Guidance { scale: 1.0, rescale: 0.0 },
        size: None,
        sizes: ImageSizes::default(),
        negative_sizes: None,
        start,
        sampler: None,
    };
    let mut drawn = 0;
    let mut draws = |shape| {
        drawn += 1;
        noise(drawn, shape)
    };
    pipeline.draw(&drawing, &mut draws, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn assert_same(ours: Tensor<4>, expected: Tensor<4>) {
    ours.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::absolute(1e-5));
}

#[test]
fn a_network_that_is_shown_a_mask_begins_as_any_other() {
    let (nine, four) = (of_nine_channels(), read(&stable_diffusion()));
    let nine = read(nine.path());
    for strength in [0.5, 0.25] {
        let filled = draw(&nine, Start::Inpaint { image: image(), mask: mask(), strength });
        assert_same(filled, draw(&four, Start::Image { image: image(), strength }));
    }
    let filled = draw(&nine, Start::Inpaint { image: image(), mask: mask(), strength: 1.0 });
    assert_same(filled, draw(&four, Start::Noise));
}

#[test]
fn around_what_another_network_draws_the_image_stays() {
    let pipeline = read(&stable_diffusion());
    let fill = |mask, strength| draw(&pipeline, Start::Inpaint { image: image(), mask, strength });
    let latent = pipeline.first_stage.encode(image(), &mut |shape| noise(1, shape));
    let rows = |x: Tensor<4>, from: usize| x.narrow(2, from, 4);
    for strength in [1.0, 0.5] {
        let filled = fill(mask(), strength);
        assert_same(rows(filled.clone(), 4), rows(latent.clone(), 4));
        let moved = (rows(filled, 0) - rows(latent.clone(), 0)).abs().max().into_scalar::<f32>();
        assert!(moved > 0.1, "{moved}");
    }
    let all = fill(mask().ones_like(), 0.5);
    assert_same(all, draw(&pipeline, Start::Image { image: image(), strength: 0.5 }));
}
