use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::{model, write};
use crate::fuzz::hostile;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose};
use crate::fuzz::tree::Tree;

/// The classes of the reference library and the keys that each takes, a line each.
pub const CLASSES: &str = "crates/interop/src/scheduler_classes.txt";

/// What keys can say, in JSON; other keys are numbers.
const VALUES: [(&str, &str); 14] = [
    ("beta_schedule", "linear scaled_linear squaredcos_cap_v2 sigmoid laplace exp"),
    ("prediction_type", "epsilon sample v_prediction flow_prediction"),
    ("timestep_spacing", "leading trailing linspace"),
    ("variance_type", "fixed_small fixed_large fixed_small_log fixed_large_log learned learned_range"),
    ("algorithm_type", "dpmsolver dpmsolver++ sde-dpmsolver sde-dpmsolver++ deis"),
    ("solver_type", "midpoint heun bh1 bh2 logrho"),
    ("final_sigmas_type", "zero sigma_min"),
    ("interpolation_type", "linear log_linear"),
    ("timestep_type", "discrete continuous"),
    ("sigma_schedule", "karras exponential"),
    ("time_shift_type", "exponential linear"),
    ("solver_order", "1 2 3 4"),
    ("num_train_timesteps", "1000 10 1 2 3"),
    ("steps_offset", "0 1 -1 5 1000"),
];

/// A pipeline with a scheduler of any class and some of its keys, a few of which are hostile.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let steps = choose(rng, &["1", "2", "3", "4", "7", "20", "999", "1000", "1001"]);
    let invocation = model(rng, seeds, folder, steps)?;
    let classes = seeds.path(CLASSES);
    let text =
        fs::read_to_string(&classes).with_context(|| format!("failed to read {}", classes.display()))?;
    let lines: Vec<_> = text.lines().collect();
    let (class, keys) = choose(rng, &lines).split_once(": ").unwrap_or_default();
    let mut config = Tree::Table(vec![("_class_name".into(), Tree::Text(class.into()))]);
    for key in keys.split(' ') {
        if rng.u8(..) < 70 {
            let value = if rng.u8(..) < 30 { hostile::value(rng) } else { plausible(key, rng) };
            config.set(key, value);
        }
    }
    write(&folder.join("model/scheduler/scheduler_config.json"), config.json())?;
    let index = folder.join("model/model_index.json");
    let text = fs::read_to_string(&index).with_context(|| format!("failed to read {}", index.display()))?;
    let mut index_tree = Tree::from(serde_json::from_str::<serde_json::Value>(&text)?);
    index_tree.set("scheduler", Tree::List(["diffusers", class].map(|word| Tree::Text(word.into())).into()));
    write(&index, index_tree.json())?;
    if rng.u8(..) > 60 {
        return Ok(invocation);
    }
    seeds.copy("xtask/seeds/picture.png", &folder.join("picture.png"))?;
    let strength = choose(rng, &["0.1", "0.3", "0.9", "1"]);
    Ok(invocation.and(["--init-image", "picture.png", "--strength", strength]))
}

fn plausible(key: &str, rng: &mut Rng) -> Tree {
    if let Some((_, values)) = VALUES.iter().find(|(name, _)| *name == key) {
        let value = choose(rng, &values.split(' ').collect::<Vec<_>>());
        return match value.parse::<f64>() {
            Ok(_) => Tree::Bare(value.into()),
            Err(_) => Tree::Text(value.into()),
        };
    }
    let flags = [
        "use_",
        "clip_sample",
        "thresholding",
        "rescale_",
        "set_",
        "skip_",
        "lower_",
        "euler_",
        "predict_",
        "invert_",
    ];
    if flags.iter().any(|flag| key.starts_with(flag)) && !key.ends_with("range") {
        return Tree::Bare(rng.bool().to_string());
    }
    if key == "trained_betas" {
        return Tree::List((0..rng.usize(0..5)).map(|_| Tree::Bare(hostile::number(rng))).collect());
    }
    Tree::Bare(hostile::number(rng))
}
