use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use crate::fuzz::hostile;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose};

/// Programs, and options without which honest work would take minutes.
const PROGRAMS: [(&str, &str); 7] = [
    ("infer", "--steps 2"),
    ("infer", "--steps 2"),
    ("train", "--budget 1s"),
    ("eval", "--dry-run"),
    ("eval", "--samples 8 --seeds 1 --likelihoods 2 --classifier-steps 2 --steps 2"),
    ("export", ""),
    ("conformance", ""),
];

/// Files and folders, some of which are there.
const PATHS: [&str; 20] = [
    "runs/ddpm",
    "runs/cascade",
    "runs/latent",
    "runs/points",
    "runs/dpm",
    "runs/classifier",
    "runs/first-stage",
    "runs",
    "model",
    "picture.png",
    "picture.jpg",
    "mask.png",
    "configs/digits-ddpm.toml",
    "nowhere",
    "nowhere/file.png",
    "",
    ".",
    "a b\u{1b}[31m.png",
    "/proc/self/nothing",
    "runs/ddpm/checkpoint/step-00000002",
];

/// A program with some of its options, each with a value that may be hostile.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let name = Seeds::run(rng);
    seeds.copy(&format!("runs/{name}"), &folder.join("runs").join(name))?;
    seeds.copy("checkpoints", &folder.join("checkpoints"))?;
    seeds.copy("configs/digits-ddpm.toml", &folder.join("configs/digits-ddpm.toml"))?;
    seeds.copy("crates/interop/tests/cases/stable_diffusion", &folder.join("model"))?;
    for (seed, to) in
        [("picture.png", "picture.png"), ("picture.jpg", "picture.jpg"), ("alpha.png", "mask.png")]
    {
        seeds.copy(&format!("xtask/seeds/{seed}"), &folder.join(to))?;
    }
    let (program, bounded) = choose(rng, &PROGRAMS);
    let mut invocation = Invocation::new(program, bounded);
    let fixed: Vec<_> = bounded.split(' ').filter(|word| word.starts_with("--")).collect();
    let options = options(&seeds.help(program)?);
    let options: Vec<_> = options.into_iter().filter(|option| !fixed.contains(&&*option.name)).collect();
    for _ in 0..rng.usize(1..7) {
        invocation.args.extend(given(&choose(rng, &options), rng));
    }
    if matches!(program, "export" | "conformance" | "train") && rng.u8(..) < 200 {
        let word = choose(rng, &PATHS);
        invocation = invocation.and([word]);
    }
    invocation.full = rng.u8(..) < 20;
    Ok(invocation)
}

/// An option, as a program's help describes it.
#[derive(Clone, Debug, PartialEq)]
struct Choice {
    name: String,
    /// The word for its value, if it has one.
    value: Option<String>,
    /// Whether the value is joined by `=`.
    joined: bool,
}

/// The options that a program's help lists.
fn options(help: &str) -> Vec<Choice> {
    let options = help.lines().filter_map(option);
    options.filter(|option| !["--help", "--version"].contains(&&*option.name)).collect()
}

/// The option that a line of help begins with.
fn option(line: &str) -> Option<Choice> {
    let line = line.trim_start();
    let (_, line) = line.starts_with('-').then(|| line.split_once("--"))??;
    let end = line.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    // ` <VALUE>` or `[=<VALUE>]`; what is further off belongs to the description.
    let value = rest.split_once('<').filter(|(before, _)| before.len() < 3);
    Some(Choice {
        name: format!("--{name}"),
        value: value.and_then(|(_, value)| value.split_once('>')).map(|(word, _)| word.to_owned()),
        joined: rest.starts_with("[="),
    })
}

fn given(option: &Choice, rng: &mut Rng) -> Vec<String> {
    let Some(word) = &option.value else { return vec![option.name.clone()] };
    let is_path = ["FOLDER", "FILE", "PATH", "IMAGE", "DIR"].iter().any(|path| word.contains(path));
    let value = match (&*option.name, is_path) {
        ("--budget", _) => (choose(rng, &["0s", "1ms", "-1s", "", "1e9y", "soon"])).to_owned(),
        ("--backend", _) => (choose(rng, &["flex", "flex", "ndarray", "", "gpu", "metal"])).to_owned(),
        ("--set", _) => format!(
            "{}={}",
            choose(rng, &["seed", "model", "train.steps", "a.b", "=", ""]),
            hostile::argument(rng)
        ),
        (_, true) if rng.u8(..) < 220 => (choose(rng, &PATHS)).to_owned(),
        _ => hostile::argument(rng),
    };
    match option.joined || rng.u8(..) < 30 {
        true => vec![format!("{}={value}", option.name)],
        false => vec![option.name.clone(), value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_help() {
        let help = "Options:\n  -n, --number <N>\n          How <many>\n      --resume[=<STEP>]  Go on\n      \
                    --skip-bad         Leave <out>\n  -h, --help             Print\n";
        let choice = |name: &str, value: Option<&str>, joined| Choice {
            name: name.into(),
            value: value.map(Into::into),
            joined,
        };
        let expected = [
            choice("--number", Some("N"), false),
            choice("--resume", Some("STEP"), true),
            choice("--skip-bad", None, false),
        ];
        assert_eq!(options(help), expected);
    }
}
