use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use random::Seed;
use unet::{Resample, UNet, UNetConfig};

use crate::error::TrainError;

/// Largest difference of outputs, relative to the largest output.
const OUTPUT_TOLERANCE: f64 = 1e-4;
/// Largest difference of gradients, relative to the largest gradient of the same parameter.
const GRADIENT_TOLERANCE: f64 = 1e-3;
/// A gradient counts as at least this share of the largest gradient of the network.
const GRADIENT_FLOOR: f64 = 1e-3;

/// One comparison of a device with the reference.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was compared.
    pub name: String,
    /// The largest difference, relative to the largest value.
    pub error: f64,
    /// What is allowed.
    pub tolerance: f64,
}

impl Check {
    /// Whether the device may be trusted with this. NaN may not.
    pub fn passes(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// Compares outputs and gradients of small networks, of the same weights and input, on a device and on flex.
///
/// Drivers have been seen to return wrong attention results without an error; this finds them before a long run
/// does.
///
/// # Errors
///
/// If a device cannot be read.
pub fn compare_with_flex(device: &Device) -> Result<Vec<Check>, TrainError> {
    let mut checks = Vec::new();
    for (name, config) in networks() {
        let (expected, expected_gradients) = evaluate(&config, &Device::flex())?;
        let (output, gradients) = evaluate(&config, device)?;
        checks.push(Check {
            name: format!("{name}: output"),
            error: relative_error(&output, &expected),
            tolerance: OUTPUT_TOLERANCE,
        });
        // Some gradients are zero but for rounding (a bias before a norm, the bias of keys): beside the largest of the
        // network, they may differ.
        let floor = GRADIENT_FLOOR * largest(&expected_gradients.concat());
        let worst = gradients
            .iter()
            .zip(&expected_gradients)
            .map(|(gradient, expected)| difference(gradient, expected) / largest(expected).max(floor))
            .fold(0.0, worse);
        checks.push(Check {
            name: format!("{name}: gradients of {} parameters", gradients.len()),
            error: worst,
            tolerance: GRADIENT_TOLERANCE,
        });
    }
    Ok(checks)
}

/// Between them, these use convolutions, attention and both ways to change the resolution by blocks and by strides.
fn networks() -> [(&'static str, UNetConfig); 3] {
    let small = UNetConfig {
        image_size: 8,
        in_channels: 1,
        out_channels: 1,
        channels: 16,
        channel_mult: vec![1, 2],
        num_res_blocks: 1,
        attention_resolutions: vec![8, 4],
        num_heads: Some(2),
        num_classes: Some(3),
        ..UNetConfig::default()
    };
    let other = UNetConfig {
        in_channels: 3,
        out_channels: 3,
        attention_resolutions: vec![4],
        scale_shift: true,
        resample: Resample::Block,
        num_classes: None,
        ..small.clone()
    };
    // The size of CIFAR-10's: attention between 256 positions.
    let large = UNetConfig {
        image_size: 32,
        channels: 8,
        attention_resolutions: vec![16],
        resample: Resample::Pool,
        ..small.clone()
    };
    [
        ("conv network with classes", small),
        ("scale-shift network", other),
        ("32x32 network with pooling", large),
    ]
}

type Values = Vec<f32>;

fn evaluate(config: &UNetConfig, device: &Device) -> Result<(Values, Vec<Values>), TrainError> {
    let device = device.clone().autodiff();
    let failed = |error: &dyn ToString| TrainError::Device(error.to_string());
    let net = config.init(&device, 1).map_err(|error| failed(&error))?;
    let net = jittered(net);
    let shape = [2, config.in_channels, config.image_size, config.image_size];
    let values = Seed(1).stream("parity/x", 0).normal(shape.iter().product());
    let x = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
    let t = Tensor::<1>::from_data([3.0, 700.0], &device);
    let labels = config.num_classes.map(|_| Tensor::<1, Int>::from_data([0, 2], &device));
    let output = net.forward(x, t, labels);
    let gradients = output.clone().square().mean().backward();
    let mut collect = Collect { gradients: &gradients, values: Ok(Vec::new()) };
    net.visit(&mut collect);
    let values = output.try_into_vec_as::<f32>().map_err(|error| failed(&error))?;
    Ok((values, collect.values.map_err(|error| failed(&error))?))
}

fn relative_error(values: &[f32], expected: &[f32]) -> f64 {
    difference(values, expected) / largest(expected)
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(1e-12, |largest: f64, value| largest.max(f64::from(value.abs())))
}

/// The largest difference; NaN if there is one.
fn difference(values: &[f32], expected: &[f32]) -> f64 {
    values.iter().zip(expected).map(|(value, expected)| f64::from((value - expected).abs())).fold(0.0, worse)
}

fn worse(worst: f64, error: f64) -> f64 {
    if error > worst || error.is_nan() { error } else { worst }
}

/// The network moved a little: it starts with zeros in its last layers, behind which no mistake would show.
pub(crate) fn jittered(net: UNet) -> UNet {
    net.map(&mut Jitter { seed: Seed(1), next: 0 })
}

struct Jitter {
    seed: Seed,
    next: u64,
}
impl burn::module::ModuleMapper for Jitter {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let mut stream = self.seed.stream("parity/jitter", self.next);
        self.next += 1;
        param.map(|tensor| {
            let shape = tensor.dims();
            let values: Vec<f32> =
                stream.normal(shape.iter().product()).into_iter().map(|z| 0.05 * z).collect();
            let jitter = Tensor::<D>::from_data(TensorData::new(values, shape), &tensor.device().inner());
            let tracked = tensor.is_require_grad();
            (tensor.detach().set_require_grad(false) + jitter).set_require_grad(tracked)
        })
    }
}

struct Collect<'a> {
    gradients: &'a burn::tensor::Gradients,
    values: Result<Vec<Values>, burn::tensor::TensorReadError>,
}
impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let (Ok(values), Some(gradient)) = (&mut self.values, param.val().grad(self.gradients)) {
            match gradient.try_into_vec_as::<f32>() {
                Ok(gradient) => values.push(gradient),
                Err(error) => self.values = Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On every backend that this program was built with: the others than flex come with `--features`.
    #[test]
    fn compiled_backends_agree_with_flex() {
        for name in backend::compiled() {
            let device = backend::open(name, 0).unwrap();
            let checks = compare_with_flex(&device).unwrap();
            assert_eq!(checks.len(), 2 * networks().len());
            for check in checks {
                assert!(check.passes(), "{name}: {check:?}");
            }
        }
    }

    #[test]
    fn wrong_values_do_not_pass() {
        let check = |error| Check { name: String::new(), error, tolerance: OUTPUT_TOLERANCE }.passes();
        assert!(check(relative_error(&[1.0, 2.0], &[1.0, 2.0])));
        assert!(!check(relative_error(&[1.0, 2.001], &[1.0, 2.0])));
        assert!(!check(relative_error(&[1.0, f32::NAN], &[1.0, 2.0])));
    }

    #[test]
    fn every_parameter_takes_part() {
        let (_, config) = &networks()[0];
        let (_, gradients) = evaluate(config, &Device::flex()).unwrap();
        let net = config.init(&Device::flex(), 1).unwrap();
        assert_eq!(gradients.len(), burn::module::list_param_ids(&net).len());
        assert!(gradients.iter().all(|gradient| gradient.iter().any(|&value| value != 0.0)));
    }
}
