//! A file's properties by key, each remembering its line so that every fault can be placed.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::properties::{self, Property};
use crate::error::{Error, Result};

/// The properties of one file; of a repeated key the last counts, as in Java.
#[derive(Debug)]
pub struct Source {
    file: String,
    by_key: BTreeMap<String, Property>,
    repeated: Vec<Property>,
}

impl Source {
    /// Parses `text`; `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> Self {
        let (mut by_key, mut repeated) = (BTreeMap::new(), Vec::new());
        for property in properties::parse(text) {
            if let Some(earlier) = by_key.insert(property.key.clone(), property) {
                repeated.push(earlier);
            }
        }
        Self { file: file.to_owned(), by_key, repeated }
    }

    /// All properties that count, in the order of their lines.
    pub fn properties(&self) -> Vec<&Property> {
        let mut all: Vec<_> = self.by_key.values().collect();
        all.sort_by_key(|property| property.line);
        all
    }

    /// Properties that a later line overrides.
    pub fn repeated(&self) -> &[Property] {
        &self.repeated
    }

    /// The property `key`, unless it is absent or empty.
    pub fn get(&self, key: &str) -> Option<&Property> {
        self.by_key.get(key).filter(|property| !property.value.is_empty())
    }

    /// The value of `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|property| property.value.as_str())
    }

    /// The number at `key`, which must lie within `range`.
    pub fn number<T>(&self, key: &str, range: std::ops::RangeInclusive<T>) -> Result<Option<T>>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(property) = self.get(key) else { return Ok(None) };
        match property.value.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let (least, most) = (range.start(), range.end());
                let problem = format!("`{}` is not a whole number from {least} to {most}", property.value);
                Err(self.fault(property, problem))
            }
        }
    }

    /// The truth at `key`. ZooKeeper takes `true` and `false`, and `yes` and `no` for some keys.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        let Some(property) = self.get(key) else { return Ok(None) };
        match property.value.to_lowercase().as_str() {
            "true" | "yes" => Ok(Some(true)),
            "false" | "no" => Ok(Some(false)),
            other => Err(self.fault(property, format!("`{other}` is neither true nor false"))),
        }
    }

    /// An error at `property`.
    pub fn fault(&self, property: &Property, problem: impl Into<String>) -> Error {
        Error::config(self.place(property), problem)
    }

    /// An error that concerns the absent `key`.
    pub fn missing(&self, key: &str, problem: &str) -> Error {
        Error::config(format!("{}: {key}", self.file), problem)
    }

    /// File, line and key of `key`, which may be absent.
    pub fn place_of(&self, key: &str) -> String {
        self.get(key).map_or_else(|| format!("{}: {key}", self.file), |property| self.place(property))
    }

    /// File, line and key of `property`.
    pub fn place(&self, property: &Property) -> String {
        format!("{}:{}: {}", self.file, property.line, property.key)
    }
}
