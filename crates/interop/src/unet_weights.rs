use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::prelude::*;
use unet::{UNet, UNetConfig};

use crate::parameter_names::{modern_name, reference_name};
use crate::{HostTensor, InteropError, TensorFile};

/// Gives a network the weights of a file in the reference library's names and layout.
///
/// # Errors
///
/// One that lists every tensor that is missing, superfluous or of another shape; `beside` is the configuration that it
/// names.
pub fn load_unet(
    unet: UNet,
    config: &UNetConfig,
    file: TensorFile,
    beside: &Path,
) -> Result<UNet, InteropError> {
    let tensors: BTreeMap<_, _> =
        file.tensors.into_iter().map(|(name, tensor)| (modern_name(&name), tensor)).collect();
    let problems = compare(&shapes(&unet, config), &tensors);
    if !problems.is_empty() {
        return Err(InteropError::Weights { path: file.path, config: beside.to_path_buf(), problems });
    }
    Ok(unet.map(&mut Fill { path: Vec::new(), config, tensors }))
}

/// A network's weights in the reference library's names and layout.
///
/// # Errors
///
/// If the device cannot be read.
pub fn unet_tensors(unet: &UNet, config: &UNetConfig) -> Result<BTreeMap<String, HostTensor>, InteropError> {
    collect_tensors(unet, config, Weights)
}

/// What is read of each parameter.
pub(crate) trait ParameterValue {
    /// A tensor of the parameter's shape, unless it has none.
    fn of<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> Option<Tensor<D>>;
}

struct Weights;
impl ParameterValue for Weights {
    fn of<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> Option<Tensor<D>> {
        Some(parameter.val())
    }
}

/// Something of all parameters that have it, by the reference library's names and in its layout.
pub(crate) fn collect_tensors<V: ParameterValue>(
    unet: &UNet,
    config: &UNetConfig,
    value: V,
) -> Result<BTreeMap<String, HostTensor>, InteropError> {
    let mut collect = Collect { path: Vec::new(), config, value, found: BTreeMap::new(), failed: None };
    unet.visit(&mut collect);
    match collect.failed {
        Some(reason) => Err(InteropError::Device(reason)),
        None => Ok(collect.found),
    }
}

fn shapes(unet: &UNet, config: &UNetConfig) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes { path: Vec::new(), config, found: BTreeMap::new() };
    unet.visit(&mut shapes);
    shapes.found
}

fn compare(expected: &BTreeMap<String, Vec<usize>>, found: &BTreeMap<String, HostTensor>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, shape) in expected {
        match found.get(name) {
            None => problems.push(format!("missing: {name} {shape:?}")),
            Some(tensor) if tensor.shape != *shape => {
                problems.push(format!("misshapen: {name} is {:?}, not {shape:?}", tensor.shape));
            }
            Some(_) => {}
        }
    }
    let extra = found.iter().filter(|(name, _)| !expected.contains_key(*name));
    problems.extend(extra.map(|(name, tensor)| format!("superfluous: {name} {:?}", tensor.shape)));
    problems
}

struct Shapes<'a> {
    path: Vec<String>,
    config: &'a UNetConfig,
    found: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for Shapes<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, transposed) = reference_name(&self.path, D, self.config);
        let mut shape = param.lazy_shape().to_vec();
        if transposed {
            shape.reverse();
        }
        self.found.insert(name, shape);
    }
}

struct Collect<'a, V> {
    path: Vec<String>,
    config: &'a UNetConfig,
    value: V,
    found: BTreeMap<String, HostTensor>,
    failed: Option<String>,
}

impl<V: ParameterValue> ModuleVisitor for Collect<'_, V> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, transposed) = reference_name(&self.path, D, self.config);
        let Some(tensor) = self.value.of(param) else { return };
        let tensor = if transposed { tensor.transpose() } else { tensor };
        let shape = tensor.dims().to_vec();
        match tensor.try_into_vec_as::<f32>() {
            Ok(values) => drop(self.found.insert(name, HostTensor { shape, values })),
            Err(error) => self.failed = Some(format!("{name}: {error:?}")),
        }
    }
}

struct Fill<'a> {
    path: Vec<String>,
    config: &'a UNetConfig,
    tensors: BTreeMap<String, HostTensor>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, transposed) = reference_name(&self.path, D, self.config);
        // All were found and measured before the first is taken.
        let Some(tensor) = self.tensors.remove(&name) else { return param };
        let tensor = if transposed { tensor.transposed() } else { tensor };
        param.map(|old| {
            let data = TensorData::new(tensor.values, tensor.shape);
            Tensor::<D>::from_data(data, &old.device()).set_require_grad(old.is_require_grad())
        })
    }
}
