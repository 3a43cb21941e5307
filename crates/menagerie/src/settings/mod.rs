//! What is set, by ZooKeeper's names: the lines of zoo.cfg, system properties (`-Dname=value`), the environment.
//!
//! Every name counts with and without the prefix `zookeeper.`. Which place wins where several set the same name is
//! ZooKeeper's: its parser of zoo.cfg overwrites the system property of every line, so the file wins over the
//! rest, unless the name is one that ZooKeeper reads as a system property under its bare name and so never finds in
//! the file. Behind it come arguments, then `MENAGERIE_*`, then `JVMFLAGS`, then `SERVER_JVMFLAGS`.

mod auth;
mod gateway;
mod given;
mod keys;
mod limits;
pub mod properties;
mod tls;
mod tracker;

use std::collections::BTreeMap;
use std::str::FromStr;

pub use gateway::gateway_options;
pub use given::Given;
pub use keys::Scope;
use keys::{Fate, fate};
pub use tracker::{session_timeouts, with_container};

use crate::error::{Error, Result};

/// What ZooKeeper puts before the names of its system properties.
const PREFIX: &str = "zookeeper.";

/// One setting and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, without the prefix.
    pub key: String,
    /// Without blanks at either end.
    pub value: String,
    /// File, line and key; or the argument; or the variable.
    pub place: String,
}

/// The settings of a process; of a repeated one the last counts, as in Java.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    file: String,
    by_key: BTreeMap<String, Setting>,
    /// Keys of the file in the order of their lines.
    in_file: Vec<String>,
    repeated: Vec<Setting>,
    warnings: Vec<String>,
}

impl Settings {
    /// Those of a process without zoo.cfg, of which it takes what is in one of `scopes`.
    pub fn without_file(given: &Given, scopes: &[Scope]) -> Result<Self> {
        let mut settings = Self { file: "settings".to_owned(), ..Self::default() };
        settings.add_given(given, scopes)?;
        Ok(settings)
    }

    /// The lines of `text`, the file `file`, over what is `given` elsewhere.
    pub fn with_file(given: &Given, file: &str, text: &str) -> Result<Self> {
        let mut settings = Self::without_file(given, &[Scope::Member, Scope::Tracker, Scope::Gateway])?;
        settings.add_file(file, text);
        Ok(settings)
    }

    /// The lines of a file alone.
    pub fn of_file(file: &str, text: &str) -> Self {
        let mut settings = Self::default();
        settings.add_file(file, text);
        settings
    }

    fn add_given(&mut self, given: &Given, scopes: &[Scope]) -> Result<()> {
        for setting in given.settings() {
            match fate(&setting.key) {
                Ok(Fate::Honoured(scope)) if scopes.contains(&scope) => {
                    self.by_key.insert(setting.key.clone(), setting.clone());
                }
                Ok(Fate::Honoured(scope)) if given.is_argument(setting) => {
                    let problem = format!("is no property of this role, but of {}", scope.roles());
                    return Err(Error::config(&setting.place, problem));
                }
                // One environment may serve several roles.
                Ok(Fate::Honoured(_)) => {}
                // ZooKeeper finds its servers in the file alone.
                Err(_) if setting.key.starts_with("server.") && !given.is_argument(setting) => {}
                Ok(Fate::Ignored(why)) => {
                    self.warnings.push(format!("{} has no effect: {why}", setting.place));
                }
                Err(hint) => {
                    return Err(Error::config(&setting.place, format!("unknown property; {hint}")));
                }
            }
        }
        Ok(())
    }

    fn add_file(&mut self, file: &str, text: &str) {
        self.file = file.to_owned();
        let mut lines = BTreeMap::new();
        for property in properties::parse(text) {
            let key = without_prefix(&property.key).to_owned();
            let place = format!("{file}:{}: {}", property.line, property.key);
            let setting = Setting { key: key.clone(), value: property.value, place };
            if let Some((_, earlier)) = lines.insert(key, (property.line, setting)) {
                self.repeated.push(earlier);
            }
        }
        let mut lines: Vec<_> = lines.into_values().collect();
        lines.sort_by_key(|(line, _)| *line);
        for (_, setting) in lines {
            self.in_file.push(setting.key.clone());
            match self.by_key.get(&setting.key).filter(|given| given.value != setting.value) {
                Some(given) if keys::is_bare_property(&setting.key) => {
                    self.warnings.push(format!(
                        "{} has no effect: {} comes first, as in ZooKeeper",
                        setting.place, given.place
                    ));
                    continue;
                }
                Some(given) => self.warnings.push(format!(
                    "{} has no effect: {} comes first, as in ZooKeeper",
                    given.place, setting.place
                )),
                None => {}
            }
            self.by_key.insert(setting.key.clone(), setting);
        }
    }

    /// The settings of the file, in the order of their lines.
    pub fn lines(&self) -> impl Iterator<Item = &Setting> {
        self.in_file.iter().filter_map(|key| self.by_key.get(key))
    }

    /// Lines that a later line overrides.
    pub fn repeated(&self) -> &[Setting] {
        &self.repeated
    }

    /// Everything that is set.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.by_key.values()
    }

    /// One warning for each setting without effect. The first unknown line of the file is the error.
    pub fn warnings(&self) -> Result<Vec<String>> {
        let mut warnings = self.warnings.clone();
        for line in self.lines().filter(|line| line.place.starts_with(&self.file)) {
            match fate(&line.key) {
                // Whoever reads them knows them.
                _ if line.key.starts_with("server.") => {}
                Ok(Fate::Honoured(_)) => {}
                Ok(Fate::Ignored(why)) => warnings.push(format!("{} has no effect: {why}", line.place)),
                Err(hint) => return Err(self.fault(line, format!("unknown key; {hint}"))),
            }
        }
        for line in &self.repeated {
            warnings.push(format!("{} is set again further down; the last line counts", line.place));
        }
        Ok(warnings)
    }

    /// The setting `key`, unless it is absent or empty.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.by_key.get(key).filter(|setting| !setting.value.is_empty())
    }

    /// The value of `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|setting| setting.value.as_str())
    }

    /// The number at `key`, which must lie within `range`.
    pub fn number<T>(&self, key: &str, range: std::ops::RangeInclusive<T>) -> Result<Option<T>>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(setting) = self.get(key) else { return Ok(None) };
        match setting.value.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let (least, most) = (range.start(), range.end());
                let problem = format!("`{}` is not a whole number from {least} to {most}", setting.value);
                Err(self.fault(setting, problem))
            }
        }
    }

    /// The fraction at `key`, from 0 to 1.
    pub fn fraction(&self, key: &str) -> Result<Option<f64>> {
        let Some(setting) = self.get(key) else { return Ok(None) };
        match setting.value.parse() {
            Ok(number) if (0.0..=1.0).contains(&number) => Ok(Some(number)),
            _ => Err(self.fault(setting, format!("`{}` is not a fraction from 0 to 1", setting.value))),
        }
    }

    /// The truth at `key`: `true` or `false`.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.word(key, ["true", "false"])
    }

    /// As [`Self::flag`] for the keys that ZooKeeper wants `yes` or `no` for.
    pub fn yes(&self, key: &str) -> Result<Option<bool>> {
        self.word(key, ["yes", "no"])
    }

    fn word(&self, key: &str, [on, off]: [&str; 2]) -> Result<Option<bool>> {
        let Some(setting) = self.get(key) else { return Ok(None) };
        match setting.value.to_lowercase().as_str() {
            value if value == on => Ok(Some(true)),
            value if value == off => Ok(Some(false)),
            other => Err(self.fault(setting, format!("`{other}` is neither {on} nor {off}"))),
        }
    }

    /// An error at `setting`.
    pub fn fault(&self, setting: &Setting, problem: impl Into<String>) -> Error {
        Error::config(&setting.place, problem)
    }

    /// An error that concerns `key`, which may be absent.
    pub fn fault_of(&self, key: &str, problem: impl Into<String>) -> Error {
        Error::config(self.place_of(key), problem)
    }

    /// Where `key` is set, or the file where it might be.
    pub fn place_of(&self, key: &str) -> String {
        self.by_key.get(key).map_or_else(|| format!("{}: {key}", self.file), |setting| setting.place.clone())
    }
}

fn without_prefix(key: &str) -> &str {
    key.strip_prefix(PREFIX).unwrap_or(key)
}
