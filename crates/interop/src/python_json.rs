use serde::de::DeserializeOwned;

/// Parses JSON as Python writes it, where numbers may be none: those are read as null.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let (mut plain, mut rest, mut quoted) = (String::with_capacity(text.len()), text, false);
    while let Some(first) = rest.chars().next() {
        let token =
            ["-Infinity", "Infinity", "NaN"].iter().find(|token| !quoted && rest.starts_with(**token));
        let (read, written) = match token {
            Some(token) => (token.len(), "null"),
            // An escaped character ends no string.
            None if quoted && first == '\\' => {
                let read = rest.chars().take(2).map(char::len_utf8).sum();
                (read, &rest[..read])
            }
            None => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        quoted ^= first == '"';
        plain.push_str(written);
        rest = &rest[read..];
    }
    serde_json::from_str(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn numbers_that_are_none_are_null_and_strings_stay() {
        let text = r#"{"a": -Infinity, "b": [NaN, Infinity, 1e-5], "NaN": "not \"NaN\", nor Infinity\\"}"#;
        let parsed: Value = parse(text).unwrap();
        let expected = json!({"a": null, "b": [null, null, 1e-5], "NaN": "not \"NaN\", nor Infinity\\"});
        assert_eq!(parsed, expected);
        assert!(parse::<Value>("{\"a\": Nan}").is_err());
    }
}
