//! One numbering of classes for all shards.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::error::DataError;

/// The labels of a shard.
pub(super) struct ShardLabels {
    pub(super) path: PathBuf,
    pub(super) labels: Labels,
}

/// A label for each row, where it has one.
pub(super) enum Labels {
    /// Numbers, and the names of the classes where the shard states them.
    Numbers(Vec<Option<i64>>, Option<Vec<String>>),
    /// The names themselves.
    Names(Vec<Option<String>>),
}

type Numbered = (Option<Vec<String>>, Vec<Vec<i64>>);

/// The names of all classes, where there are any, and the labels of each split; a missing label is -1.
///
/// Names are numbered in their order. Where shards state names for their numbers, those of the first shard hold, the names that
/// only later ones have follow, and numbers of later ones are translated by name.
///
/// # Errors
///
/// If labels are names in one shard and numbers in another.
pub(super) fn classes(splits: Vec<Vec<ShardLabels>>) -> Result<Numbered, DataError> {
    let all = || splits.iter().flatten();
    let is_named = |shard: &&ShardLabels| matches!(shard.labels, Labels::Names(_));
    let Some(named) = all().find(is_named) else { return Ok(numbered(&splits)) };
    if let Some(other) = all().find(|shard| !is_named(shard)) {
        let reason = format!("labels are numbers here and text in {}", named.path.display());
        return Err(DataError::Parquet { path: other.path.clone(), reason });
    }
    let names = |shard: &ShardLabels| match &shard.labels {
        Labels::Names(names) => names.clone(),
        Labels::Numbers(..) => Vec::new(),
    };
    let known: BTreeSet<String> = all().flat_map(names).flatten().collect();
    let known: Vec<String> = known.into_iter().collect();
    let number = |name: Option<String>| {
        name.and_then(|name| known.binary_search(&name).ok()).map_or(-1, |number| number as i64)
    };
    let labels = splits.iter().map(|split| split.iter().flat_map(names).map(number).collect()).collect();
    Ok((Some(known), labels))
}

fn numbered(splits: &[Vec<ShardLabels>]) -> Numbered {
    let mut known: Vec<String> = Vec::new();
    let mut translate = |shard: &ShardLabels| -> Vec<i64> {
        let Labels::Numbers(labels, names) = &shard.labels else { return Vec::new() };
        let Some(names) = names else {
            return labels.iter().map(|label| label.unwrap_or(-1)).collect();
        };
        if known.is_empty() {
            known.clone_from(names);
        }
        let numbers: Vec<i64> =
            names.iter().enumerate().map(|(i, name)| place(&mut known, i, name)).collect();
        let number = |label: i64| usize::try_from(label).ok().and_then(|label| numbers.get(label)).copied();
        labels.iter().map(|label| label.and_then(number).unwrap_or(-1)).collect()
    };
    let labels = splits.iter().map(|split| split.iter().flat_map(&mut translate).collect()).collect();
    ((!known.is_empty()).then_some(known), labels)
}

/// The number of a name, which is added if it is new; its own place comes first, for lists that name two classes alike.
fn place(known: &mut Vec<String>, own: usize, name: &str) -> i64 {
    if known.get(own).is_some_and(|known| known == name) {
        return own as i64;
    }
    let found = known.iter().position(|known| known == name);
    found.unwrap_or_else(|| {
        known.push(name.into());
        known.len() - 1
    }) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(labels: Labels) -> ShardLabels {
        ShardLabels { path: "x.parquet".into(), labels }
    }

    fn numbers(labels: &[i64], names: Option<&[&str]>) -> ShardLabels {
        let names = names.map(|names| names.iter().map(ToString::to_string).collect());
        shard(Labels::Numbers(labels.iter().map(|&label| Some(label)).collect(), names))
    }

    fn named(names: &[&str]) -> ShardLabels {
        shard(Labels::Names(names.iter().map(|name| Some(name.to_string())).collect()))
    }

    #[test]
    fn numbers_are_translated_by_name_between_shards_and_splits() {
        let train = vec![numbers(&[0, 1, 2], Some(&["a", "b", "c"])), numbers(&[0, 1, 9], Some(&["c", "d"]))];
        let valid = vec![numbers(&[0, 1, 2], Some(&["c", "b", "a"])), numbers(&[1, 7], None)];
        let (names, labels) = classes(vec![train, valid]).unwrap();
        assert_eq!(names.unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(labels, [vec![0, 1, 2, 2, 3, -1], vec![2, 1, 0, 1, 7]]);
    }

    #[test]
    fn names_are_numbered_in_their_order_over_all_splits() {
        let mut train = named(&["pear", "fig", "pear"]);
        if let Labels::Names(names) = &mut train.labels {
            names.push(None);
        }
        let (names, labels) = classes(vec![vec![train], vec![named(&["apple"])]]).unwrap();
        assert_eq!(names.unwrap(), ["apple", "fig", "pear"]);
        assert_eq!(labels, [vec![2, 1, 2, -1], vec![0]]);
        let mixed = classes(vec![vec![named(&["a"]), numbers(&[0], None)]]).unwrap_err().to_string();
        assert_eq!(mixed, "x.parquet: labels are numbers here and text in x.parquet");
    }

    #[test]
    fn two_classes_of_one_name_stay_two() {
        let (names, labels) = classes(vec![vec![numbers(&[0, 1, 2], Some(&["a", "a", "b"]))]]).unwrap();
        assert_eq!((names.unwrap().len(), labels), (3, vec![vec![0, 1, 2]]));
    }
}
