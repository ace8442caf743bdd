//! The types of the configurations, as the sources have them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use quote::ToTokens;
use syn::{Attribute, Expr, Field, Fields, ImplItem, Item, Lit, Stmt, Type};

use super::prose::{name_and_argument, renamed};
use crate::cargo::root;

/// Crates whose types stand in configurations.
const CRATES: [&str; 8] = ["train", "data", "schedules", "diffusion", "unet", "autoencoder", "dpm", "text"];

/// A type of a configuration.
pub enum Kind {
    Struct(Vec<Field>),
    Enum(Vec<syn::Variant>),
}

/// A struct or an enum of the sources.
pub struct Definition {
    /// The crate that it is of.
    pub home: &'static str,
    pub name: String,
    pub attributes: Vec<Attribute>,
    pub kind: Kind,
}

/// All of them, and where defaults come from.
#[derive(Default)]
pub struct Items {
    definitions: BTreeMap<String, Vec<Definition>>,
    /// The fields of `impl Default`, by crate and type.
    defaults: BTreeMap<(&'static str, String), BTreeMap<String, Expr>>,
    /// What functions without arguments return, by crate and name.
    functions: BTreeMap<(&'static str, String), Expr>,
}

impl Items {
    /// Parses the sources.
    pub fn read() -> Result<Self> {
        let mut items = Self::default();
        for home in CRATES {
            items.read_folder(home, &root().join("crates").join(home).join("src"))?;
        }
        Ok(items)
    }

    fn read_folder(&mut self, home: &'static str, folder: &Path) -> Result<()> {
        let failed = || format!("failed to read {}", folder.display());
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).with_context(failed)? {
            paths.push(entry.with_context(failed)?.path());
        }
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.read_folder(home, &path)?;
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("failed to read {}", path.display()))?;
                let file = syn::parse_file(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
                file.items.into_iter().for_each(|item| self.add(home, item));
            }
        }
        Ok(())
    }

    fn add(&mut self, home: &'static str, item: Item) {
        let mut define = |name: String, attributes: Vec<Attribute>, kind: Kind| {
            let all = self.definitions.entry(name.clone()).or_default();
            all.push(Definition { home, name, attributes, kind });
        };
        match item {
            Item::Struct(item) if matches!(item.fields, Fields::Named(_)) => {
                define(item.ident.to_string(), item.attrs, Kind::Struct(item.fields.into_iter().collect()));
            }
            Item::Enum(item) => {
                define(item.ident.to_string(), item.attrs, Kind::Enum(item.variants.into_iter().collect()));
            }
            Item::Fn(item) if item.sig.inputs.is_empty() => {
                if let Some(Stmt::Expr(expression, None)) = item.block.stmts.last() {
                    self.functions.insert((home, item.sig.ident.to_string()), expression.clone());
                }
            }
            Item::Impl(item) => {
                let is_default = item.trait_.as_ref().is_some_and(|(_, path, _)| path.is_ident("Default"));
                let (name, _) = name_and_argument(&item.self_ty);
                for function in item.items.iter().filter(|_| is_default) {
                    let ImplItem::Fn(function) = function else { continue };
                    let Some(Stmt::Expr(Expr::Struct(value), None)) = function.block.stmts.last() else {
                        continue;
                    };
                    let fields = value.fields.iter();
                    let fields =
                        fields.map(|field| (field.member.to_token_stream().to_string(), field.expr.clone()));
                    self.defaults.insert((home, name.clone()), fields.collect());
                }
            }
            _ => {}
        }
    }

    /// A definition by name: that of the same crate, or else the first with serde's derives.
    pub fn find(&self, home: &str, name: &str) -> Option<&Definition> {
        let all = self.definitions.get(name)?;
        all.iter().find(|it| it.home == home).or_else(|| all.iter().find(|it| is_serde(it))).or(all.first())
    }

    /// The definition that a type holds in the end, if it is one of a configuration.
    pub fn held(&self, home: &str, ty: &Type) -> Option<&Definition> {
        match name_and_argument(ty) {
            (name, None) => self.find(home, &name).filter(|found| is_serde(found)),
            (_, Some(inner)) => self.held(home, inner),
        }
    }

    /// The default of a key as a file would have it; nothing where the key must be given.
    pub fn default_of(&self, owner: &Definition, container: bool, field: &Field) -> Option<String> {
        let name = field.ident.as_ref()?.to_string();
        if let Some(function) = serde_value(&field.attrs, "default") {
            let value = self.functions.get(&(owner.home, function))?;
            return Some(self.value(owner.home, value, &field.ty));
        }
        if container && let Some(fields) = self.defaults.get(&(owner.home, owner.name.clone())) {
            return fields.get(&name).map(|value| self.value(owner.home, value, &field.ty));
        }
        let is_option = name_and_argument(&field.ty).0 == "Option";
        (container || is_option || has_serde(&field.attrs, "default"))
            .then(|| self.default_of_type(owner.home, &field.ty))
    }

    fn default_of_type(&self, home: &str, ty: &Type) -> String {
        let (name, _) = name_and_argument(ty);
        match name.as_str() {
            "Option" => return "none".into(),
            "bool" => return "`false`".into(),
            "f64" | "f32" => return "`0.0`".into(),
            "usize" | "u64" | "u32" => return "`0`".into(),
            "Vec" => return "`[]`".into(),
            "String" => return "`\"\"`".into(),
            _ => {}
        }
        let Some(definition) = self.find(home, &name) else { return "see there".into() };
        if let Kind::Enum(variants) = &definition.kind {
            let rule = serde_value(&definition.attributes, "rename_all");
            let chosen =
                variants.iter().find(|variant| variant.attrs.iter().any(|it| it.path().is_ident("default")));
            if let Some(variant) = chosen.filter(|variant| variant.fields.is_empty()) {
                return format!("`\"{}\"`", variant_name(variant, rule.as_deref()));
            }
        }
        "see there".into()
    }

    /// An expression as a file would have it.
    fn value(&self, home: &str, expression: &Expr, ty: &Type) -> String {
        let inner = || name_and_argument(ty).1.unwrap_or(ty);
        match expression {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Int(number) => format!("`{}`", number.base10_digits()),
                Lit::Float(number) => format!("`{}`", number.base10_digits()),
                other => format!("`{}`", other.to_token_stream()),
            },
            Expr::Path(path) if path.path.is_ident("None") => "none".into(),
            Expr::Path(path) if path.path.segments.len() == 2 => self.variant(home, path, ty),
            Expr::Call(call) => match call.func.to_token_stream().to_string().replace(' ', "").as_str() {
                "Some" => {
                    call.args.first().map_or_else(String::new, |value| self.value(home, value, inner()))
                }
                function if function.ends_with("::default") || function.ends_with("::new") => {
                    self.default_of_type(home, ty)
                }
                _ => "see there".into(),
            },
            Expr::Macro(it) => format!("`[{}]`", it.mac.tokens.to_string().replace(" ,", ",")),
            Expr::Array(array) => {
                let values =
                    array.elems.iter().map(|value| self.value(home, value, inner()).replace('`', ""));
                format!("`[{}]`", values.collect::<Vec<_>>().join(", "))
            }
            Expr::Unary(_) | Expr::Binary(_) => format!("`{}`", expression.to_token_stream()),
            _ => "see there".into(),
        }
    }

    /// `Type::Variant` as a file would have it.
    fn variant(&self, home: &str, path: &syn::ExprPath, ty: &Type) -> String {
        let Some(definition) = self.held(home, ty) else { return "see there".into() };
        let (Kind::Enum(variants), Some(last)) = (&definition.kind, path.path.segments.last()) else {
            return "see there".into();
        };
        let rule = serde_value(&definition.attributes, "rename_all");
        let variant = variants.iter().find(|variant| variant.ident == last.ident);
        variant
            .map_or("see there".into(), |variant| format!("`\"{}\"`", variant_name(variant, rule.as_deref())))
    }
}

/// Whether serde reads or writes a type.
fn is_serde(definition: &Definition) -> bool {
    definition.attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive") && attribute.to_token_stream().to_string().contains("Serialize")
    })
}

/// The name of a variant in a file.
pub fn variant_name(variant: &syn::Variant, rule: Option<&str>) -> String {
    serde_value(&variant.attrs, "rename").unwrap_or_else(|| renamed(&variant.ident.to_string(), rule))
}

/// The value of `#[serde(key = "value")]`.
pub fn serde_value(attributes: &[Attribute], key: &str) -> Option<String> {
    serde_options(attributes).into_iter().find(|(name, _)| name == key).and_then(|(_, value)| value)
}

/// Whether there is `#[serde(key)]`, with a value or not.
pub fn has_serde(attributes: &[Attribute], key: &str) -> bool {
    serde_options(attributes).iter().any(|(name, _)| name == key)
}

fn serde_options(attributes: &[Attribute]) -> Vec<(String, Option<String>)> {
    let mut options = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // What cannot be parsed is no option that is asked for here.
        let _ = attribute.parse_nested_meta(|meta| {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            let value = match meta.value() {
                Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                Err(_) => None,
            };
            options.push((name, value));
            Ok(())
        });
    }
    options
}
