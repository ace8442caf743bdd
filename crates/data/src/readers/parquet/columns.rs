//! Which column of a shard holds what.

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

/// What a column is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Role {
    Images,
    Labels,
    Captions,
}

/// A column without columns below it, such as `img.bytes`.
pub(super) struct Leaf {
    path: String,
    holds: Holds,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    Lists,
    Text,
    Bytes,
    WholeNumbers,
    Fractions,
    Truths,
    Times,
}

impl Holds {
    fn of(column: &ColumnDescriptor) -> Self {
        let text = [ConvertedType::UTF8, ConvertedType::ENUM, ConvertedType::JSON];
        let is_text = text.contains(&column.converted_type())
            || matches!(column.logical_type_ref(), Some(LogicalType::String | LogicalType::Enum));
        match column.physical_type() {
            _ if column.max_rep_level() > 0 => Self::Lists,
            Type::BYTE_ARRAY if is_text => Self::Text,
            Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => Self::Bytes,
            Type::INT32 | Type::INT64 => Self::WholeNumbers,
            Type::FLOAT | Type::DOUBLE => Self::Fractions,
            Type::BOOLEAN => Self::Truths,
            Type::INT96 => Self::Times,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Lists => "lists",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::WholeNumbers => "whole numbers",
            Self::Fractions => "fractions",
            Self::Truths => "truth values",
            Self::Times => "times",
        }
    }
}

impl Role {
    fn key(self) -> &'static str {
        match self {
            Self::Images => "image_column",
            Self::Labels => "label_column",
            Self::Captions => "caption_column",
        }
    }

    /// What it is called unless the configuration says it.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Images => &["image", "img"],
            Self::Labels => &[],
            Self::Captions => &["text", "caption"],
        }
    }

    fn wants(self) -> &'static str {
        match self {
            Self::Images => "the bytes of an image in each row",
            Self::Labels => "text or whole numbers",
            Self::Captions => "text",
        }
    }

    fn can_be(self, holds: Holds) -> bool {
        match self {
            Self::Images => holds == Holds::Bytes,
            Self::Labels => [Holds::Text, Holds::WholeNumbers, Holds::Truths].contains(&holds),
            Self::Captions => holds == Holds::Text,
        }
    }
}

impl Leaf {
    pub(super) fn all(schema: &SchemaDescriptor) -> Vec<Self> {
        let leaf =
            |column: &ColumnDescriptor| Self { path: column.path().string(), holds: Holds::of(column) };
        schema.columns().iter().map(|column| leaf(column)).collect()
    }

    /// What the configuration may call it: an image's bytes by the column that they are in.
    fn name(&self) -> &str {
        self.path.strip_suffix(".bytes").unwrap_or(&self.path)
    }

    fn is_called(&self, name: &str) -> bool {
        self.path == name || self.name() == name
    }

    /// Whether it is that column or a part of it.
    fn belongs_to(&self, name: &str) -> bool {
        self.is_called(name) || self.path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// The number of the first column called one of `names` that can serve.
///
/// # Errors
///
/// What is wrong with the columns of these names, and which ones could serve.
pub(super) fn find(columns: &[Leaf], names: &[&str], role: Role) -> Result<usize, String> {
    let serves = |leaf: &Leaf| role.can_be(leaf.holds);
    let called = |name: &&str| columns.iter().position(|leaf| leaf.is_called(name) && serves(leaf));
    if let Some(found) = names.iter().find_map(called) {
        return Ok(found);
    }
    let part = columns.iter().find(|leaf| names.iter().any(|name| leaf.belongs_to(name)));
    let wrong = match part {
        Some(leaf) => format!("column {} holds {}, not {}", leaf.path, leaf.holds.noun(), role.wants()),
        None => format!("no column {}", names.join(" or ")),
    };
    let usable: Vec<&str> = columns.iter().filter(|leaf| serves(leaf)).map(Leaf::name).collect();
    let key = role.key();
    Err(match usable[..] {
        [] => {
            let there: Vec<_> =
                columns.iter().map(|leaf| format!("{} ({})", leaf.path, leaf.holds.noun())).collect();
            format!("{wrong}; none of its columns holds {}: {}", role.wants(), there.join(", "))
        }
        [one] => format!("{wrong}; set dataset.{key} to {one}"),
        _ => format!("{wrong}; set dataset.{key} to one of {}", usable.join(", ")),
    })
}
