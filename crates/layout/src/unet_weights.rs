use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::DType;
use unet::{UNet, UNetConfig};

use crate::module_weights::{ParameterNames, load_module, module_tensors};
use crate::parameter_names::{modern_name, reference_name};
use crate::{HostTensor, LayoutError, TensorStore};

/// Gives a network the weights of a file in the reference library's names and layout, in the given precision.
///
/// # Errors
///
/// One that lists every tensor that is missing, superfluous or of another shape; `beside` is the configuration that it
/// names.
pub fn load_unet(
    unet: UNet,
    config: &UNetConfig,
    store: &TensorStore,
    beside: &Path,
    dtype: DType,
) -> Result<UNet, LayoutError> {
    load_module(unet, &UNetNames(config), store, beside, dtype)
}

/// A network's weights in the reference library's names and layout.
///
/// # Errors
///
/// If the device cannot be read.
pub fn unet_tensors(unet: &UNet, config: &UNetConfig) -> Result<BTreeMap<String, HostTensor>, LayoutError> {
    module_tensors(unet, &UNetNames(config))
}

/// The names of `UNet2DModel`.
#[derive(Debug)]
pub struct UNetNames<'a>(pub &'a UNetConfig);

impl ParameterNames for UNetNames<'_> {
    fn reference(&self, path: &[String], rank: usize) -> (String, bool) {
        reference_name(path, rank, self.0)
    }

    fn modern(&self, name: &str) -> Option<String> {
        Some(modern_name(name))
    }
}
