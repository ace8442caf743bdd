//! `dataset fetch NAME` downloads a published data set; `dataset make emoji` makes one.

#[cfg(feature = "emoji")]
#[path = "dataset/make.rs"]
mod make;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use data::fetch::{self, PublishedFile, published, published_names};
use indicatif::{ProgressBar, ProgressStyle};

/// Download published data sets, or make one
#[derive(Parser)]
#[command(name = "dataset", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download a data set, resume if it was cut short, and verify its SHA-256
    Fetch {
        /// mnist, fashion-mnist or cifar10
        #[arg(value_parser = published_names())]
        name: String,
        /// Folder to download to [default: datasets/NAME]
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Address of a folder that holds the same files
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
    },
    /// Make a data set out of what is on this machine
    #[cfg(feature = "emoji")]
    #[command(subcommand)]
    Make(make::Set),
}

fn main() -> ExitCode {
    terminal::run(|args: Args| {
        match args.command {
            Command::Fetch { name, dir, mirror } => fetch_set(&name, dir, mirror)?,
            #[cfg(feature = "emoji")]
            Command::Make(set) => make::run(set)?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn fetch_set(name: &str, dir: Option<PathBuf>, mirror: Option<String>) -> Result<()> {
    let set = published(name).context("no such data set")?;
    let dir = dir.unwrap_or_else(|| PathBuf::from("datasets").join(name));
    terminal::say(format_args!("{name} from {} to {}", mirror.as_deref().unwrap_or(set.url), dir.display()));

    let mut progress = Progress::default();
    fetch::fetch(set, &dir, mirror.as_deref(), &mut |file, there| progress.show(file, there))?;
    progress.finish();

    terminal::say(format_args!(
        "\nverified; use it with\n\n[dataset]\n{}",
        set.config.replace("DIR", &dir.display().to_string())
    ));
    Ok(())
}

/// One bar for each file, in turn.
#[derive(Default)]
struct Progress {
    current: Option<(&'static str, ProgressBar)>,
}

impl Progress {
    fn show(&mut self, file: &PublishedFile, there: u64) {
        if self.current.as_ref().is_none_or(|(name, _)| *name != file.name) {
            self.finish();
            self.current = Some((file.name, bar(file)));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_position(there);
        }
    }

    fn finish(&mut self) {
        if let Some((name, bar)) = self.current.take() {
            bar.finish();
            if bar.is_hidden() {
                terminal::say(format_args!("{name}: {} bytes", bar.position()));
            }
        }
    }
}

fn bar(file: &PublishedFile) -> ProgressBar {
    let bar = ProgressBar::new(file.bytes);
    let template = "{msg:28} {bar:30} {bytes:>10}/{total_bytes} {bytes_per_sec} eta {eta}";
    // The template is a constant: should it be wrong, the default bar serves.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(file.name);
    bar
}
