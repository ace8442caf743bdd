//! Tests of the network through its public interface.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod classifier;
mod config;
mod context;
mod golden;
mod gradient;
mod network;
mod super_resolution;
mod weights;

use burn::tensor::{Device, Int, Tensor};

/// Waves of amplitude 1 in the place of images.
fn images(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let n = shape.iter().product::<usize>() as i64;
    Tensor::<1, Int>::arange(0..n, device).float().sin().reshape(shape)
}
