//! Reads zoo.cfg and what belongs to it.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::{Files, ZooConfig, parse};
use crate::error::{Error, Result};
use crate::settings::{Given, properties};

/// Such files are a few kilobytes long.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads the configuration file at `path`, the file that its dynamicConfigFile names, and myid; with what is `given`
/// elsewhere.
pub fn load(path: &Path, given: &Given) -> Result<ZooConfig> {
    let text = read_config(path)?;
    let dynamic = match dynamic_file(&text) {
        Some(name) => Some((name.clone(), read_config(Path::new(&name))?)),
        None => None,
    };
    let name = path.display().to_string();
    let mut config = parse(&Files { name: &name, text: &text, dynamic, given, my_id: &read_my_id })?;
    if config.data_dir.join("version-2").is_dir() || config.data_log_dir.join("version-2").is_dir() {
        let problem = "dataDir holds data of ZooKeeper (version-2); it is neither read nor changed, and the tree starts without it";
        config.warnings.push(problem.to_owned());
    }
    Ok(config)
}

fn dynamic_file(text: &str) -> Option<String> {
    let last = properties::parse(text).into_iter().rev().find(|p| p.key == "dynamicConfigFile")?;
    (!last.value.is_empty()).then_some(last.value)
}

fn read_config(path: &Path) -> Result<String> {
    let fault = |problem: String| Error::config(path.display().to_string(), problem);
    read(path).map_err(|error| fault(format!("cannot be read: {error}")))
}

fn read_my_id(path: &Path) -> io::Result<Option<String>> {
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Comments may be in any encoding, so bytes that are not UTF-8 are no error.
fn read(path: &Path) -> io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("{size} bytes are more than any configuration has")));
    }
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}
