//! The network's parameters under the names and in the layout of the reference library's `UNet2DModel`.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};
use unet::UNet;

/// Replaces every parameter by `values(name, shape)`.
pub fn fill<M: Module>(unet: M, values: impl FnMut(&str, &[usize]) -> Vec<f32>) -> M {
    unet.map(&mut Fill { path: Path::default(), values })
}

/// Weights that need no file: a wave over each parameter whose phase depends on its name.
///
/// As `waves` in `golden/make.py`.
pub fn waves(name: &str, shape: &[usize]) -> Vec<f32> {
    let phase = name.bytes().map(u64::from).sum::<u64>() as f64;
    let offset = if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
    let n: usize = shape.iter().product();
    (1..=n).map(|i| (offset + 0.2 * (phase + 0.7 * i as f64).sin()) as f32).collect()
}

/// All parameters.
pub fn values(unet: &UNet) -> Vec<(String, Vec<f32>)> {
    read(unet, None)
}

/// The gradients of all parameters.
pub fn gradients(unet: &UNet, gradients: &Gradients) -> Vec<(String, Vec<f32>)> {
    read(unet, Some(gradients))
}

fn read(unet: &UNet, gradients: Option<&Gradients>) -> Vec<(String, Vec<f32>)> {
    let mut read = Read { path: Path::default(), gradients, found: Vec::new() };
    unet.visit(&mut read);
    read.found
}

#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    /// The reference's name of the parameter here.
    fn name(&self) -> String {
        self.0
            .join(".")
            .replace("gamma", "weight")
            .replace("beta", "bias")
            .replace("to_out", "to_out.0")
            .replace("mid_block.attention.", "mid_block.attentions.0.")
            .replace("sampler.block.", "sampler.")
            .replace("sampler.", "samplers.0.")
    }

    /// Whether Burn stores the parameter as [in, out] and the reference as [out, in].
    fn is_transposed(&self, rank: usize) -> bool {
        rank == 2 && self.0[0] != "class_embedding"
    }
}

struct Fill<F> {
    path: Path,
    values: F,
}

impl<F: FnMut(&str, &[usize]) -> Vec<f32>> ModuleMapper for Fill<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, transposed) = (self.path.name(), self.path.is_transposed(D));
        param.map(|old| {
            let mut shape = old.dims().to_vec();
            if transposed {
                shape.reverse();
            }
            let data = TensorData::new((self.values)(&name, &shape), shape);
            let new = Tensor::<D>::from_data(data, &old.device());
            let new = if transposed { new.transpose() } else { new };
            new.set_require_grad(old.is_require_grad())
        })
    }
}

struct Read<'a> {
    path: Path,
    gradients: Option<&'a Gradients>,
    found: Vec<(String, Vec<f32>)>,
}

impl ModuleVisitor for Read<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        let tensor = match self.gradients {
            Some(gradients) => {
                param.val().grad(gradients).unwrap_or_else(|| panic!("{name} has no gradient"))
            }
            None => param.val(),
        };
        let tensor = if self.path.is_transposed(D) { tensor.transpose() } else { tensor };
        self.found.push((name, tensor.into_data().try_to_vec().unwrap()));
    }
}
