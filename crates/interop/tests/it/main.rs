//! Folders in the diffusers layout: recorded, written and read back, and damaged.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod autoencoders;
mod cases;
mod damage;
mod names;
mod round_trip;
mod shards;
