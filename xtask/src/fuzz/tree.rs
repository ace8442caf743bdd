use fastrand::Rng;

use super::hostile;

/// A value of JSON or TOML that keeps what parsers refuse: numbers of any size, NaN, keys given twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// What is written without quotes: a number, `true`, `null`.
    Bare(String),
    Text(String),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

impl From<serde_json::Value> for Tree {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(table) => {
                Self::Table(table.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
            bare => Self::Bare(bare.to_string()),
        }
    }
}

impl From<toml::Value> for Tree {
    fn from(value: toml::Value) -> Self {
        use toml::Value;
        match value {
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Table(table) => {
                Self::Table(table.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
            bare => Self::Bare(bare.to_string()),
        }
    }
}

impl Tree {
    pub fn json(&self) -> String {
        self.inline(": ")
    }

    /// One line; a table's keys are parted from their values by `equals`.
    pub fn inline(&self, equals: &str) -> String {
        let all = |items: Vec<String>| items.join(", ");
        match self {
            Self::Bare(text) if equals != ": " => of_toml(text),
            Self::Bare(text) => text.clone(),
            Self::Text(text) => quoted(text),
            Self::List(items) => format!("[{}]", all(items.iter().map(|item| item.inline(equals)).collect())),
            Self::Table(table) => {
                let pair = |(key, value): &(String, Tree)| quoted(key) + equals + &value.inline(equals);
                format!("{{{}}}", all(table.iter().map(pair).collect()))
            }
        }
    }

    /// A file of TOML: a line for each key, its value inline.
    pub fn toml(&self) -> String {
        match self {
            Self::Table(table) => table
                .iter()
                .map(|(key, value)| format!("{} = {}\n", quoted(key), value.inline(" = ")))
                .collect(),
            other => other.inline(" = "),
        }
    }

    /// The value of a key, if this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Table(table) => table.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Table(table) => table.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Gives a key a value, in the place of the one that it has.
    pub fn set(&mut self, key: &str, value: Self) {
        let Self::Table(table) = self else { return };
        match table.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => table.push((key.to_owned(), value)),
        }
    }

    /// How many values there are, this one included.
    fn count(&self) -> usize {
        1 + match self {
            Self::Bare(_) | Self::Text(_) => 0,
            Self::List(items) => items.iter().map(Self::count).sum::<usize>(),
            Self::Table(table) => table.iter().map(|(_, value)| value.count()).sum(),
        }
    }

    /// The value of a number below [`count`](Self::count), and the keys that lead to it.
    fn nth(&mut self, mut number: usize, path: &mut Vec<String>) -> Option<&mut Self> {
        if number == 0 {
            return Some(self);
        }
        number -= 1;
        let children: Vec<(String, &mut Self)> = match self {
            Self::Bare(_) | Self::Text(_) => return None,
            Self::List(items) => items.iter_mut().map(|item| (String::new(), item)).collect(),
            Self::Table(table) => table.iter_mut().map(|(key, value)| (key.clone(), value)).collect(),
        };
        for (key, child) in children {
            let count = child.count();
            if number < count {
                path.push(key);
                return child.nth(number, path);
            }
            number -= count;
        }
        None
    }

    /// Changes one value somewhere, mostly a number, and returns the keys that lead to it; an item of a list has an
    /// empty one.
    pub fn mutate(&mut self, rng: &mut Rng) -> Vec<String> {
        let count = self.count();
        let other = self.nth(rng.usize(..count), &mut Vec::new()).map(|value| value.clone());
        let (mut chosen, mut path) = (rng.usize(..count), Vec::new());
        if rng.bool() {
            let is_bare = |&at: &usize| matches!(self.nth(at, &mut Vec::new()), Some(Self::Bare(_)));
            chosen = (0..20).map(|_| rng.usize(..count)).find(is_bare).unwrap_or(chosen);
        }
        if let (Some(value), Some(other)) = (self.nth(chosen, &mut path), other) {
            value.change(rng, other);
        }
        path
    }

    /// Takes over a value of another file of the same kind, in the same place.
    pub fn cross(&mut self, other: &Self, rng: &mut Rng) {
        let (Self::Table(table), Self::Table(others)) = (&mut *self, other) else { return };
        if others.is_empty() {
            return;
        }
        let (key, value) = &others[rng.usize(..others.len())];
        match (table.iter_mut().find(|(name, _)| name == key), value) {
            (Some((_, own @ Self::Table(_))), Self::Table(_)) if rng.u8(..) < 220 => own.cross(value, rng),
            _ => self.set(key, value.clone()),
        }
    }

    fn change(&mut self, rng: &mut Rng, other: Self) {
        match self {
            Self::Table(table) if !table.is_empty() && rng.u8(..) < 200 => change_table(table, rng, other),
            Self::List(items) if rng.u8(..) < 160 => change_list(items, rng, other),
            _ => *self = self.replacement(rng, other),
        }
    }

    fn replacement(&self, rng: &mut Rng, other: Self) -> Self {
        match (rng.u8(0..12), self) {
            (0, _) => other,
            (1, _) => Self::List(vec![self.clone()]),
            (2, _) => Self::Table(vec![(hostile::text(rng), self.clone())]),
            (3, _) => hostile::value(rng),
            (4.., Self::Bare(text)) => Self::Bare(hostile::number_near(text, rng)),
            (4..8, Self::Text(_)) => Self::Text(hostile::text(rng)),
            (8.., Self::Text(text)) => Self::Text(hostile::text_near(text, rng)),
            _ => hostile::value(rng),
        }
    }
}

fn change_table(table: &mut Vec<(String, Tree)>, rng: &mut Rng, other: Tree) {
    let at = rng.usize(0..table.len());
    match rng.u8(0..5) {
        0 => drop(table.remove(at)),
        1 => table.insert(at, (table[at].0.clone(), other)),
        2 => table[at].0 = hostile::text(rng),
        3 => table.push((hostile::text_near(&table[at].0.clone(), rng), other)),
        _ => {
            let from = rng.usize(0..table.len());
            table[at].1 = table[from].1.clone();
        }
    }
}

fn change_list(items: &mut Vec<Tree>, rng: &mut Rng, other: Tree) {
    match (rng.u8(0..6), items.len()) {
        (0, 1..) => drop(items.swap_remove(rng.usize(0..items.len()))),
        (1, 1..) => items.reverse(),
        (2, 1..) => *items = items.iter().cycle().take(items.len() * 50).cloned().collect(),
        (3, _) => items.clear(),
        (4, _) => items.push(hostile::value(rng)),
        _ => items.push(other),
    }
}

/// A value without quotes as TOML spells it.
fn of_toml(text: &str) -> String {
    match text {
        "NaN" => "nan".into(),
        "-Infinity" => "-inf".into(),
        "1e999" => "inf".into(),
        text => text.to_owned(),
    }
}

/// A string of JSON, which is one of TOML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_written_as_it_was_read() {
        let text = r#"{"a": [1, 2.5, null], "b": {"c": "\u001b\"x"}}"#;
        let tree = Tree::from(serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert_eq!(tree.json(), text);
        let text = "a = [1, 2.5]\nb = { c = \"\\u001b\" }\n";
        let value: toml::Value = toml::from_str(text).unwrap();
        let again: toml::Value = toml::from_str(&Tree::from(value.clone()).toml()).unwrap();
        assert_eq!(again, value);
    }

    #[test]
    fn mutations_follow_from_the_seed_and_change_every_value() {
        let tree = Tree::Table(vec![
            ("a".into(), Tree::Bare("1".into())),
            ("b".into(), Tree::List(vec![Tree::Text("x".into())])),
        ]);
        let mutant = |seed| {
            let (mut mutant, mut rng) = (tree.clone(), Rng::with_seed(seed));
            let path = mutant.mutate(&mut rng);
            (mutant, path)
        };
        let mutants: Vec<_> = (0..100).map(mutant).collect();
        assert_eq!(mutants, (0..100).map(mutant).collect::<Vec<_>>());
        for path in [vec![], vec!["a"], vec!["b"], vec!["b", ""]] {
            let changed = mutants.iter().filter(|(mutant, at)| *at == path && *mutant != tree).count();
            assert!(changed > 5, "{path:?}: {changed}");
        }
    }
}
