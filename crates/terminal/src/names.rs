use std::fmt::Display;

/// Below this likeness (Jaro's) another name is no misspelling.
const LIKENESS: f64 = 0.75;

/// The candidate that is most like a name, if one is like it at all.
pub fn nearest<S: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = S>) -> Option<S> {
    let name = name.to_lowercase();
    let likeness = |candidate: &S| strsim::jaro(&name, &candidate.as_ref().to_lowercase());
    let alike = candidates.into_iter().map(|candidate| (likeness(&candidate), candidate));
    alike.filter(|(like, _)| *like > LIKENESS).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// A word of a suggested command, quoted where a shell would split or expand it.
pub fn quoted(word: impl Display) -> String {
    let word = word.to_string();
    shlex::try_quote(&word).map(Into::into).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_a_misspelling_or_none() {
        let keys = ["batch_size", "steps", "learning_rate"];
        assert_eq!(nearest("batchsize", keys), Some("batch_size"));
        assert_eq!(nearest("Step", keys), Some("steps"));
        assert_eq!(nearest("colour", keys), None);
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("runs/digits-ddpm"), "runs/digits-ddpm");
        assert_eq!(quoted("runs/my run"), "'runs/my run'");
        assert_eq!(quoted("it's"), "\"it's\"");
    }
}
