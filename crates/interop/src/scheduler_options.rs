use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::python_json;

/// The options of a `scheduler_config.json`, which remember whether they were read: one that nobody read is not
/// implemented.
#[derive(Clone, Debug)]
pub struct Options {
    values: Map<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

/// Why a configuration is not followed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);

impl Options {
    /// Parses a file's text; numbers may be infinite, as Python writes them.
    ///
    /// # Errors
    ///
    /// If it is no JSON object.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        // Only `lambda_min_clipped` is ever infinite, which is its default.
        Ok(Self::new(python_json::parse(text)?))
    }

    /// Options that were parsed already.
    pub fn new(values: Map<String, Value>) -> Self {
        Self { values, read: RefCell::default() }
    }

    /// An option, or `default` where it is absent or null.
    ///
    /// # Errors
    ///
    /// If its value is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, Unsupported> {
        Ok(self.find(key)?.unwrap_or(default))
    }

    /// An option, where it is there and not null.
    ///
    /// # Errors
    ///
    /// If its value is of another type.
    pub fn find<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Unsupported> {
        self.read.borrow_mut().insert(key.to_owned());
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|_| Unsupported(format!("{key} = {value}"))),
        }
    }

    /// Notes options that change nothing here.
    pub fn ignore(&self, keys: &[&str]) {
        self.read.borrow_mut().extend(keys.iter().map(|&key| key.to_owned()));
    }

    /// Refuses what nobody read, unless it is off.
    ///
    /// # Errors
    ///
    /// The first such option.
    pub fn all_read(&self) -> Result<(), Unsupported> {
        let off = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
        let read = self.read.borrow();
        let unread = self
            .values
            .iter()
            .find(|(key, value)| !key.starts_with('_') && !off(value) && !read.contains(key.as_str()));
        unread.map_or(Ok(()), |(key, value)| Err(Unsupported(format!("{key} = {value}"))))
    }
}
