//! Inception's features against those recorded by golden/make.py.

use burn::tensor::{Device, Tensor, TensorData};
use eval::Inception;
use interop::{HostTensor, TensorFile};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    layers: Vec<(String, Vec<usize>)>,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    stream: u32,
    shape: [usize; 3],
    every_16th: Vec<f32>,
}

/// Uniform in `[-1, 1)`: the finisher of MurmurHash3 over a count.
fn noise(stream: u32, count: usize) -> Vec<f32> {
    let start = stream.wrapping_mul(0x9E37_79B9);
    let value = |place: u32| {
        let mut x = place.wrapping_add(start);
        x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
        (f64::from(x ^ (x >> 16)) / f64::from(1u32 << 31) - 1.0) as f32
    };
    (0..count as u32).map(value).collect()
}

fn weights(layers: &[(String, Vec<usize>)]) -> TensorFile {
    let mut file = TensorFile { path: "golden".into(), tensors: Default::default() };
    for (place, (name, shape)) in layers.iter().enumerate() {
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
        let parts: [(&str, f32, f32); 5] = [
            ("conv.weight", 0.0, bound),
            ("bn.weight", 1.0, 0.2),
            ("bn.bias", 0.0, 0.1),
            ("bn.running_mean", 0.0, 0.1),
            ("bn.running_var", 1.0, 0.2),
        ];
        for (part, (suffix, offset, factor)) in parts.into_iter().enumerate() {
            let shape = if part == 0 { shape.clone() } else { shape[..1].to_vec() };
            let noise = noise((5 * place + part) as u32, shape.iter().product());
            let values = noise.into_iter().map(|value| offset + factor * value).collect();
            file.tensors.insert(format!("{name}.{suffix}"), HostTensor { shape, values });
        }
    }
    file
}

#[test]
fn features_are_pytorch_fids() {
    let golden: Golden = serde_json::from_str(include_str!("../golden/inception.json")).unwrap();
    let device = Device::flex();
    let inception = Inception::from_tensors(&weights(&golden.layers), &device).unwrap();
    for Answer { stream, shape: [channels, height, width], every_16th } in golden.answers {
        // Recorded of images in [0, 1], which pytorch-fid itself carries to [-1, 1].
        let data = TensorData::new(noise(stream, channels * height * width), [1, channels, height, width]);
        let features = inception.features(Tensor::<4>::from_data(data, &device));
        assert_eq!(features.dims(), [1, 2048]);
        let features = features.try_into_vec_as::<f32>().unwrap();
        let largest = every_16th.iter().copied().fold(0.0, f32::max);
        for (place, (found, recorded)) in features.iter().step_by(16).zip(&every_16th).enumerate() {
            assert!((found - recorded).abs() < 1e-4 * largest, "feature {place}: {found}, not {recorded}");
        }
    }
}

#[test]
fn weights_of_another_network_are_refused() {
    let golden: Golden = serde_json::from_str(include_str!("../golden/inception.json")).unwrap();
    let mut file = weights(&golden.layers[..5]);
    let refused =
        |file: &TensorFile| Inception::from_tensors(file, &Device::flex()).err().unwrap().to_string();
    assert!(
        refused(&file).contains("it holds no tensor Mixed_5b.branch1x1.conv.weight"),
        "{}",
        refused(&file)
    );
    file.tensors
        .insert("Conv2d_1a_3x3.bn.weight".into(), HostTensor { shape: vec![3], values: vec![1.0; 3] });
    assert!(refused(&file).contains("Conv2d_1a_3x3.bn.weight is [3], not [32]"), "{}", refused(&file));
}
