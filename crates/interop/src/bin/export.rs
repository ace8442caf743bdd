//! `cargo xtask export --run runs/x DIR`: writes a run as a folder that the diffusers library loads.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use backend::BackendName;
use clap::Parser;
use terminal::quoted;
use train::{
    FirstStageRunConfig, LatentRunConfig, RunConfig, RunDir, SystemName, TrainedFirstStage, TrainedLatent,
    TrainedModel, Weights,
};

/// Write a run's averaged network and its sampler in the layout of the diffusers library.
#[derive(Parser)]
#[command(name = "export", version)]
struct Args {
    /// The run to export.
    #[arg(long, value_name = "FOLDER", default_value = "checkpoints/digits-ddpm")]
    run: PathBuf,
    /// The folder to write; it is made, and must be empty if it is there.
    folder: PathBuf,
}

fn main() -> ExitCode {
    terminal::run(|args: Args| run(&args).map(|()| ExitCode::SUCCESS))
}

fn run(args: &Args) -> Result<()> {
    let folder = args.folder.display();
    if args.folder.is_file() || args.folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("failed to write {folder}: it is there and not an empty folder: name another");
    }
    let run = RunDir::named(&args.run)?;
    let device = backend::open(BackendName::default(), 0)?;
    let weights = || Weights::read(&run.ema());
    match SystemName::of(&run.config())? {
        SystemName::Ddpm => {
            let config = RunConfig::load(&run.config())?;
            let model = TrainedModel::load(&weights()?, &config, &device)?;
            let class = interop::export_run(&model, &config, &args.folder)?;
            terminal::say(format_args!("exported: {folder}, with a {class}"));
            say_of_classes(config.model.num_classes);
            terminal::say(format_args!(
                "draw from it with `cargo run -p infer -- --model {}`",
                quoted(folder)
            ));
        }
        SystemName::Autoencoder => {
            let config = FirstStageRunConfig::load(&run.config())?;
            let weights = weights()?;
            let splits = config.dataset.open(false)?;
            let model = TrainedFirstStage::load(&weights, config, &device)?;
            let scale = model.latent_scale(&splits, &device)?;
            let TrainedFirstStage { autoencoder, config } = model;
            let side = splits.image_shape()[1];
            interop::write_autoencoder(autoencoder, config.model, scale, side, &args.folder)?;
            terminal::say(format_args!("exported: {folder}"));
        }
        SystemName::Latent => {
            let config = LatentRunConfig::load(&run.config())?;
            let classes = config.model.num_classes.filter(|_| config.text.is_none());
            let class =
                interop::export_latent(&TrainedLatent::load(&weights()?, config, &device)?, &args.folder)?;
            terminal::say(format_args!("exported: {folder}, a {class}"));
            say_of_classes(classes);
            terminal::say(format_args!(
                "draw from it with `cargo run -p infer -- --model {}`",
                quoted(folder)
            ));
        }
        SystemName::Dpm
        | SystemName::Points
        | SystemName::Cascade
        | SystemName::SuperResolution
        | SystemName::Classifier => bail!(
            "{}: the diffusers library has no such model: export a run of DDPM or of an autoencoder",
            args.run.display()
        ),
    }
    Ok(())
}

/// Says what the pipeline of an exported network with classes does not do.
fn say_of_classes(classes: Option<usize>) {
    if let Some(classes) = classes {
        terminal::say(format_args!(
            "diffusers loads this folder, but its pipeline draws no classes: call the network itself with class_labels from \
             0 to {}",
            classes - 1
        ));
    }
}
