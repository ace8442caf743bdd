use serde::de::DeserializeOwned;

/// Parses JSON as Python writes it, where numbers may be infinite or none: those are read as null.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    parse_with(text, |_| "null".to_owned())
}

/// The same; `written` is the JSON that stands for such a number.
pub(crate) fn parse_with<T: DeserializeOwned>(
    text: &str,
    written: impl Fn(&str) -> String,
) -> Result<T, serde_json::Error> {
    let (mut plain, mut rest, mut quoted) = (String::with_capacity(text.len()), text, false);
    while let Some(first) = rest.chars().next() {
        let token =
            ["-Infinity", "Infinity", "NaN"].iter().find(|token| !quoted && rest.starts_with(**token));
        let read = match token {
            Some(token) => token.len(),
            // An escaped character ends no string.
            None if quoted && first == '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            None => first.len_utf8(),
        };
        quoted ^= first == '"';
        match token {
            Some(token) => plain.push_str(&written(token)),
            None => plain.push_str(&rest[..read]),
        }
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
