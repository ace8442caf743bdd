//! Folders in the diffusers layout: recorded, written and read back, and damaged.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod autoencoders;
mod cases;
mod conditions;
mod damage;
mod latent_export;
mod names;
mod pipelines;
mod published;
mod round_trip;
mod shards;
mod text;
