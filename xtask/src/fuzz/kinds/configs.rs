use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::write;
use crate::fuzz::hostile;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose};
use crate::fuzz::tree::Tree;

/// Tables of a configuration and keys that keep a run small: a second at most if nothing is refused.
const SMALL: [(&str, &str, &str); 21] = [
    ("", "times_per_batch", "2"),
    ("train", "steps", "1"),
    ("train", "batch_size", "2"),
    ("train", "eval_images", "4"),
    ("train", "sample_images", "2"),
    ("train", "eval_every", "1"),
    ("train", "checkpoint_every", "1"),
    ("train", "sample_every", "1"),
    ("sample", "steps", "2"),
    ("model", "channels", "8"),
    ("model", "channel_mult", "[1]"),
    ("model", "attention_resolutions", "[]"),
    ("model", "num_res_blocks", "1"),
    ("model", "width", "8"),
    ("trunk", "channels", "8"),
    ("dpm", "num_train_timesteps", "10"),
    ("network", "hidden", "[8]"),
    ("network", "conv_channels", "4"),
    ("network", "upper_channels", "4"),
    ("dataset", "side", "8"),
    ("dataset", "points", "100"),
];

/// A configuration of training that says something else, in its file or by --set.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let names = seeds.names("configs")?;
    let mut tree = read(&seeds.path(&format!("configs/{}", choose(rng, &names))))?;
    for _ in 0..rng.usize(0..3) {
        let other = read(&seeds.path(&format!("configs/{}", choose(rng, &names))))?;
        if tree.get("system") == other.get("system") {
            tree.cross(&other, rng);
        }
    }
    shrink("", &mut tree);
    if needs_data(&tree) {
        tree.set("dataset", Tree::Table(vec![("type".into(), Tree::Text("digits".into()))]));
    }
    for name in ["first-stage", "ddpm"] {
        if rng.u8(..) < 60 {
            seeds.copy(&format!("runs/{name}"), &folder.join("runs").join(name))?;
        }
    }
    if let Some(stage) = tree.get_mut("first_stage") {
        seeds.copy("runs/first-stage", &folder.join("runs/first-stage"))?;
        stage.set("run", Tree::Text("runs/first-stage".into()));
    }
    if rng.u8(..) < 40 {
        tree.set("dataset", dataset(rng));
    }
    let train = Invocation::new("train", "config.toml --run r --plain --budget 1s");
    let path = folder.join("config.toml");
    if rng.bool() {
        for _ in 0..rng.usize(1..3) {
            tree.mutate(rng);
        }
        write(&path, tree.toml())?;
        return Ok(train);
    }
    write(&path, tree.toml())?;
    let settings: Vec<_> = (0..rng.usize(1..3)).map(|_| setting(&tree, rng)).collect();
    Ok(train.and(settings.iter().flat_map(|setting| ["--set", setting])))
}

/// Whether a configuration reads files that are not shipped.
fn needs_data(tree: &Tree) -> bool {
    tree.get("dataset")
        .is_some_and(|dataset| dataset.get("path").is_some() || dataset.get("images").is_some())
}

fn read(path: &Path) -> Result<Tree> {
    let context = || format!("failed to read {}", path.display());
    let text = fs::read_to_string(path).with_context(context)?;
    Ok(Tree::from(toml::from_str::<toml::Value>(&text).with_context(context)?))
}

/// Sets the keys of [`SMALL`], in tables of that name and in those of a cascade's stages.
fn shrink(name: &str, tree: &mut Tree) {
    let Tree::Table(table) = tree else { return };
    table.iter_mut().for_each(|(key, value)| shrink(key, value));
    let required = |key: &str| ["steps", "eval_images", "sample_images", "batch_size"].contains(&key);
    for (_, key, value) in SMALL.iter().filter(|(table, ..)| *table == name) {
        if required(key) || tree.get_mut(key).is_some() {
            tree.set(key, Tree::Bare((*value).into()));
        }
    }
}

/// A data set that is drawn by the programs, with keys that may be hostile.
fn dataset(rng: &mut Rng) -> Tree {
    let (kind, keys) = choose::<(&str, &[&str])>(
        rng,
        &[
            ("swiss-roll", &["noise", "points"]),
            ("heartbeat", &["length", "period"]),
            ("dead-leaves", &["side", "min_radius", "max_radius", "count", "images"]),
            ("digits", &["image_size", "pad_to", "reduce_to", "valid_fraction"]),
        ],
    );
    let mut table = Tree::Table(vec![("type".into(), Tree::Text(kind.into()))]);
    for key in keys {
        if rng.bool() {
            table.set(key, Tree::Bare(hostile::number(rng)));
        }
    }
    table
}

/// KEY=VALUE, mostly of a key that there is.
fn setting(tree: &Tree, rng: &mut Rng) -> String {
    let mut mutant = tree.clone();
    let path = mutant.mutate(rng);
    let path: Vec<_> = path.into_iter().filter(|key| !key.is_empty()).collect();
    let value = path.iter().try_fold(&mutant, |value, key| value.get(key)).unwrap_or(&mutant);
    let value = if path.is_empty() { hostile::text(rng) } else { value.inline(" = ") };
    let setting = match rng.u8(0..20) {
        0 => value,
        1 => format!("{}={}", hostile::text(rng), value),
        _ => format!("{}={}", path.join("."), value),
    };
    setting.replace('\0', " ")
}
