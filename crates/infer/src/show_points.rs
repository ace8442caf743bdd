use std::process::ExitCode;

use anyhow::Result;
use burn::prelude::*;
use infer::Args;
use train::{PointRunConfig, TrainedPoints, Weights};

use crate::output::{Shown, show};
use crate::stop_on_ctrl_c;

/// Draws points, and the rows that show how.
pub fn show_points(
    args: &Args,
    config: &PointRunConfig,
    weights: &Weights,
    device: &Device,
) -> Result<ExitCode> {
    let trained = TrainedPoints::load(weights, config, device)?;
    let stop = stop_on_ctrl_c()?;
    let Some(drawn) = infer::draw_point_walk(args, &trained, &stop)? else {
        terminal::note("stopped before all was drawn");
        return Ok(ExitCode::from(130));
    };
    show(
        args,
        &Shown {
            picture: &drawn.picture,
            frames: &drawn.frames,
            samples: drawn.points,
            settings: &drawn.settings,
        },
    )
}
