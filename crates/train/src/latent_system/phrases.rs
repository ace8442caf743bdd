use random::Stream;
use serde::{Deserialize, Serialize};

/// Which phrases of a caption, separated by commas, a training step shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phrases {
    /// The whole caption.
    #[default]
    All,
    /// One phrase, each as likely: names, keywords and descriptions that mean the same picture are learnt one by one, as
    /// prompts have them. Validation shows the first.
    One,
}

impl Phrases {
    /// Whether captions are shown as they are.
    pub(super) fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// What a training step shows of a caption.
    pub(super) fn drawn<'a>(self, caption: &'a str, stream: &mut Stream) -> &'a str {
        match self {
            Self::All => caption,
            Self::One => {
                let phrases: Vec<&str> = phrases(caption).collect();
                if phrases.is_empty() { caption } else { phrases[stream.below(phrases.len())] }
            }
        }
    }

    /// What validation shows of a caption.
    pub(super) fn first(self, caption: &str) -> &str {
        match self {
            Self::All => caption,
            Self::One => phrases(caption).next().unwrap_or(caption),
        }
    }
}

fn phrases(caption: &str) -> impl Iterator<Item = &str> {
    caption.split(',').map(str::trim).filter(|phrase| !phrase.is_empty())
}

#[cfg(test)]
mod tests {
    use random::Seed;

    use super::*;

    #[test]
    fn each_phrase_is_as_likely() {
        let mut stream = Seed(0).stream("tests", 0);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            let drawn = Phrases::One.drawn("red heart, love ,, heart", &mut stream);
            counts[["red heart", "love", "heart"].iter().position(|phrase| *phrase == drawn).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
        assert_eq!(Phrases::One.first(" , love, heart"), "love");
    }

    #[test]
    fn captions_without_phrases_are_shown_whole() {
        let mut stream = Seed(0).stream("tests", 0);
        for caption in ["", ",", "a cat"] {
            assert_eq!(Phrases::One.drawn(caption, &mut stream), caption);
            assert_eq!(Phrases::One.first(caption), caption);
        }
        assert_eq!(Phrases::All.drawn("a, b", &mut stream), "a, b");
    }
}
