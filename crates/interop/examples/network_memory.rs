//! Reads a network of the reference library and asks it once: how long that takes, and how much memory.
//!
//! `cargo run -p interop --example network_memory -- FOLDER`, where FOLDER is a `unet` folder with `config.json` and weights,
//! of any size. The peak is the process's own, on Linux.

#![allow(clippy::print_stdout, reason = "a measurement for whoever runs it")]

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::module::Module;
use burn::prelude::*;
use unet::{ClassInput, Condition, Conditions};

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).context("name the folder of a network")?.into();
    let device = Device::flex();
    let begin = Instant::now();
    let (net, config) = interop::read_unet(&folder, &device)?;
    let weights = 4 * net.num_params();
    println!("weights      {:>8.0} MB as f32, read in {:.1} s", mb(weights), begin.elapsed().as_secs_f64());
    report("after reading", weights)?;

    let side = config.image_size;
    let conditions = Conditions {
        class: match config.class_input {
            ClassInput::Label => config.num_classes.map(|_| Condition::Labels(Tensor::zeros([1], &device))),
            ClassInput::Number => Some(Condition::Numbers(Tensor::zeros([1], &device))),
            ClassInput::Embedding => Some(vector(config.resolved_time_channels(), &device)),
            ClassInput::Projection(channels) | ClassInput::Linear(channels) => {
                Some(vector(channels, &device))
            }
        },
        text: config.context.map(|context| Tensor::zeros([1, 77, context.channels], &device)),
        ..Conditions::default()
    };
    let begin = Instant::now();
    let x = Tensor::zeros([1, config.in_channels, side, side], &device);
    let output = net.forward_with(x, Tensor::zeros([1], &device), conditions)?;
    let largest = output.abs().max().into_scalar::<f32>();
    println!("one step     {side}x{side}: {:.1} s, largest {largest:.3}", begin.elapsed().as_secs_f64());
    report("after a step", weights)
}

fn vector(channels: usize, device: &Device) -> Condition {
    Condition::Embeddings(Tensor::zeros([1, channels], device))
}

fn report(when: &str, weights: usize) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("failed to read the peak memory")?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    let peak: usize = peak.context("the peak memory is not in /proc/self/status")?;
    println!(
        "{when:12} {:>8.0} MB at most, {:.2} of the weights",
        mb(1024 * peak),
        1024.0 * peak as f64 / weights as f64
    );
    Ok(())
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
