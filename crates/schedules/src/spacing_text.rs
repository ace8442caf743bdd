//! How a spacing is written: in a configuration, on the command line, in a picture's settings.

use std::fmt;
use std::str::FromStr;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Spacing;

impl fmt::Display for Spacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leading { offset: 0 } => write!(f, "leading"),
            Self::Leading { offset } => write!(f, "leading (offset {offset})"),
            Self::Trailing => write!(f, "trailing"),
            Self::Linspace => write!(f, "linspace"),
            Self::Quadratic => write!(f, "quadratic"),
            Self::Explicit { timesteps } => write!(f, "explicit {timesteps:?}"),
            Self::Karras { rho } => write!(f, "karras (rho {rho})"),
            Self::Exponential => write!(f, "exponential"),
            Self::Beta => write!(f, "beta"),
        }
    }
}

impl FromStr for Spacing {
    type Err = serde::de::value::Error;

    /// A spacing by its name, its options at their defaults.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::deserialize(MapDeserializer::new(std::iter::once(("type", name))))
    }
}

impl Serialize for Spacing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Spacing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Spacing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a spacing, or a table with its type")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Spacing, E> {
        name.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Spacing, A::Error> {
        Spacing::deserialize(MapAccessDeserializer::new(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_written_beside_the_name() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Config {
            spacing: Spacing,
        }
        let read = |text: &str| toml::from_str::<Config>(text).map(|config| config.spacing);
        assert_eq!(read("spacing = \"karras\"").unwrap(), Spacing::Karras { rho: 7.0 });
        assert_eq!(read("spacing = { type = \"karras\", rho = 5.0 }").unwrap(), Spacing::Karras { rho: 5.0 });
        assert_eq!(read("spacing = \"lu_lambdas\"").unwrap(), Spacing::Exponential);
        let explicit = Spacing::Explicit { timesteps: vec![999, 500, 3] };
        let written = toml::to_string(&Config { spacing: explicit.clone() }).unwrap();
        assert_eq!(read(&written).unwrap(), explicit);
        for wrong in ["spacing = \"even\"", "spacing = 3", "spacing = { type = \"karras\", order = 5 }"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!("quadratic".parse(), Ok(Spacing::Quadratic));
    }
}
