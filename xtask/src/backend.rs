//! What `--backend NAME` means to cargo: a feature and, for some, an environment.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, anyhow};
use clap::ValueEnum;

use crate::cargo::target;

/// The backends of Burn. The crate `backend` has the same list with their devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// CPU, pure Rust, nothing to install
    #[default]
    Flex,
    /// CPU, older, hundreds of times slower to train
    Ndarray,
    /// CPU through CubeCL and LLVM
    Cpu,
    /// any GPU through wgpu
    Wgpu,
    /// GPUs with a Vulkan driver, SPIR-V kernels
    Vulkan,
    /// Apple GPUs
    Metal,
    /// NVIDIA GPUs
    Cuda,
    /// AMD GPUs
    Rocm,
    /// libtorch, CPU or CUDA (`cargo xtask setup tch`)
    Tch,
}

const PERSISTENCE: &str = "persistence";

impl Backend {
    /// The cargo features that compile the backend in; flex is always there. GPUs keep their tuned kernels on disk.
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Self::Flex => &[],
            Self::Ndarray => &["ndarray"],
            Self::Tch => &["tch"],
            Self::Cpu => &["cpu", PERSISTENCE],
            Self::Wgpu => &["wgpu", PERSISTENCE],
            Self::Vulkan => &["vulkan", PERSISTENCE],
            Self::Metal => &["metal", PERSISTENCE],
            Self::Cuda => &["cuda", PERSISTENCE],
            Self::Rocm => &["rocm", PERSISTENCE],
        }
    }

    /// The backend that a program's arguments name, flex unless they do.
    pub fn among(arguments: &[OsString]) -> Result<Self> {
        let Some(name) = option(arguments, "--backend") else { return Ok(Self::default()) };
        let unknown = |_| anyhow!("unknown backend `{name}`: choose one of {}", Self::names());
        Self::from_str(&name, false).map_err(unknown)
    }

    /// The names, separated by commas.
    fn names() -> String {
        Self::value_variants().iter().map(|backend| backend.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn as_str(self) -> &'static str {
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

    /// Sets what the backend's libraries look for, unless the user has set it.
    pub fn prepare(self, command: &mut Command) {
        // Burn restores optimizer records on its default device before it moves them to the chosen one.
        default_to(command, "BURN_DEVICE", self.as_str());
        match self {
            Self::Tch => {
                let libtorch = target().join("libtorch");
                if std::env::var_os("LIBTORCH").is_none() && libtorch.join("build-version").exists() {
                    use_libtorch(command, &libtorch);
                } else if std::env::var_os("LIBTORCH").is_none() {
                    terminal::note(
                        "note: the build downloads libtorch, unless `cargo xtask setup tch` has brought it",
                    );
                }
            }
            // The Vulkan loader complains about a missing folder, though nothing is ever drawn on a screen.
            Self::Wgpu | Self::Vulkan if cfg!(target_os = "linux") => {
                default_to(command, "XDG_RUNTIME_DIR", std::env::temp_dir());
            }
            _ => {}
        }
    }
}

/// Points the build and the program at a folder of libtorch.
pub fn use_libtorch(command: &mut Command, libtorch: &Path) {
    let mut search = OsString::from(libtorch.join("lib"));
    if let Some(old) = std::env::var_os("LD_LIBRARY_PATH").filter(|old| !old.is_empty()) {
        search.push(":");
        search.push(old);
    }
    command.env("LIBTORCH", libtorch).env("LD_LIBRARY_PATH", search);
}

fn default_to(command: &mut Command, key: &str, value: impl AsRef<std::ffi::OsStr>) {
    if std::env::var_os(key).is_none() {
        command.env(key, value);
    }
}

/// The value of `--name value` or `--name=value`, the last one given.
pub fn option(arguments: &[OsString], name: &str) -> Option<String> {
    let texts: Vec<_> = arguments.iter().map(|arg| arg.to_string_lossy()).collect();
    let spaced = texts.windows(2).rev().find(|pair| pair[0] == name).map(|pair| pair[1].to_string());
    let joined = texts.iter().rev().find_map(|text| text.strip_prefix(name)?.strip_prefix('='));
    spaced.or_else(|| joined.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for backend in Backend::value_variants() {
            assert_eq!(Backend::from_str(backend.as_str(), false), Ok(*backend));
        }
    }

    #[test]
    fn features_are_named_as_their_backends() {
        for backend in Backend::value_variants() {
            let name = backend.features().first().copied();
            assert_eq!(name, (*backend != Backend::Flex).then(|| backend.as_str()));
        }
    }

    #[test]
    fn the_crate_backend_has_the_same() {
        let manifest = include_str!("../../crates/backend/Cargo.toml").parse::<toml::Table>().unwrap();
        let mut there: Vec<&str> =
            manifest["features"].as_table().unwrap().keys().map(String::as_str).collect();
        let mut here: Vec<&str> =
            Backend::value_variants().iter().flat_map(|it| it.features()).copied().collect();
        there.sort_unstable();
        here.sort_unstable();
        here.dedup();
        assert_eq!(here, there);
    }

    #[test]
    fn the_chosen_backend_is_burns_default_device() {
        let mut command = Command::new("true");
        Backend::Wgpu.prepare(&mut command);
        let set: Vec<_> = command.get_envs().filter(|(key, _)| *key == "BURN_DEVICE").collect();
        assert_eq!(set, [("BURN_DEVICE".as_ref(), Some("wgpu".as_ref()))]);
    }

    #[test]
    fn options_are_found_in_both_spellings() {
        let arguments = ["-n", "4", "--backend", "tch", "--run=runs/a"].map(OsString::from);
        assert_eq!(option(&arguments, "--backend").as_deref(), Some("tch"));
        assert_eq!(option(&arguments, "--run").as_deref(), Some("runs/a"));
        assert_eq!(option(&arguments, "--seed"), None);
    }

    #[test]
    fn an_unknown_backend_is_answered_with_the_names() {
        let error = Backend::among(&["--backend=gpu".into()]).unwrap_err().to_string();
        assert!(error.starts_with("unknown backend `gpu`: choose one of flex, ndarray, "), "{error}");
        assert_eq!(Backend::among(&[]).unwrap(), Backend::Flex);
    }
}
