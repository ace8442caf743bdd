//! `cargo xtask bench`: what configurations cost on a device.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use backend::BackendName;
use burn::train::Interrupter;
use clap::Parser;
use train::cascade::SuperResolution;
use train::{
    ClassifierSystem, DpmSystem, DraftConfig, FirstStage, LatentSystem, Objective, PointSystem, RunDir,
    Session, System, SystemName, check_config_path,
};

/// Measure training steps, sampling and memory of configurations.
#[derive(Parser)]
struct Args {
    /// Configurations [default: configs/digits-ddpm.toml].
    configs: Vec<PathBuf>,
    /// Backend: flex, ndarray, cpu, wgpu, vulkan, metal, cuda, rocm or tch.
    #[arg(long, default_value = "flex")]
    backend: BackendName,
    /// Which device of the backend.
    #[arg(long, default_value_t = 0, value_name = "N")]
    device: usize,
    /// Steps to take the median of.
    #[arg(long, default_value_t = 20)]
    repetitions: usize,
    /// Change a key of the configurations, such as train.batch_size=16; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

fn main() -> ExitCode {
    terminal::run(|args: Args| kernels::inside_pool(|| run(args)).map(|()| ExitCode::SUCCESS))
}

fn run(mut args: Args) -> Result<()> {
    if args.configs.is_empty() {
        args.configs.push("configs/digits-ddpm.toml".into());
    }
    terminal::say(format_args!(
        "| config | backend | parameters | step ms | images/s | GFLOP/s | memory MiB | sampling |"
    ));
    terminal::say(format_args!("|---|---|---|---|---|---|---|---|"));
    for path in &args.configs {
        check_config_path(path)?;
        match SystemName::of(path)? {
            SystemName::Ddpm => bench::<Objective>(&args, path)?,
            SystemName::Dpm => bench::<DpmSystem>(&args, path)?,
            SystemName::Points => bench::<PointSystem>(&args, path)?,
            SystemName::Autoencoder => bench::<FirstStage>(&args, path)?,
            SystemName::Classifier => bench::<ClassifierSystem>(&args, path)?,
            SystemName::Latent => bench::<LatentSystem>(&args, path)?,
            SystemName::SuperResolution => bench::<SuperResolution>(&args, path)?,
            SystemName::Cascade => {
                bail!("{} is a cascade: give runs/NAME/stage-N/config.toml", path.display())
            }
        }
    }
    Ok(())
}

fn bench<S: System>(args: &Args, path: &Path) -> Result<()> {
    let draft = DraftConfig::<S::Config>::read(path, &args.set)?;
    let splits = draft.dataset.open(false)?;
    let session = Session::<S> {
        run: RunDir::new("runs/bench"),
        config: draft.resolve(&splits)?,
        splits,
        backend: args.backend,
        device_index: args.device,
        resume: None,
        budget: None,
        plain: true,
        interrupter: Interrupter::new(),
    };
    let bench = session.bench(args.repetitions.max(1))?;
    terminal::say(format_args!(
        "| {} | {} | {} | {:.1} | {:.1} | {:.0} | {} | {} images: {:.2} s |",
        path.display(),
        args.backend,
        bench.parameters,
        1000.0 * bench.step,
        bench.images_per_second,
        bench.gflops,
        bench.memory_mib.map_or("-".into(), |memory| format!("{memory:.0}")),
        bench.sample_images,
        bench.sample
    ));
    Ok(())
}
