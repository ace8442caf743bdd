//! The `eval` program, and the network of FID.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod cascade;
mod command;
mod inception;
mod latent;
mod live;
