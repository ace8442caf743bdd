//! Doc comments, types and values as readers of a page see them.

use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, GenericArgument, Lit, Meta, PathArguments, Type};

/// A doc comment as one line a paragraph, links as plain names.
pub fn doc(attributes: &[Attribute]) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { continue };
        let line = line.value();
        match (line.trim(), paragraphs.last_mut()) {
            ("", _) => paragraphs.push(String::new()),
            (line, Some(last)) if last.is_empty() => last.push_str(line),
            (line, Some(last)) => *last = format!("{last} {line}"),
            (_, None) => {}
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.iter().map(|paragraph| without_links(paragraph)).collect()
}

/// `[`Name`](path)` and `[`Name`]` as `Name` in backticks.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("[`") {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find("`]") else { break };
        out.push_str(&rest[start + 1..start + end + 1]);
        rest = &rest[start + end + 2..];
        if let (true, Some(close)) = (rest.starts_with('('), rest.find(')')) {
            rest = &rest[close + 1..];
        }
    }
    out + rest
}

/// The name of a type, and of the type that it holds: `Option<Vec<f64>>` is `Option` of `Vec` of `f64`.
pub fn name_and_argument(ty: &Type) -> (String, Option<&Type>) {
    match ty {
        Type::Array(array) => ("array".into(), Some(&array.elem)),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return (String::new(), None) };
            let argument = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => {
                    arguments.args.iter().rev().find_map(|argument| {
                        if let GenericArgument::Type(ty) = argument { Some(ty) } else { None }
                    })
                }
                _ => None,
            };
            (last.ident.to_string(), argument)
        }
        other => (other.to_token_stream().to_string(), None),
    }
}

/// Rust's `CamelCase` as serde renames it.
pub fn renamed(name: &str, rule: Option<&str>) -> String {
    let separator = match rule {
        Some("snake_case") => "_",
        Some("kebab-case") => "-",
        Some("lowercase") => return name.to_lowercase(),
        _ => return name.to_owned(),
    };
    let mut out = String::new();
    for (i, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            out.push_str(separator);
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// Text of a cell of a table.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        assert_eq!(renamed("DpmMultistep", Some("snake_case")), "dpm_multistep");
        assert_eq!(renamed("DeadLeaves", Some("kebab-case")), "dead-leaves");
        assert_eq!(renamed("F32", Some("lowercase")), "f32");
    }

    #[test]
    fn links_become_names() {
        assert_eq!(without_links("[`A`](crate::A) and [`B`], of `[C, H]`"), "`A` and `B`, of `[C, H]`");
    }
}
