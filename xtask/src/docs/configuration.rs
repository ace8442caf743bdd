//! `docs/configuration.md`: every key of a configuration, from the doc comments, types and defaults of the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, Result};
use syn::{Field, Fields, Type};

use super::items::{Definition, Items, Kind, has_serde, serde_value, variant_name};
use super::prose::{cell, doc, name_and_argument};

/// The kinds of configurations: the key `system`, the type, and what it trains.
const SYSTEMS: [(&str, &str, &str); 7] = [
    ("", "RunConfig", "A diffusion model of pixels; the key `system` is left out."),
    ("latent", "LatentRunConfig", "Latent diffusion: a diffusion model of what a first stage encodes."),
    ("autoencoder", "FirstStageRunConfig", "A first stage of latent diffusion."),
    ("classifier", "ClassifierRunConfig", "A classifier of noisy images."),
    ("dpm", "DpmRunConfig", "A diffusion probabilistic model of 2015."),
    ("points", "PointRunConfig", "A diffusion model of points."),
    ("super-resolution", "SuperResolutionConfig", "A stage of a cascade, as it stands in its own run."),
];

const HEAD: &str = "# Every key of a configuration

This page is made from the sources by `cargo xtask docs configuration`; a test compares them.

A configuration is a TOML file. Its key `system` says what is trained; the sections below list the keys of each kind, and behind
them those of the parts that several share. A `required` key must be given; `see there` stands for the defaults of the part; an
unknown key is an error. `cargo xtask train CONFIG --set key=value` replaces any of them, `runs/NAME/config.toml` holds all of a run.

";

/// The page.
pub fn page() -> Result<String> {
    let items = Items::read()?;
    let mut page = Page { items: &items, uses: BTreeMap::new(), order: Vec::new() };
    let mut text = HEAD.to_owned();
    for (system, name, what) in SYSTEMS {
        let definition = items.find("train", name).with_context(|| format!("there is no {name}"))?;
        let title =
            if system.is_empty() { "without `system`".into() } else { format!("`system = \"{system}\"`") };
        let _ = writeln!(text, "## {title}\n\n{what}\n");
        page.body(&mut text, definition, &format!("{}.", if system.is_empty() { "ddpm" } else { system }));
    }
    let cascade = items.find("train", "CascadeConfig").context("there is no CascadeConfig")?;
    let _ = writeln!(text, "## `system = \"cascade\"`\n\n{}\n", doc(&cascade.attributes).join("\n\n"));
    let mut next = 0;
    while let Some(name) = page.order.get(next).cloned() {
        next += 1;
        let Some(definition) = items.find(name.0, &name.1) else { continue };
        let mut section = String::new();
        page.body(&mut section, definition, "");
        let places: Vec<&str> = page.uses[&name].iter().map(String::as_str).collect();
        let _ = writeln!(text, "## {}\n\nAt {}.\n", name.1, places.join(", "));
        text.push_str(&section);
    }
    Ok(text.trim_end().to_owned() + "\n")
}

type Key = (&'static str, String);

struct Page<'a> {
    items: &'a Items,
    /// The keys at which a type stands.
    uses: BTreeMap<Key, BTreeSet<String>>,
    /// The types that have sections, in order.
    order: Vec<Key>,
}

impl Page<'_> {
    /// The doc comment of a type and the table of its keys or values.
    fn body(&mut self, text: &mut String, definition: &Definition, place: &str) {
        for paragraph in
            doc(&definition.attributes).iter().take_while(|paragraph| !paragraph.starts_with("```"))
        {
            let _ = writeln!(text, "{paragraph}\n");
        }
        match &definition.kind {
            Kind::Struct(fields) => {
                let container = has_serde(&definition.attributes, "default");
                self.table(text, definition, container, fields, place);
            }
            Kind::Enum(variants) => self.variants(text, definition, variants),
        }
    }

    fn table(
        &mut self,
        text: &mut String,
        owner: &Definition,
        container: bool,
        fields: &[Field],
        place: &str,
    ) {
        if fields.is_empty() {
            return;
        }
        text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
        self.rows(text, owner, container, fields, place);
        text.push('\n');
    }

    fn rows(
        &mut self,
        text: &mut String,
        owner: &Definition,
        container: bool,
        fields: &[Field],
        place: &str,
    ) {
        for field in fields {
            let Some(name) = field.ident.as_ref().map(ToString::to_string) else { continue };
            let name = serde_value(&field.attrs, "rename").unwrap_or(name);
            if has_serde(&field.attrs, "flatten")
                && let Some(inner) = self.items.held(owner.home, &field.ty)
            {
                if let Kind::Struct(fields) = &inner.kind {
                    self.rows(text, inner, has_serde(&inner.attributes, "default"), fields, place);
                } else {
                    let link = self.link(inner, &format!("{place}type"), owner);
                    let _ = writeln!(
                        text,
                        "| `type` | {link} | required | {} |",
                        cell(&doc(&field.attrs).join(" "))
                    );
                }
                continue;
            }
            let ty = self.described(owner, &field.ty, &format!("{place}{name}"));
            let default = self.items.default_of(owner, container, field).unwrap_or("required".into());
            let _ = writeln!(
                text,
                "| `{name}` | {ty} | {} | {} |",
                cell(&default),
                cell(&doc(&field.attrs).join(" "))
            );
        }
    }

    /// The values of an enum, and the keys that come with each.
    fn variants(&mut self, text: &mut String, owner: &Definition, variants: &[syn::Variant]) {
        let rule = serde_value(&owner.attributes, "rename_all");
        let tag = serde_value(&owner.attributes, "tag");
        let untagged = has_serde(&owner.attributes, "untagged");
        for variant in variants {
            let name = variant_name(variant, rule.as_deref());
            let value = value_of(&name, tag.as_deref(), untagged);
            let mut what = doc(&variant.attrs).join(" ");
            let mut held = None;
            if let Fields::Unnamed(fields) = &variant.fields
                && let Some(field) = fields.unnamed.first()
            {
                held = self
                    .items
                    .held(owner.home, &field.ty)
                    .filter(|held| matches!(held.kind, Kind::Struct(_)));
                if held.is_none() {
                    what = format!("{what} ({})", self.described(owner, &field.ty, &value));
                }
            }
            let _ = writeln!(text, "- {value}: {what}");
            let (definition, fields): (&Definition, Vec<Field>) = match (&variant.fields, held) {
                (_, Some(held)) => match &held.kind {
                    Kind::Struct(fields) => (held, fields.clone()),
                    Kind::Enum(_) => continue,
                },
                (Fields::Named(fields), _) => (owner, fields.named.iter().cloned().collect()),
                _ => continue,
            };
            if !fields.is_empty() {
                text.push('\n');
                let container = held.is_some_and(|held| has_serde(&held.attributes, "default"));
                self.table(text, definition, container, &fields, "");
            }
        }
        text.push('\n');
    }

    /// What a key takes.
    fn described(&mut self, owner: &Definition, ty: &Type, place: &str) -> String {
        let (name, argument) = name_and_argument(ty);
        let plain = match name.as_str() {
            "usize" | "u64" | "u32" | "u8" | "NonZeroUsize" => "whole number",
            "i64" | "i32" => "whole number, also below 0",
            "f64" | "f32" => "number",
            "bool" => "`true`, `false`",
            "String" => "text",
            "PathBuf" => "path",
            "Table" => "section",
            _ => "",
        };
        match (plain, name.as_str(), argument) {
            ("", "Option" | "Box", Some(inner)) => self.described(owner, inner, place),
            ("", "Vec" | "array", Some(inner)) => {
                let inner = self.described(owner, inner, place);
                let plural = if inner.ends_with("number") { "s" } else { "" };
                format!("list of {inner}{plural}")
            }
            ("", _, _) => match self.items.held(owner.home, ty) {
                Some(found) => self.link(found, place, owner),
                None => format!("`{name}`"),
            },
            (plain, ..) => plain.to_owned(),
        }
    }

    /// A link to the section of a type, which is thereby asked for; a short list of plain values stands by itself.
    fn link(&mut self, found: &Definition, place: &str, owner: &Definition) -> String {
        if let Kind::Enum(variants) = &found.kind
            && variants.len() == 1
            && variants[0].fields.is_empty()
        {
            let rule = serde_value(&found.attributes, "rename_all");
            return format!("`\"{}\"`", variant_name(&variants[0], rule.as_deref()));
        }
        let key = (found.home, found.name.clone());
        let place =
            if place.contains('.') { format!("`{place}`") } else { format!("`{place}` of {}", owner.name) };
        let uses = self.uses.entry(key.clone()).or_default();
        if uses.is_empty() {
            self.order.push(key);
        }
        uses.insert(place);
        format!("[{}](#{})", found.name, found.name.to_lowercase())
    }
}

/// How a file says that an enum is one of its variants.
fn value_of(name: &str, tag: Option<&str>, untagged: bool) -> String {
    match tag {
        _ if untagged => "a value".to_owned(),
        Some(tag) => format!("`{tag} = \"{name}\"`"),
        None => format!("`\"{name}\"`"),
    }
}
