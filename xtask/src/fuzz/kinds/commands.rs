use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use crate::fuzz::hostile;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose};

/// Programs with options that make sense together, without which honest work would take minutes; RUN is any run.
const PROGRAMS: [(&str, &str); 15] = [
    ("infer", "--run RUN --steps 2"),
    ("infer", "--run RUN --steps 2 -n 3"),
    ("infer", "--model model --prompt cat --steps 2"),
    ("infer", "--model model --prompt cat --steps 2 --init-image picture.png"),
    ("infer", "--run runs/ddpm --steps 3 --init-image picture.png"),
    ("infer", "--run runs/ddpm --steps 3 --init-image picture.png --mask picture.png"),
    ("infer", "--run RUN --forward picture.png"),
    ("infer", ""),
    ("train", "--budget 1s --plain"),
    ("train", "configs/digits-ddpm.toml --budget 1s --plain --run x --steps 1"),
    ("train", "--budget 1s --plain --resume --run ddpm --steps 3"),
    ("eval", "--run RUN --dry-run"),
    (
        "eval",
        "--run RUN --metrics memorisation --samples 8 --seeds 1 --likelihoods 2 --classifier-steps 2 --steps 2",
    ),
    ("export", "--run RUN"),
    ("conformance", "model"),
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
    for name in [name, "ddpm"] {
        seeds.copy(&format!("runs/{name}"), &folder.join("runs").join(name))?;
    }
    seeds.copy("checkpoints", &folder.join("checkpoints"))?;
    seeds.copy("configs/digits-ddpm.toml", &folder.join("configs/digits-ddpm.toml"))?;
    seeds.copy("crates/interop/tests/cases/stable_diffusion", &folder.join("model"))?;
    for (seed, to) in
        [("picture.png", "picture.png"), ("picture.jpg", "picture.jpg"), ("alpha.png", "mask.png")]
    {
        seeds.copy(&format!("xtask/seeds/{seed}"), &folder.join(to))?;
    }
    let (program, bounded) = choose(rng, &PROGRAMS);
    let bounded = bounded.replace("RUN", &format!("runs/{name}"));
    let mut invocation = Invocation::new(program, &bounded);
    let fixed: Vec<_> = bounded.split(' ').filter(|word| word.starts_with("--")).collect();
    let options = options(&seeds.help(program)?);
    let options: Vec<_> = options.into_iter().filter(|option| !fixed.contains(&&*option.name)).collect();
    let count = if options.is_empty() { 0 } else { rng.usize(1..5) };
    for _ in 0..count {
        invocation.args.extend(given(&choose(rng, &options), rng));
    }
    if program == "export" || rng.u8(..) < 20 {
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
    /// The values that the help lists.
    listed: Vec<String>,
}

/// The options that a program's help lists.
fn options(help: &str) -> Vec<Choice> {
    let mut options: Vec<Choice> = Vec::new();
    for line in help.lines() {
        let listed = line.trim_start().strip_prefix("- ").and_then(|line| line.split_once(':'));
        match (option(line), listed, options.last_mut()) {
            (Some(option), ..) => options.push(option),
            (_, Some((value, _)), Some(last)) => last.listed.push(value.to_owned()),
            _ => {}
        }
    }
    options.retain(|option| !["--help", "--version"].contains(&&*option.name));
    options
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
        listed: Vec::new(),
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
            hostile::argument(word, rng)
        ),
        _ if !option.listed.is_empty() && rng.u8(..) < 200 => choose(rng, &option.listed),
        (_, true) if rng.u8(..) < 220 => (choose(rng, &PATHS)).to_owned(),
        _ => hostile::argument(word, rng),
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
        let help = "Options:\n  -n, --number <N>\n          How <many>\n          - few:  Not many\n      --resume[=<STEP>]  Go on\n      \
                    --skip-bad         Leave <out>\n  -h, --help             Print\n";
        let choice = |name: &str, value: Option<&str>, joined, listed: &[&str]| Choice {
            name: name.into(),
            value: value.map(Into::into),
            joined,
            listed: listed.iter().map(|value| value.to_string()).collect(),
        };
        let expected = [
            choice("--number", Some("N"), false, &["few"]),
            choice("--resume", Some("STEP"), true, &[]),
            choice("--skip-bad", None, false, &[]),
        ];
        assert_eq!(options(help), expected);
    }
}
