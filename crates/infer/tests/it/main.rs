//! The `infer` program as a user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod cascade;
mod classifier;
mod command;
mod dpm;
mod edits;
mod latent;
mod options;
mod output;
mod prompts;
