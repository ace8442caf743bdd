//! Autoencoders as a whole.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod codebook;
mod config;
mod latent;
