use std::path::Path;

use burn::module::Module;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Device, Tensor};
use layout::{ParameterNames, TensorStore, load_module};
use unet::Init;

use crate::FeatureError;
use crate::perceptual::{difference, sum};

/// Pixels that images have at least in height and width: each of four poolings halves them.
pub const LPIPS_LEAST_SIDE: usize = 16;

/// Channels of VGG-16's convolutions, stage by stage; a pooling is between two stages.
const STAGES: [&[usize]; 5] = [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];
/// What images in `[-1, 1]` are less and divided by, for a network of ImageNet's mean and deviation.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];

/// LPIPS by VGG-16 (Zhang et al. 2018, arXiv 1801.03924), version 0.1 of the `lpips` package.
#[derive(Module, Debug)]
pub struct Lpips {
    vgg: Vgg,
    heads: Heads,
}

/// The convolutions of VGG-16 (Simonyan & Zisserman 2014).
#[derive(Module, Debug)]
struct Vgg {
    convs: Vec<Conv2d>,
    /// How many of them are in each stage.
    #[module(skip)]
    stages: Vec<usize>,
}

/// How much each channel of a stage weighs.
#[derive(Module, Debug)]
struct Heads {
    heads: Vec<Linear>,
}

impl Lpips {
    /// Reads torchvision's `vgg16` and the `lpips` package's heads: files of torch or safetensors, or twice the same one that
    /// holds both, as the state of the package's whole network does.
    ///
    /// # Errors
    ///
    /// If a file is missing, damaged, or of another network.
    pub fn load(vgg: &Path, heads: &Path, device: &Device) -> Result<Self, FeatureError> {
        Self::load_of(&STAGES, vgg, heads, device)
    }

    /// Of other channels than VGG-16's.
    fn load_of(stages: &[&[usize]], vgg: &Path, heads: &Path, device: &Device) -> Result<Self, FeatureError> {
        let init = &mut Init::new(device, 0);
        let mut before = 3;
        let convs = stages.concat().into_iter().map(|channels| {
            let conv = init.conv([before, channels], 3);
            before = channels;
            conv
        });
        let network =
            Vgg { convs: convs.collect(), stages: stages.iter().map(|stage| stage.len()).collect() };
        let lasts = stages.iter().filter_map(|stage| stage.last());
        let lines = Heads { heads: lasts.map(|&channels| init.linear_without_bias(channels, 1)).collect() };
        Ok(Self {
            vgg: load_module(network, &VggNames, &TensorStore::open(vgg)?, vgg, DType::F32)?,
            heads: load_module(lines, &HeadNames, &TensorStore::open(heads)?, heads, DType::F32)?,
        })
    }

    /// # Shapes
    ///
    /// - `x`, `y`: `[B, 3, H, W]` or `[B, 1, H, W]`, in `[-1, 1]`; grey is shown in all three colours
    /// - output: `[B]`
    pub(crate) fn distance(&self, x: Tensor<4>, y: Tensor<4>) -> Tensor<1> {
        let stages = self.vgg.stages(x).into_iter().zip(self.vgg.stages(y));
        sum(stages.zip(&self.heads.heads).map(|((x, y), head)| {
            let channels = difference(x, y).flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2);
            head.forward(channels).squeeze_dim(1)
        }))
    }
}

impl Vgg {
    /// The activations at the end of each stage.
    fn stages(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let ([batch, _, height, width], device) = (x.dims(), x.device());
        let three = |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 3, 1, 1]);
        let mut x = (x.expand([batch, 3, height, width]) - three(SHIFT)) / three(SCALE);
        let mut convs = self.convs.iter();
        let mut answers = Vec::new();
        for (number, &count) in self.stages.iter().enumerate() {
            if number > 0 {
                x = max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
            }
            x = convs.by_ref().take(count).fold(x, |x, conv| relu(kernels::conv2d(conv, x)));
            answers.push(x.clone());
        }
        answers
    }
}

/// The names of torchvision's `vgg16`, and those under which the package keeps the same layers.
struct VggNames;

impl ParameterNames for VggNames {
    fn reference(&self, path: &[String], _rank: usize) -> (String, bool) {
        let number = path.get(1).and_then(|number| number.parse().ok()).unwrap_or(0);
        let place = vgg_places().get(number).copied().unwrap_or(0);
        (format!("features.{place}.{}", path.last().map_or("", String::as_str)), false)
    }

    fn modern(&self, name: &str) -> Option<String> {
        if name.starts_with("features.") {
            return Some(name.to_owned());
        }
        let (_, layer) = name.strip_prefix("net.slice")?.split_once('.')?;
        Some(format!("features.{layer}"))
    }
}

/// Where the convolutions are among torchvision's layers: an activation follows each, and a pooling each stage.
fn vgg_places() -> Vec<usize> {
    let mut next = 0;
    let mut places = Vec::new();
    for stage in STAGES {
        for _ in stage {
            places.push(next);
            next += 2;
        }
        next += 1;
    }
    places
}

/// The names of the package's heads, whose first layer, 0, drops out. It keeps them twice in a whole state.
struct HeadNames;

impl ParameterNames for HeadNames {
    fn reference(&self, path: &[String], _rank: usize) -> (String, bool) {
        (format!("lin{}.model.1.weight", path.get(1).map_or("", String::as_str)), true)
    }

    fn modern(&self, name: &str) -> Option<String> {
        match name.strip_prefix("lins.") {
            Some(rest) => Some(format!("lin{rest}")),
            None => name.starts_with("lin").then(|| name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{TensorData, Tolerance};

    use super::*;

    #[test]
    fn convolutions_are_where_torchvision_has_them() {
        assert_eq!(vgg_places(), [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]);
    }

    /// As `scripts/record_lpips.py` recorded it, of both kinds of torch's files.
    #[test]
    fn it_says_what_the_reference_says() {
        #[derive(serde::Deserialize)]
        struct Recorded {
            x: Vec<u8>,
            y: Vec<u8>,
            distance: Vec<f32>,
        }
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let text = std::fs::read_to_string(golden.join("lpips.json")).unwrap();
        let recorded: Recorded = serde_json::from_str(&text).unwrap();
        let device = Device::flex();
        let stages: [&[usize]; 5] = [&[4, 4], &[5, 5], &[6, 6, 6], &[7, 7, 7], &[8, 8, 8]];
        let [vgg, heads] = ["vgg.pth", "heads.pth"].map(|name| golden.join(name));
        let network = Lpips::load_of(&stages, &vgg, &heads, &device).unwrap();
        let image = |bytes: Vec<u8>| {
            let values: Vec<f32> = bytes.into_iter().map(data::pixels::to_unit).collect();
            Tensor::from_data(TensorData::new(values, [2, 3, 16, 16]), &device)
        };
        let (x, y): (Tensor<4>, Tensor<4>) = (image(recorded.x), image(recorded.y));
        let distance = network.distance(x.clone(), y).into_data();
        let expected = TensorData::new(recorded.distance, [2]);
        distance.assert_approx_eq::<f32>(&expected, Tolerance::relative(1e-5));
        network.distance(x.clone(), x).into_data().assert_eq(&TensorData::new(vec![0.0_f32; 2], [2]), true);

        let error = Lpips::load(&vgg, &heads, &device).unwrap_err().to_string();
        assert!(error.contains("misshapen: features.0.weight is [4, 3, 3, 3], not [64, 3, 3, 3]"), "{error}");
        let error = Lpips::load_of(&stages, &heads, &heads, &device).unwrap_err().to_string();
        assert!(error.contains("missing: features.0.weight"), "{error}");
    }

    #[test]
    fn spellings_of_the_package_are_known() {
        assert_eq!(VggNames.modern("net.slice2.7.bias").as_deref(), Some("features.7.bias"));
        assert_eq!(VggNames.modern("classifier.0.weight"), None);
        assert_eq!(HeadNames.modern("lins.3.model.1.weight").as_deref(), Some("lin3.model.1.weight"));
        assert_eq!(HeadNames.modern("scaling_layer.shift"), None);
    }
}
