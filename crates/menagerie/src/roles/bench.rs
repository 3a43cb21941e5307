//! No server at all: the load tool, which has a thread of its own.

use menagerie_bench::{BenchArgs, BenchError};

use crate::error::{Error, Result};

pub async fn run(args: BenchArgs) -> Result<()> {
    let outcome = tokio::task::spawn_blocking(move || menagerie_bench::run(&args)).await;
    outcome.map_err(|error| Error::component("bench", error))?.map_err(|error| match error {
        BenchError::Usage(problem) => Error::config("bench", problem),
        other => Error::component("bench", other),
    })
}
