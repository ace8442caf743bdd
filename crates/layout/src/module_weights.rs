use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::DType;

use crate::memory::check_memory;
use crate::{HostTensor, LayoutError, TensorStore};

/// How a class of the reference library names and lays out the parameters of a module of ours.
pub trait ParameterNames {
    /// The name of a parameter, and whether it is stored transposed. `path` are the names of the modules that hold it and
    /// its own.
    fn reference(&self, path: &[String], rank: usize) -> (String, bool);

    /// The present spelling of a name in a file; none for what is no parameter.
    fn modern(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }
}

/// Gives a module the weights of a file, in the given precision.
///
/// # Errors
///
/// One that lists every tensor that is missing, superfluous or of another shape; `beside` is the configuration that it
/// names.
pub fn load_module<M: Module>(
    module: M,
    names: &dyn ParameterNames,
    store: &TensorStore,
    beside: &Path,
    dtype: DType,
) -> Result<M, LayoutError> {
    let mut expected = Shapes { path: Vec::new(), names, found: BTreeMap::new() };
    module.visit(&mut expected);
    let mut stored = BTreeMap::new();
    for (name, shape) in store.shapes() {
        if let Some(modern) = names.modern(name) {
            let shape = as_matrix(shape, expected.found.get(&modern));
            stored.insert(modern, (name.to_owned(), shape.to_vec()));
        }
    }
    let problems = compare(&expected.found, &stored);
    if !problems.is_empty() {
        let (path, config) = (store.path().to_path_buf(), beside.to_path_buf());
        return Err(LayoutError::Weights { path, config, problems });
    }
    let bytes =
        |shape: &Vec<usize>| shape.iter().fold(4, |bytes: u64, &side| bytes.saturating_mul(side as u64));
    let needed = expected.found.values().map(bytes).fold(0, u64::saturating_add);
    check_memory(needed).map_err(|reason| LayoutError::Size { config: beside.to_path_buf(), reason })?;
    let mut fill = Fill { path: Vec::new(), names, stored, store, dtype, failed: None };
    let module = module.map(&mut fill);
    match fill.failed {
        Some(error) => Err(error),
        None => Ok(module),
    }
}

/// The shape of a convolution of side 1 without its sides, where a matrix is `expected`.
fn as_matrix<'a>(shape: &'a [usize], expected: Option<&Vec<usize>>) -> &'a [usize] {
    match shape {
        [matrix @ .., 1, 1] if matrix.len() == 2 && expected.is_some_and(|expected| expected.len() == 2) => {
            matrix
        }
        _ => shape,
    }
}

/// A module's weights in the reference library's names and layout.
///
/// # Errors
///
/// If the device cannot be read.
pub fn module_tensors<M: Module>(
    module: &M,
    names: &dyn ParameterNames,
) -> Result<BTreeMap<String, HostTensor>, LayoutError> {
    collect_tensors(module, names, Weights)
}

/// What is read of each parameter.
pub trait ParameterValue {
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
///
/// # Errors
///
/// If the device cannot be read.
pub fn collect_tensors<M: Module, V: ParameterValue>(
    module: &M,
    names: &dyn ParameterNames,
    value: V,
) -> Result<BTreeMap<String, HostTensor>, LayoutError> {
    let mut collect = Collect { path: Vec::new(), names, value, found: BTreeMap::new(), failed: None };
    module.visit(&mut collect);
    match collect.failed {
        Some(reason) => Err(LayoutError::Device(reason)),
        None => Ok(collect.found),
    }
}

fn compare(
    expected: &BTreeMap<String, Vec<usize>>,
    stored: &BTreeMap<String, (String, Vec<usize>)>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, shape) in expected {
        match stored.get(name) {
            None => problems.push(format!("missing: {name} {shape:?}")),
            Some((_, found)) if found != shape => {
                problems.push(format!("misshapen: {name} is {found:?}, not {shape:?}"));
            }
            Some(_) => {}
        }
    }
    let extra = stored.iter().filter(|(name, _)| !expected.contains_key(*name));
    problems.extend(extra.map(|(name, (_, shape))| format!("superfluous: {name} {shape:?}")));
    problems
}

struct Shapes<'a> {
    path: Vec<String>,
    names: &'a dyn ParameterNames,
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
        let (name, transposed) = self.names.reference(&self.path, D);
        let mut shape = param.lazy_shape().to_vec();
        if transposed {
            shape.reverse();
        }
        self.found.insert(name, shape);
    }
}

struct Collect<'a, V> {
    path: Vec<String>,
    names: &'a dyn ParameterNames,
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
        let (name, transposed) = self.names.reference(&self.path, D);
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
    names: &'a dyn ParameterNames,
    /// Names in the file, by their present spelling.
    stored: BTreeMap<String, (String, Vec<usize>)>,
    store: &'a TensorStore,
    dtype: DType,
    failed: Option<LayoutError>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    /// Leaves what it replaces unmade: a new network draws its weights when they are first used.
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, transposed) = self.names.reference(&self.path, D);
        // All were found and measured before the first is read.
        let Some((stored, shape)) = self.stored.get(&name) else { return param };
        let tensor = self.store.read(stored).map(|tensor| HostTensor { shape: shape.clone(), ..tensor });
        let tensor = match tensor {
            Ok(tensor) if transposed => tensor.transposed(),
            Ok(tensor) => tensor,
            Err(error) => {
                self.failed.get_or_insert(error);
                return param;
            }
        };
        let data = TensorData::new(tensor.values, tensor.shape);
        let (id, device) = (param.id, param.lazy_device());
        param.transform_for_load(Tensor::from_data(data, (&device, self.dtype)), id)
    }
}
