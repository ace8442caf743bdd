//! The `train` program and the engine behind it, as a user meets them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod cascade;
mod configs;
mod damage;
mod dpm;
mod errors;
mod first_stage;
mod latent;
mod pictures;
mod resume;
