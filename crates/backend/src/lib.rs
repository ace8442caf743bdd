//! `--backend NAME` to a Burn [`Device`](burn::tensor::Device): the only crate that knows which backends are compiled in.
//!
//! A model is written once; which backend runs it is a value. [`BackendName`] is that value, [`open`] turns it into
//! a device that has already answered a first operation, and [`describe`] says what the device is.

mod error;
mod name;
mod open;

pub use error::BackendError;
pub use name::{BackendName, UnknownBackend};
pub use open::{compiled, describe, devices, open};
