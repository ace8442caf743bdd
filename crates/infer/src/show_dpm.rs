use std::process::ExitCode;

use anyhow::Result;
use burn::prelude::*;
use infer::Args;
use train::{DpmRunConfig, TrainedDpm, Weights};

use crate::output::{Shown, show};
use crate::stop_on_ctrl_c;

/// Draws from a chain of 2015, or shows its trajectories.
pub fn show_dpm(args: &Args, config: &DpmRunConfig, weights: &Weights, device: &Device) -> Result<ExitCode> {
    let model = TrainedDpm::load(weights, config, device)?;
    let stop = stop_on_ctrl_c()?;
    let Some(drawn) = infer::draw_dpm(args, &model, &stop)? else {
        terminal::note("stopped before all was drawn");
        return Ok(ExitCode::from(130));
    };
    show(
        args,
        &Shown {
            picture: &drawn.picture,
            frames: &drawn.frames,
            samples: drawn.samples,
            settings: &drawn.settings,
        },
    )
}
