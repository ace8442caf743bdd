use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A Burn backend, by the name that `--backend`, the cargo features and `record.json` share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendName {
    /// Burn's own CPU backend in pure Rust; always compiled in.
    #[default]
    Flex,
    /// The older CPU backend in pure Rust.
    Ndarray,
    /// `CubeCL` kernels compiled for the CPU by LLVM.
    Cpu,
    /// Any graphics API through wgpu, with WGSL kernels.
    Wgpu,
    /// wgpu pinned to Vulkan, with SPIR-V kernels.
    Vulkan,
    /// wgpu pinned to Metal.
    Metal,
    /// NVIDIA GPUs.
    Cuda,
    /// AMD GPUs through ROCm.
    Rocm,
    /// `LibTorch`, on CUDA GPUs where the installed library has them, else on the CPU.
    Tch,
}

impl BackendName {
    /// Every backend, in the order in which messages list them.
    pub const ALL: [Self; 9] = [
        Self::Flex,
        Self::Ndarray,
        Self::Cpu,
        Self::Wgpu,
        Self::Vulkan,
        Self::Metal,
        Self::Cuda,
        Self::Rocm,
        Self::Tch,
    ];

    /// The name, which is also the cargo feature that compiles the backend in (`flex` needs none).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
            Self::Tch => "tch",
        }
    }

    /// What a user should know before a long run on this backend, if anything.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Ndarray => Some("backend `ndarray` trains tens to hundreds of times slower than `flex`"),
            Self::Cpu | Self::Wgpu | Self::Vulkan | Self::Metal | Self::Cuda | Self::Rocm => Some(
                "the first steps try out kernels for this device and take seconds to minutes; later steps do not",
            ),
            Self::Flex | Self::Tch => None,
        }
    }

    /// What a machine needs for this backend to find a device.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Flex | Self::Ndarray | Self::Cpu => "it needs nothing but a processor; please report this",
            Self::Wgpu => {
                "it needs a graphics driver; on Linux `cargo xtask setup wgpu` installs a software one"
            }
            Self::Vulkan => {
                "it needs a Vulkan 1.2 driver from the maker of the GPU; `vulkaninfo` shows what there is"
            }
            Self::Metal => "it needs macOS and a GPU with Metal",
            Self::Cuda => {
                "it needs an NVIDIA GPU, its driver (`nvidia-smi` shows both) and the CUDA toolkit's libnvrtc"
            }
            Self::Rocm => "it needs an AMD GPU and ROCm (`rocminfo` shows both)",
            Self::Tch => "it needs libtorch 2.9.0: run `cargo xtask setup tch`",
        }
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for BackendName {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> Result<Self, UnknownBackend> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownBackend { text: text.to_owned() })
    }
}

/// A text that names no backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown backend `{text}`: choose one of {}", names(&BackendName::ALL))]
pub struct UnknownBackend {
    text: String,
}

/// The names, separated by commas.
pub(crate) fn names(list: &[BackendName]) -> String {
    list.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_an_unknown_one_lists_them() {
        for name in BackendName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        let error = "gpu".parse::<BackendName>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown backend `gpu`: choose one of flex, ndarray, cpu, wgpu, vulkan, metal, cuda, rocm, tch"
        );
    }
}
