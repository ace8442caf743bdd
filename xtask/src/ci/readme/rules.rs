//! How the commands of the documents are shortened.

use std::collections::BTreeSet;

/// What is done to the commands that hold all words of a pattern, in any place.
pub struct Rule {
    pattern: &'static str,
    action: Action,
}

enum Action {
    /// These arguments are added at the end.
    Add(&'static str),
    /// The first words are replaced by the second.
    Replace(&'static str, &'static str),
    /// The command is not run, for this reason.
    Skip(&'static str),
}

const fn add(pattern: &'static str, arguments: &'static str) -> Rule {
    Rule { pattern, action: Action::Add(arguments) }
}

const fn replace(pattern: &'static str, from: &'static str, to: &'static str) -> Rule {
    Rule { pattern, action: Action::Replace(from, to) }
}

const fn skip(pattern: &'static str, reason: &'static str) -> Rule {
    Rule { pattern, action: Action::Skip(reason) }
}

/// Without the bound, which evaluates the network at each of 1000 timesteps.
const FEW_SAMPLES: &str =
    "--samples 40 --steps 2 --seeds 1 --weights ema --metrics fd,memorisation --classifier-steps 20";

/// The rules: what cannot be run here first. Of the others all that fit are applied, in order.
pub const RULES: &[Rule] = &[
    skip("cargo xtask test", "the step `test` does"),
    skip("cargo xtask ci", "this is a step of it"),
    skip("cargo test -p", "the step `test` does"),
    skip("cargo bench -p kernels", "it measures for minutes"),
    skip("--backend wgpu", "the step `backends` trains and samples with it"),
    skip("cargo xtask dataset fetch", "it needs the network"),
    skip("pip install", "it needs the network"),
    skip("scripts/bench_torch.py", "it needs torch"),
    skip("--run reproduce-", "it takes hours"),
    skip(
        "--model stable-diffusion",
        "its weights are gigabytes; the step `test` draws from a small pipeline",
    ),
    skip("cd crates/diffusion/src", "it counts lines of the sources, which are not in the folder"),
    add("xtask train", "--plain --steps 2"),
    add("xtask train --data", "--for 1s --set train.sample_images=4"),
    add(
        "xtask dataset make emoji",
        "--font ../../crates/data/tests/fonts/NotoColorEmoji-subset.ttf --dir datasets/made-emoji",
    ),
    add("configs/mnist-ddpm.toml", "--set train.sample_images=4 --set sample.steps=2"),
    add("configs/emoji-ae-kl.toml", "--set perceptual.network.steps=2 --set train.eval_images=8"),
    add("configs/emoji-ldm.toml", "--set train.sample_images=8 --set sample.steps=2"),
    add("configs/digits-cdm.toml", "--set stage.1.sample.steps=2 --set stage.2.sample.steps=2"),
    add("-p infer --run runs/my-pictures", "--steps 2"),
    add("-p infer --run runs/mnist-ddpm", "--steps 2"),
    add("-p infer --run runs/emoji-ldm", "--steps 2"),
    add("-p infer --run runs/digits-cdm", "--steps 2"),
    add("-p infer --run runs/digits-ldm", "--steps 2"),
    add("-p infer --separate images", "--steps 2"),
    add("-p infer --inpaint repaint", "-n 2 --steps 20"),
    add("runs/digits-plain --label 7", "-n 4 --steps 4"),
    add("xtask eval --run runs/mnist-ddpm", FEW_SAMPLES),
    add("xtask eval --run checkpoints/digits-ddpm", FEW_SAMPLES),
    add("xtask eval --metrics nll,nll_exact", "--weights ema --likelihoods 2 --seeds 1 --batch 2"),
    replace(
        "xtask eval --sweep s",
        "--samples 500",
        "--samples 20 --levels 0 --seeds 1 --classifier-steps 20",
    ),
    add("xtask bench", "--repetitions 1"),
];

/// What becomes of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Shortened {
    Run(String),
    Skipped(&'static str),
}

/// Applies the rules to a command, and notes those that fit it.
pub fn shorten(rules: &[Rule], command: &str, used: &mut BTreeSet<usize>) -> Shortened {
    let fits = |rule: &Rule| rule.pattern.split(' ').all(|word| command.contains(word));
    let mut text = command.to_owned();
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| fits(rule)) {
        used.insert(index);
        match rule.action {
            Action::Skip(reason) => return Shortened::Skipped(reason),
            Action::Add(arguments) => text = format!("{text} {arguments}"),
            Action::Replace(from, to) => text = text.replace(from, to),
        }
    }
    Shortened::Run(text)
}

/// The patterns that no command fits: they are to be removed.
pub fn unused(rules: &[Rule], used: &BTreeSet<usize>) -> Vec<&'static str> {
    rules.iter().enumerate().filter(|(i, _)| !used.contains(i)).map(|(_, rule)| rule.pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_add_and_skip_and_are_counted() {
        let rules = [
            skip("--backend wgpu", "no GPU"),
            add("cargo xtask train", "--plain"),
            add("train -n", "-q"),
            replace("xtask a", " a", " b"),
        ];
        let mut used = BTreeSet::new();
        let run = |text: &str, used: &mut BTreeSet<usize>| shorten(&rules, text, used);
        assert_eq!(
            run("cargo xtask train a", &mut used),
            Shortened::Run("cargo xtask train b --plain".into())
        );
        assert_eq!(run("cargo xtask train --backend wgpu", &mut used), Shortened::Skipped("no GPU"));
        assert_eq!(run("cargo doc", &mut used), Shortened::Run("cargo doc".into()));
        assert_eq!(unused(&rules, &used), ["train -n"]);
    }
}
