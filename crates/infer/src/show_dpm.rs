use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use burn::prelude::*;
use infer::Args;
use train::{DpmRunConfig, TrainedDpm};

use crate::output::FRAME_DELAY;
use crate::stop_on_ctrl_c;

/// Draws from a chain of 2015, or shows its trajectories.
pub fn show_dpm(args: &Args, config: &DpmRunConfig, weights: &Path, device: &Device) -> Result<ExitCode> {
    let model = TrainedDpm::load(weights, config, device)?;
    let stop = stop_on_ctrl_c()?;
    let Some(drawn) = infer::draw_dpm(args, &model, &stop)? else {
        eprintln!("stopped before all was drawn");
        return Ok(ExitCode::from(130));
    };
    for (key, value) in &drawn.settings {
        train::say(format_args!("{key}: {value}"));
    }
    let text: Vec<(&str, &str)> = drawn.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    drawn.picture.write_png(&args.out, &text)?;
    train::say(format_args!("{} samples: {}", drawn.samples, args.out.display()));
    if let Some(path) = &args.animate {
        data::grid::write_apng(path, &drawn.frames, FRAME_DELAY, &text)?;
        train::say(format_args!("animation: {}", path.display()));
    }
    if args.show {
        train::say(infer::half_blocks(&drawn.picture).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
