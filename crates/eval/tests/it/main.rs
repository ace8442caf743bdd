//! The `eval` program, and the network of FID.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod command;
mod inception;
