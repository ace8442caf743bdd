use crate::BackendName;
use crate::name::names;
use crate::open::compiled;

/// Why a backend gave no device.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The program was built without the backend's cargo feature.
    #[error(
        "backend `{name}` is not compiled into this program (it has {}): run `cargo xtask train --backend {name}`, \
         or add `--features {name}`",
        names(&compiled())
    )]
    NotCompiled {
        /// The backend asked for.
        name: BackendName,
    },
    /// The backend is there, but no adapter, driver or library of it.
    #[error("backend `{name}` finds no device on this machine: {}", name.remedy())]
    NoDevice {
        /// The backend asked for.
        name: BackendName,
    },
    /// The machine has devices of this backend, but fewer than the index asks for.
    #[error("backend `{name}` has no device {index}: it has {count}, counted from 0")]
    NoSuchDevice {
        /// The backend asked for.
        name: BackendName,
        /// The index asked for.
        index: usize,
        /// How many devices there are, at least one.
        count: usize,
    },
    /// The device is listed, but its first operation failed.
    #[error("backend `{name}` fails on device {index}: {reason}; {}", name.remedy())]
    Broken {
        /// The backend asked for.
        name: BackendName,
        /// The index asked for.
        index: usize,
        /// What the backend said.
        reason: String,
    },
}
