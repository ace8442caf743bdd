//! Tables of configurations are tables: serde also takes an array for a struct, its values for the keys in order.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Table;

use crate::resolve::join;
use crate::settings::explained;

/// Reads a configuration from a table.
///
/// # Errors
///
/// The first key that is unknown, does not fit, or gives an array where a table belongs.
pub(crate) fn from_table<C: DeserializeOwned + Serialize>(table: &Table) -> Result<C, String> {
    let read: C = table.clone().try_into().map_err(|error: toml::de::Error| explained(error.message()))?;
    check_tables(table, &read)?;
    Ok(read)
}

/// Reads a configuration, or what stands beside one, from JSON.
///
/// # Errors
///
/// As [`from_table`].
pub(crate) fn from_json<C: DeserializeOwned + Serialize>(value: &Value) -> Result<C, String> {
    let read: C = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    check_tables(value, &read)?;
    Ok(read)
}

/// Refuses arrays in `given` where what was `read` of it has tables.
///
/// # Errors
///
/// The first of them.
pub(crate) fn check_tables(given: &impl Serialize, read: &impl Serialize) -> Result<(), String> {
    let json = |error: serde_json::Error| error.to_string();
    let [given, read] =
        [serde_json::to_value(given).map_err(json)?, serde_json::to_value(read).map_err(json)?];
    compare("", &given, &read)
}

fn compare(path: &str, given: &Value, read: &Value) -> Result<(), String> {
    match (given, read) {
        (Value::Array(_), Value::Object(_)) => {
            let what = if path.is_empty() { "it" } else { path };
            Err(format!("{what} is an array: it must be a table, with the name of each key"))
        }
        (Value::Object(given), Value::Object(read)) => given.iter().try_for_each(|(key, value)| {
            read.get(key).map_or(Ok(()), |read| compare(&join(path, key), value, read))
        }),
        (Value::Array(given), Value::Array(read)) => given
            .iter()
            .zip(read)
            .enumerate()
            .try_for_each(|(place, (given, read))| compare(&format!("{path}[{place}]"), given, read)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FirstStageRunConfig, Meta, RunConfig};

    fn refused<C: DeserializeOwned + Serialize + std::fmt::Debug>(text: &str) -> String {
        from_table::<C>(&toml::from_str(text).unwrap()).unwrap_err()
    }

    /// Plain structs, those in enums, those behind a list and those in an option.
    #[test]
    fn arrays_are_no_tables() {
        let digits = "dataset = { type = \"digits\" }\n";
        let cases = [
            ("model = []", "model is an array"),
            ("train = [7]", "train is an array"),
            ("diffusion = { schedule = [\"linear\", 1e-4, 0.02] }", "diffusion.schedule is an array"),
            ("sample = { solver = [\"ddim\"] }", "sample.solver is an array"),
            ("model = { down_blocks = [[false, \"conv\"]] }", "model.down_blocks[0] is an array"),
        ];
        for (text, expected) in cases {
            let error = refused::<RunConfig>(&format!("{digits}{text}"));
            assert!(error.contains(expected), "{text}: {error}");
        }
        let first_stage = "system = \"autoencoder\"\ndataset = { type = \"digits\" }\n";
        for text in ["model = { latent = \"kl\", trunk = [] }", "model = [\"kl\"]"] {
            let error = refused::<FirstStageRunConfig>(&format!("{first_stage}{text}"));
            assert!(error.contains("is an array"), "{text}: {error}");
        }
        let whole = from_table::<RunConfig>(&toml::from_str(digits).unwrap()).unwrap();
        assert_eq!(from_json::<RunConfig>(&serde_json::to_value(&whole).unwrap()).unwrap(), whole);
    }

    #[test]
    fn a_description_is_an_object() {
        let meta = serde_json::json!([3, [0.5, 0.5, 3], {}, "", 1.0, 1.0, {}]);
        assert!(from_json::<Meta>(&meta).unwrap_err().contains("it is an array"));
    }
}
