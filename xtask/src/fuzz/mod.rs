//! `cargo xtask fuzz`: hostile files and command lines for the programs, none of which may panic, hang or outgrow its bound.

mod bounded;
mod bytes;
mod hostile;
mod invocation;
mod keep;
mod kinds;
mod seeds;
mod tree;
mod verdict;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use fastrand::Rng;

use invocation::Invocation;
use keep::Kept;
use kinds::Kind;
use seeds::Seeds;

use crate::cargo::{cargo, root, target};

/// Run the programs on hostile files and command lines; what panics, hangs or outgrows its bound is kept
#[derive(clap::Args)]
pub struct Args {
    /// What is hostile; everything in turn unless given
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// For how long, for example 30m
    #[arg(long = "for", value_name = "TIME", default_value = "2m", value_parser = humantime::parse_duration)]
    time: Duration,
    /// Inputs follow from it, one after the other
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Run an input again that was kept
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["kinds", "time", "seed"])]
    repeat: Option<PathBuf>,
    /// Print every command and the last line of its answer
    #[arg(long)]
    verbose: bool,
    /// Programs that are built already [default: the debug profile's, which are built first]
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
}

/// Fuzzes for the time that is given, or repeats one input.
///
/// # Errors
///
/// If a program cannot be built or an input cannot be made.
pub fn run(args: &Args) -> Result<ExitCode> {
    if !cfg!(target_os = "linux") {
        bail!("`cargo xtask fuzz` needs Linux, which alone bounds the memory of a program by `ulimit -v`");
    }
    let programs = match &args.programs {
        Some(folder) => folder.canonicalize().with_context(|| format!("--programs {}", folder.display()))?,
        None => build()?,
    };
    let folder = target().join("fuzz");
    if let Some(kept) = &args.repeat {
        return repeat(&programs, kept, &folder.join("repeated"));
    }
    terminal::say("making good files");
    let seeds = Seeds::prepare(&programs, &folder.join("seeds"))?;
    let kinds = if args.kinds.is_empty() { Kind::value_variants() } else { &args.kinds };
    let session = Session {
        programs: &programs,
        seeds: &seeds,
        kinds,
        seed: args.seed,
        verbose: args.verbose,
        end: Instant::now() + args.time,
        next: AtomicU64::new(0),
        kept: Mutex::new(Kept::new(folder.join("kept"))),
        counts: kinds.iter().map(|_| Default::default()).collect(),
    };
    session.run(&folder)
}

fn build() -> Result<PathBuf> {
    let line = "build --package infer --package train --package eval --package interop --bins";
    let status =
        cargo().current_dir(root()).args(line.split(' ')).status().context("failed to start cargo")?;
    if !status.success() {
        bail!("failed to build the programs: {status}");
    }
    Ok(target().join("debug"))
}

/// What the threads share.
struct Session<'a> {
    programs: &'a Path,
    seeds: &'a Seeds,
    kinds: &'a [Kind],
    seed: u64,
    verbose: bool,
    end: Instant,
    /// How many inputs were begun.
    next: AtomicU64,
    kept: Mutex<Kept>,
    /// Of each kind, how many inputs were tried and how many of them a program accepted.
    counts: Vec<[AtomicU64; 2]>,
}

impl Session<'_> {
    fn run(self, folder: &Path) -> Result<ExitCode> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        thread::scope(|scope| {
            let folder = |thread| folder.join(format!("thread-{thread}"));
            let workers: Vec<_> =
                (0..threads).map(folder).map(|folder| scope.spawn(|| self.work(folder))).collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| bail!("a thread of the fuzzer panicked"))
            })
        })?;
        terminal::say(format_args!("{:<12} {:>7} {:>9}", "", "inputs", "accepted"));
        for (kind, [inputs, accepted]) in self.kinds.iter().zip(&self.counts) {
            let name = format!("{kind:?}").to_lowercase();
            terminal::say(format_args!(
                "{name:<12} {:>7} {:>9}",
                inputs.load(Ordering::Relaxed),
                accepted.load(Ordering::Relaxed)
            ));
        }
        let (inputs, kept) = (self.next.into_inner(), self.kept.into_inner());
        let faults = kept.map_err(|_| anyhow::anyhow!("a thread of the fuzzer panicked"))?.faults();
        terminal::say(format_args!("{inputs} inputs, {faults} faults"));
        Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// One input after the other, until the time is over.
    fn work(&self, folder: PathBuf) -> Result<()> {
        let folder = &folder;
        while Instant::now() < self.end {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let count = self.kinds.len() as u64;
            let at = (number % count) as usize;
            let kind = self.kinds[at];
            let mut rng = rng(self.seed, kind, number / count);
            bounded::fresh(folder)?;
            let invocation = kind.make(&mut rng, self.seeds, &folder.join("input"))?;
            invocation.save(&folder.join("command.json"))?;
            // The program may change its input, which is kept as it was.
            let again = folder.with_extension("again");
            let ended = bounded::run(self.programs, &invocation, folder)?;
            if self.verbose {
                let answer =
                    ended.stderr.lines().last().unwrap_or(ended.stdout.lines().last().unwrap_or_default());
                terminal::say(format_args!("{}\n  {answer}", invocation.line()));
            }
            let accepted = ended.status.is_some_and(|status| status.success());
            self.counts[at][0].fetch_add(1, Ordering::Relaxed);
            self.counts[at][1].fetch_add(accepted.into(), Ordering::Relaxed);
            let Some(fault) = verdict::fault(&invocation, &ended) else { continue };
            bounded::fresh(&again)?;
            let mut rng = self::rng(self.seed, kind, number / count);
            kind.make(&mut rng, self.seeds, &again.join("input"))?;
            invocation.save(&again.join("command.json"))?;
            let mut kept =
                self.kept.lock().map_err(|_| anyhow::anyhow!("a thread of the fuzzer panicked"))?;
            kept.add(&fault, &format!("{kind:?}-{}-{}", self.seed, number / count), &again, &invocation)?;
        }
        Ok(())
    }
}

/// The randomness of an input: it depends on its kind and number alone, not on the other kinds.
fn rng(seed: u64, kind: Kind, number: u64) -> Rng {
    let mut rng = Rng::with_seed(seed);
    let mut rng = Rng::with_seed(rng.u64(..) ^ (kind as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Rng::with_seed(rng.u64(..).wrapping_add(number))
}

fn repeat(programs: &Path, kept: &Path, folder: &Path) -> Result<ExitCode> {
    let invocation = Invocation::load(&kept.join("command.json"))?;
    bounded::fresh(folder)?;
    seeds::copy(&kept.join("input"), &folder.join("input"))?;
    terminal::say(format_args!("$ {}", invocation.line()));
    let ended = bounded::run(programs, &invocation, folder)?;
    terminal::say(format_args!("{}{}", ended.stdout, ended.stderr));
    match verdict::fault(&invocation, &ended) {
        Some(fault) => {
            terminal::say(format_args!("fault: {} {}", fault.name, fault.message));
            Ok(ExitCode::FAILURE)
        }
        None => {
            terminal::say("no fault");
            Ok(ExitCode::SUCCESS)
        }
    }
}
