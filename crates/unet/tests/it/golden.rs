//! The reference library's outputs, recorded by `golden/make.py`.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;
use unet::UNetConfig;

use crate::weights;

#[derive(Deserialize)]
struct Case {
    name: String,
    config: UNetConfig,
    parameters: usize,
    timesteps: Vec<f32>,
    labels: Option<Vec<i32>>,
    output: Vec<f32>,
}

#[test]
fn outputs_are_those_of_the_reference_library() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/unet2d.json")).unwrap();
    for case in cases {
        let device = Device::flex();
        let unet = weights::fill(case.config.init(&device, 0).unwrap(), weights::waves);
        assert_eq!(unet.num_params(), case.parameters, "{}", case.name);

        let x = (1..=2 * 3 * 8 * 8).map(|i| f64::from(i).sin() as f32).collect::<Vec<_>>();
        let x = Tensor::from_data(TensorData::new(x, [2, 3, 8, 8]), &device);
        let timesteps = Tensor::from_floats(case.timesteps.as_slice(), &device);
        let labels = case.labels.map(|labels| Tensor::from_ints(labels.as_slice(), &device));
        let output: Vec<f32> = unet.forward(x, timesteps, labels).into_data().try_to_vec().unwrap();

        assert_eq!(output.len(), case.output.len(), "{}", case.name);
        let largest = case.output.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let error = output.iter().zip(&case.output).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(error < 1e-5 * largest, "{}: {error} of {largest}", case.name);
    }
}
