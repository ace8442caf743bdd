use toml::{Table, Value};

use crate::resolve::join;
use crate::system::SystemConfig;

/// The keys in which two configurations would train differently, as `key: old -> new`.
///
/// Where to stop, what to print and what to keep may change between sessions of a run; the last step may not where
/// the learning rate depends on it. Where the data lie may change too: their fingerprint is compared instead.
pub fn training_changes<C: SystemConfig>(old: &C, new: &C) -> Vec<String> {
    let lasting = [old, new].map(|config| flat(config.clone().lasting()));
    let written = [old, new].map(|config| flat(config.clone()));
    let mut names: Vec<&String> = lasting.iter().flatten().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let differ = |keys: &[Keys; 2], name: &str| value(&keys[0], name) != value(&keys[1], name);
    // What does not last has a default there: what is said is what the configurations have.
    let changed = names.into_iter().filter(|name| differ(&lasting, name) && differ(&written, name));
    changed
        .map(|name| format!("{name}: {} -> {}", value(&written[0], name), value(&written[1], name)))
        .collect()
}

/// What to do about changes of a configuration that a run cannot go on with.
pub(crate) fn advice(changes: &[String]) -> &'static str {
    if changes.iter().any(|change| change.starts_with("train.steps: ")) {
        "the learning rate is at its end after the steps that the run began with (train.lr_schedule = \"cosine\"): resume \
         without the change, or train longer from the start with another `--run NAME`"
    } else {
        "resume without the change, or start another run with `--run NAME`"
    }
}

type Keys = Vec<(String, String)>;

fn flat<C: SystemConfig>(config: C) -> Keys {
    let mut keys = Keys::new();
    if let Ok(table) = Table::try_from(config) {
        flatten("", &Value::Table(table), &mut keys);
    }
    keys
}

fn value<'a>(keys: &'a Keys, key: &str) -> &'a str {
    keys.iter().find(|(name, _)| name == key).map_or("unset", |(_, value)| value)
}

fn flatten(prefix: &str, value: &Value, keys: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                flatten(&join(prefix, key), value, keys);
            }
        }
        other => keys.push((prefix.to_owned(), other.to_string())),
    }
}
