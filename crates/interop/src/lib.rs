//! The folder layout of the diffusers library, and conformance with that library.

pub mod conformance;
mod error;
mod scheduler;
mod scheduler_chain;
mod scheduler_continuous;
mod scheduler_grid;
mod scheduler_options;
mod scheduler_solver;
mod scheduler_table;
mod scheduler_walk;
mod tensor_file;

pub use error::InteropError;
pub use scheduler::{Call, Scheduler};
pub use scheduler_options::{Options, Unsupported};
pub use tensor_file::{HostTensor, TensorFile};
