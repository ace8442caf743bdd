use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::python_json;

/// What the library's classes take, a line each, as diffusers 0.42.1 with all its optional packages declares them.
const CLASSES: &str = include_str!("scheduler_classes.txt");

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
    /// Parses a file's text; numbers that are infinite or none, as Python writes them, are texts.
    ///
    /// # Errors
    ///
    /// If it is no JSON object.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut values: Map<String, Value> = python_json::parse_with(text, |number| format!("\"{number}\""))?;
        // The one number that is infinite by default.
        if values.get("lambda_min_clipped").and_then(Value::as_str) == Some("-Infinity") {
            values.remove("lambda_min_clipped");
        }
        Ok(Self::new(values))
    }

    /// Options that were parsed already.
    pub fn new(values: Map<String, Value>) -> Self {
        Self { values, read: RefCell::default() }
    }

    /// Those that a class takes, and what none does. A configuration that was made of another class's has kept what only that
    /// takes, as `skip_prk_steps` of PNDM in the configuration of DDIM in Stable Diffusion 2: the library reads past it.
    pub(crate) fn of_class(&self, class: &str) -> Self {
        let takes = |line: &str, key: &str| line.split_whitespace().any(|option| option == key);
        let foreign = |key: &str| {
            let mut others = CLASSES.lines().filter(|line| takes(line, key)).peekable();
            others.peek().is_some() && others.all(|line| line.split(':').next() != Some(class))
        };
        let mut values = self.values.clone();
        values.retain(|key, _| !foreign(key));
        Self::new(values)
    }

    /// Sets options, whatever they were.
    pub(crate) fn set<const N: usize>(&mut self, options: [(&str, Value); N]) {
        self.values.extend(options.map(|(key, value)| (key.to_owned(), value)));
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

    /// What is written for an option, where it is there and not null, without noting that it was read.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels are not clipped by a class that has no such option, and what is no option of any class is still one too many.
    #[test]
    fn what_only_other_classes_take_is_read_past() {
        let text = r#"{"clip_sample": true, "skip_prk_steps": true, "steps_offset": 1, "prediction": "eps"}"#;
        let options = Options::parse(text).unwrap();
        let keys = |class: &str| options.of_class(class).values.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys("EulerDiscreteScheduler"), ["prediction", "steps_offset"]);
        assert_eq!(keys("DDIMScheduler"), ["clip_sample", "prediction", "steps_offset"]);
        assert_eq!(keys("PNDMScheduler"), ["prediction", "skip_prk_steps", "steps_offset"]);
        let unknown = options.of_class("EulerDiscreteScheduler");
        unknown.ignore(&["steps_offset"]);
        assert_eq!(unknown.all_read().unwrap_err().0, "prediction = \"eps\"");
    }
}
