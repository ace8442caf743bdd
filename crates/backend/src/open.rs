use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use burn::tensor::{Device, Tensor};

use crate::{BackendError, BackendName};

/// The backends compiled into this program; `flex` is always one of them.
pub fn compiled() -> Vec<BackendName> {
    BackendName::ALL.into_iter().filter(|name| is_compiled(*name)).collect()
}

fn is_compiled(name: BackendName) -> bool {
    match name {
        BackendName::Flex => true,
        BackendName::Ndarray => cfg!(feature = "ndarray"),
        BackendName::Cpu => cfg!(feature = "cpu"),
        BackendName::Wgpu => cfg!(feature = "wgpu"),
        BackendName::Vulkan => cfg!(feature = "vulkan"),
        BackendName::Metal => cfg!(feature = "metal"),
        BackendName::Cuda => cfg!(feature = "cuda"),
        BackendName::Rocm => cfg!(feature = "rocm"),
        BackendName::Tch => cfg!(feature = "tch"),
    }
}

/// The device `index` of a backend, without autodiff, after it has answered a first small operation.
///
/// Devices count from 0, GPUs before software adapters and CPUs; a CPU backend has device 0 alone.
///
/// burn-optim restores optimizer records on `Device::default()` before it moves them. That is the first GPU of a
/// program with GPU backends, whatever was opened here, unless the environment's `BURN_DEVICE` names another backend:
/// `cargo xtask` sets it to the chosen one.
///
/// # Errors
///
/// [`BackendError`] when the backend is not compiled in, finds no device, has no device `index`, or fails on it.
pub fn open(name: BackendName, index: usize) -> Result<Device, BackendError> {
    let mut devices = devices(name)?;
    let count = devices.len();
    if count == 0 {
        return Err(BackendError::NoDevice { name });
    }
    if index >= count {
        return Err(BackendError::NoSuchDevice { name, index, count });
    }
    let device = devices.swap_remove(index);
    quietly(|| probe(&device)).map_err(|reason| BackendError::Broken { name, index, reason })?;
    Ok(device)
}

/// Every device of a backend on this machine, in the order of [`open`]'s index; empty where there is none.
///
/// # Errors
///
/// [`BackendError::NotCompiled`], or [`BackendError::Broken`] when the backend fails while it lists its devices.
pub fn devices(name: BackendName) -> Result<Vec<Device>, BackendError> {
    if !is_compiled(name) {
        return Err(BackendError::NotCompiled { name });
    }
    quietly(|| list(name)).map_err(|reason| BackendError::Broken { name, index: 0, reason })
}

/// What a device is, for people and for `record.json`: its backend and, where the backend knows it, the adapter.
pub fn describe(name: BackendName, device: &Device) -> String {
    match adapter(device) {
        Some(adapter) => format!("{name}: {adapter}"),
        None => format!("{name}: CPU"),
    }
}

#[cfg(any(
    feature = "cpu",
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "cuda",
    feature = "rocm"
))]
fn adapter(device: &Device) -> Option<String> {
    device.identity().map(|identity| identity.name).or_else(|| torch_gpu(device))
}

#[cfg(not(any(
    feature = "cpu",
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "cuda",
    feature = "rocm"
)))]
fn adapter(device: &Device) -> Option<String> {
    torch_gpu(device)
}

#[cfg(feature = "tch")]
#[allow(deprecated)] // burn-tch is deprecated upstream and still its fastest CPU backend.
fn torch_gpu(device: &Device) -> Option<String> {
    let gpus = Device::enumerate(burn::tensor::DeviceType::LibTorch);
    let index = gpus.iter().position(|gpu| gpu == device)?;
    Some(format!("CUDA device {index}"))
}

#[cfg(not(feature = "tch"))]
fn torch_gpu(_: &Device) -> Option<String> {
    None
}

#[allow(deprecated)] // burn-ndarray and burn-tch are deprecated upstream.
fn list(name: BackendName) -> Vec<Device> {
    match name {
        #[cfg(feature = "ndarray")]
        BackendName::Ndarray => vec![Device::ndarray()],
        #[cfg(feature = "cpu")]
        BackendName::Cpu => vec![Device::cpu()],
        #[cfg(feature = "wgpu")]
        BackendName::Wgpu => gpus_first(burn::tensor::DeviceType::Wgpu, Device::wgpu),
        #[cfg(feature = "vulkan")]
        BackendName::Vulkan => gpus_first(burn::tensor::DeviceType::Vulkan, Device::vulkan),
        #[cfg(feature = "metal")]
        BackendName::Metal => gpus_first(burn::tensor::DeviceType::Metal, Device::metal),
        #[cfg(feature = "cuda")]
        BackendName::Cuda => Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec(),
        #[cfg(feature = "rocm")]
        BackendName::Rocm => Device::enumerate(burn::tensor::DeviceType::Rocm).into_vec(),
        #[cfg(feature = "tch")]
        BackendName::Tch => {
            let mut devices = Device::enumerate(burn::tensor::DeviceType::LibTorch).into_vec();
            devices.push(Device::libtorch());
            devices
        }
        BackendName::Flex => vec![Device::flex()],
        #[allow(unreachable_patterns)] // reachable unless every backend is compiled in
        _ => Vec::new(),
    }
}

/// wgpu lists adapters as the driver does: a laptop's integrated GPU may come before its discrete one.
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
fn gpus_first(kind: burn::tensor::DeviceType, make: fn(burn::tensor::DeviceKind) -> Device) -> Vec<Device> {
    use burn::tensor::DeviceKind;

    let mut devices = Device::enumerate(kind).into_vec();
    let count = devices.len();
    let best_first: Vec<Device> = (0..count)
        .map(DeviceKind::DiscreteGpu)
        .chain((0..count).map(DeviceKind::IntegratedGpu))
        .chain((0..count).map(DeviceKind::VirtualGpu))
        .map(make)
        .collect();
    devices.sort_by_key(|device| best_first.iter().position(|best| best == device).unwrap_or(usize::MAX));
    devices
}

/// A round trip through the device: drivers that list an adapter may still fail to compile a kernel for it.
fn probe(device: &Device) -> f32 {
    let two = Tensor::<1>::ones([1], device) + 1.0;
    two.into_scalar::<f32>()
}

/// Runs backend code that panics where a driver or library is missing, and returns the panic's text instead.
///
/// The panic hook is silent meanwhile: it belongs to the process, so call this before other threads start.
fn quietly<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    panic::set_hook(hook);
    result.map_err(|payload| first_line(payload.as_ref()))
}

fn first_line(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("it stopped without a message");
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flex_opens_and_has_one_device() {
        let device = open(BackendName::Flex, 0).unwrap();
        assert_eq!(probe(&device), 2.0);
        assert_eq!(describe(BackendName::Flex, &device), "flex: CPU");
        let error = open(BackendName::Flex, 3).unwrap_err().to_string();
        assert_eq!(error, "backend `flex` has no device 3: it has 1, counted from 0");
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_the_command_that_mends_it() {
        assert!(compiled().contains(&BackendName::Flex));
        for name in BackendName::ALL.into_iter().filter(|name| !is_compiled(*name)) {
            let error = open(name, 0).unwrap_err().to_string();
            assert!(error.contains(&format!("`cargo xtask train --backend {name}`")), "{error}");
        }
    }

    #[test]
    fn every_compiled_backend_opens_or_explains_itself() {
        for name in compiled() {
            match open(name, 0) {
                Ok(device) => assert_eq!(probe(&device), 2.0, "{name}"),
                Err(error) => assert!(error.to_string().contains(name.remedy()), "{error}"),
            }
        }
    }

    #[test]
    fn a_panic_inside_a_backend_becomes_its_first_line() {
        let result = quietly(|| -> () { panic!("no adapter\nbacktrace") });
        assert_eq!(result.unwrap_err(), "no adapter");
    }
}
