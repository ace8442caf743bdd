use std::process::ExitCode;

use anyhow::Result;
use burn::prelude::*;
use infer::Args;
use train::RunConfig;

/// Draws the forward process as a strip, and prints its moments.
///
/// # Errors
///
/// If there is no such image, or the picture cannot be written.
pub fn show_forward(args: &Args, name: &str, config: &RunConfig, device: &Device) -> Result<ExitCode> {
    let side = config.model.image_size;
    let shape = [config.model.in_channels, side, side];
    let schedule = config.schedule()?;
    let image = infer::find_image(name, &config.dataset, shape)?;
    let result = infer::forward(image, shape, &schedule, args.seed, device)?;
    terminal::say(format_args!(
        "x_t - alpha x0 over {} draws of each pixel, by the chain and by the closed form",
        copies(&result, shape)
    ));
    terminal::say(format_args!("    t   alpha   sigma^2  mean chain  mean closed  var chain  var closed"));
    for row in &result.rows {
        terminal::say(format_args!(
            "{:5}  {:.4}  {:.6}  {:10.5}  {:11.5}  {:.7}  {:.8}  {}",
            row.timestep,
            row.level.alpha,
            row.level.sigma.powi(2),
            row.chain.0,
            row.closed.0,
            row.chain.1,
            row.closed.1,
            if row.agrees() { "agree" } else { "DISAGREE" }
        ));
    }
    let path = args.out();
    let strip = result.strip(args.zoom());
    strip.write_png(&path, &[("forward", name), ("seed", &args.seed.to_string())])?;
    terminal::say(format_args!("the chain above, the closed form below: {}", path.display()));
    if args.show {
        terminal::draw(&infer::half_blocks(&strip));
    }
    let agree = result.rows.iter().all(infer::Row::agrees);
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn copies(result: &infer::Forward, shape: [usize; 3]) -> usize {
    result.rows.first().map_or(0, |row| row.values / shape.iter().product::<usize>())
}
