use toml::{Table, Value};

use crate::resolve::join;
use crate::system::SystemConfig;

/// The keys in which two configurations would train differently, as `key: old -> new`.
///
/// Where to stop, what to print and what to keep may change between sessions of a run; the last step may not where
/// the learning rate depends on it. Where the data lie may change too: their fingerprint is compared instead.
pub fn training_changes<C: SystemConfig>(old: &C, new: &C) -> Vec<String> {
    let flat = |config: &C| {
        let mut keys = Vec::new();
        if let Ok(table) = Table::try_from(config.clone().lasting()) {
            flatten("", &Value::Table(table), &mut keys);
        }
        keys
    };
    let (old, new) = (flat(old), flat(new));
    let value = |keys: &[(String, String)], key: &str| {
        keys.iter().find(|(name, _)| name == key).map_or("unset".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let changed = names.into_iter().filter(|name| value(&old, name) != value(&new, name));
    changed.map(|name| format!("{name}: {} -> {}", value(&old, name), value(&new, name))).collect()
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
