//! `menagerie admin check`: is what lies on disk whole?

use std::path::PathBuf;

use clap::Args;

use super::offline;
use super::output::Output;
use crate::error::{Error, Result};

/// `menagerie admin check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// The data directory of a process that does not run
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
}

impl CheckArgs {
    /// Reads all of it. Damage is an error, with file and offset.
    pub fn run(self) -> Result<Output> {
        let (_data, survey) = offline::look(&self.data_dir)?;
        let text = format!("data directory {}\n  {}", self.data_dir.display(), survey.lines().join("\n  "));
        if survey.damage().is_empty() {
            return Ok(Output { text, json: survey.json() });
        }
        Err(Error::command(format!(
            "{text}\nstart no process here before `menagerie admin rebuild --data-dir {}`",
            self.data_dir.display()
        )))
    }
}
