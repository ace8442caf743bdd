//! What of a data set is not used, counted and named.

/// How many things of a kind are named.
pub(crate) const NAMED: usize = 3;

/// The things of each kind that were left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut(Vec<(Kind, Vec<String>)>);

/// What a thing is called, and several.
pub(crate) type Kind = [&'static str; 2];

impl LeftOut {
    pub(crate) fn add(&mut self, kind: Kind, names: Vec<String>) {
        if !names.is_empty() {
            self.0.push((kind, names));
        }
    }

    /// What was left out; none if nothing was.
    pub(crate) fn sentence(&self) -> Option<String> {
        let kinds: Vec<String> = self.0.iter().map(|(kind, names)| count(*kind, names)).collect();
        (!kinds.is_empty()).then(|| format!("left out {}", kinds.join(", ")))
    }
}

/// `2 files of another kind (a.svg, b.heic)`.
fn count([one, several]: Kind, names: &[String]) -> String {
    let noun = if names.len() == 1 { one } else { several };
    format!("{} {noun} ({})", names.len(), some(names))
}

/// The first few of some names, and how many more there are. A name cannot begin a line or move a terminal's cursor.
pub(crate) fn some(names: &[impl AsRef<str>]) -> String {
    let plain = |name: &str| name.chars().flat_map(plain_char).collect::<String>();
    let mut text: Vec<String> = names.iter().take(NAMED).map(|name| plain(name.as_ref())).collect();
    if names.len() > NAMED {
        text.push(format!("{} more", names.len() - NAMED));
    }
    text.join(", ")
}

fn plain_char(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_and_named_in_one_line() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut left_out = LeftOut::default();
        assert_eq!(left_out.sentence(), None);
        left_out.add(["file", "files"], names(&["a", "b\u{1b}[2J\n", "c", "d"]));
        left_out.add(["folder", "folders"], names(&["e"]));
        left_out.add(["picture", "pictures"], Vec::new());
        assert_eq!(
            left_out.sentence().unwrap(),
            "left out 4 files (a, b\\u{1b}[2J\\n, c, 1 more), 1 folder (e)"
        );
    }
}
