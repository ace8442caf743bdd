//! What people would type for an emoji.

use emojis::{Emoji, Group};

use super::appearance::{Appearance, COLOURS};

/// The caption of an emoji: phrases separated by commas, its name first.
///
/// Then come its name as one would say it where that differs ("flag of japan"), its short codes, and its shape and colour
/// before its noun where the picture has one of each ("round red tomato").
pub(super) fn caption(emoji: &Emoji, appearance: &Appearance) -> String {
    let name = emoji.name().to_lowercase().replace(['“', '”'], "");
    let mut phrases = spoken(&name);
    let codes = emoji.shortcodes().map(|code| code.replace(['_', '-'], " "));
    phrases.extend(codes.filter(|code| code.chars().any(char::is_alphabetic)));
    if !matches!(emoji.group(), Group::PeopleAndBody | Group::Flags) {
        phrases.extend(described(&name, appearance));
    }
    let mut unique: Vec<String> = Vec::with_capacity(phrases.len());
    for phrase in phrases {
        if !unique.contains(&phrase) {
            unique.push(phrase);
        }
    }
    unique.join(", ")
}

/// A name without the colon of lists: "thumbs up: dark skin tone" is said "thumbs up with dark skin".
///
/// What stands before the colon alone is a phrase too, as "thumbs up" is, but for words such as "flag".
fn spoken(name: &str) -> Vec<String> {
    let Some((whole, part)) = name.split_once(": ") else { return vec![name.to_owned()] };
    match whole {
        "flag" => vec![format!("flag of {part}"), format!("{part} flag")],
        "keycap" => vec![format!("keycap {part}")],
        _ => {
            let mut parts: Vec<String> =
                part.split(", ").map(|part| part.replace(" skin tone", " skin")).collect();
            let bald = parts.pop_if(|part| part == "bald").map_or("", |_| "bald ");
            let with =
                if parts.is_empty() { String::new() } else { format!(" with {}", parts.join(" and ")) };
            vec![format!("{bald}{whole}{with}"), whole.to_owned()]
        }
    }
}

/// Shape and colour before a short name that does not say them.
fn described(name: &str, appearance: &Appearance) -> Option<String> {
    let says = |word: &str| name.split([' ', '-', ':']).any(|part| part == word);
    if name.contains(':') || name.split(' ').count() > 3 || COLOURS.into_iter().any(says) {
        return None;
    }
    let words: Vec<&str> = [appearance.shape, appearance.colour]
        .into_iter()
        .flatten()
        .filter(|word| !says(word) && (*word != "round" || !says("circle")))
        .chain([name])
        .collect();
    (words.len() > 1).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(emoji: &str, shape: Option<&'static str>, colour: Option<&'static str>) -> String {
        caption(emojis::get(emoji).unwrap(), &Appearance { shape, colour })
    }

    #[test]
    fn a_caption_is_what_people_type() {
        assert_eq!(of("🍅", Some("round"), Some("red")), "tomato, round red tomato");
        assert_eq!(of("🍕", None, None), "pizza");
        assert_eq!(of("❤️", None, Some("red")), "red heart, heart");
        assert_eq!(of("🔴", Some("round"), Some("red")), "red circle");
        assert_eq!(of("🐈‍⬛", None, Some("grey")), "black cat");
        assert_eq!(of("😂", Some("round"), Some("yellow")), "face with tears of joy, joy");
    }

    #[test]
    fn colons_of_lists_become_words() {
        assert_eq!(of("🇯🇵", None, Some("red")), "flag of japan, japan flag, jp");
        let thumb = of("👍🏿", None, None);
        assert!(thumb.starts_with("thumbs up with dark skin, thumbs up"), "{thumb}");
        assert_eq!(of("👨🏿‍🦲", None, None), "bald man with dark skin, man");
        assert!(of("1️⃣", Some("square"), Some("blue")).starts_with("keycap 1, one"));
    }
}
