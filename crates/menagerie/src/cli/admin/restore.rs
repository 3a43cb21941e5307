//! `menagerie admin restore`: a backup into an empty cluster.

use std::path::{Path, PathBuf};

use clap::Args;
use futures::{StreamExt, stream};
use menagerie_backup::{BackupReader, Header, verify};
use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{
    BackupRecords, RestoreBegin, RestoreOutcome, RestoreStep, RestoredReplica, TreeStore,
};
use serde_json::json;

use super::Admin;
use super::backup::shown;
use super::output::Output;
use super::progress::Meter;
use super::stores::{self, failed};
use crate::error::{Error, Result};

/// `menagerie admin restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE", required_unless_present = "abort")]
    pub file: Option<PathBuf>,
    /// Begin again in the place of a restore that was not finished
    #[arg(long)]
    pub start_over: bool,
    /// Give a restore up that was not finished: the cluster is empty again
    #[arg(long, conflicts_with_all = ["file", "start_over"])]
    pub abort: bool,
}

impl RestoreArgs {
    /// Restores a backup, or gives an unfinished restore up.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        match &self.file {
            Some(file) => self.restore(admin, file).await,
            None => abort(admin).await,
        }
    }

    async fn restore(&self, admin: &Admin, file: &Path) -> Result<Output> {
        // All of it, before the cluster hears of it.
        let mut meter = Meter::new("verify");
        let verified = verify(file, |bytes| meter.tick(bytes, || "reading".into())).map_err(failed)?;
        meter.done(verified.file_len, "the backup is whole");
        let header = verified.header;
        let (server, store, _) = stores::find(admin, |_| Ok(())).await?;
        let fail = |error: ServiceError| Error::command(format!("{server}: {error}"));
        let begin = RestoreBegin { meta: header.meta.encode().into(), start_over: self.start_over };
        let mut steps = store.restore(begin, records(file)?).await.map_err(fail)?;
        let mut meter = Meter::new("restore");
        let unfinished = "the cluster serves nobody until the backup is whole: run this again with --start-over, or give it up with --abort";
        while let Some(step) = steps.next().await {
            match step {
                Ok(RestoreStep::Applied(bytes)) => meter.tick(bytes, || {
                    format!("{} %", (bytes * 100).checked_div(header.body_len).unwrap_or(100).min(100))
                }),
                Ok(RestoreStep::Done(outcome)) => {
                    meter.done(header.body_len, &format!("{} znodes", header.meta.znodes));
                    return told(file, &header, &outcome);
                }
                Err(error) => return Err(Error::command(format!("{server}: {error}; {unfinished}"))),
            }
        }
        Err(Error::command(format!("{server} ended the stream too early; {unfinished}")))
    }
}

/// The blocks of a backup, each read when it is wanted.
fn records(file: &Path) -> Result<BackupRecords> {
    let reader = BackupReader::open(file).map_err(failed)?;
    let next = |reader: Option<BackupReader>| async {
        let mut reader = reader?;
        match reader.next_block() {
            Ok(None) => None,
            Ok(Some(block)) => Some((Ok(block.records), Some(reader))),
            Err(error) => Some((Err(ServiceError::Invalid(error.to_string())), None)),
        }
    };
    Ok(stream::unfold(Some(reader), next).boxed())
}

fn told(file: &Path, header: &Header, outcome: &RestoreOutcome) -> Result<Output> {
    let mut output = shown("restored", file, header);
    let line = |replica: &RestoredReplica| match (replica.verified, replica.id.0) {
        (true, id) => format!("replica {id}: verified, digest 0x{:016x}", outcome.digest),
        (false, 0) => format!("a replica: not verified: {}", replica.problem),
        (false, id) => format!("replica {id}: not verified: {}", replica.problem),
    };
    let lines: Vec<String> = outcome.replicas.iter().map(line).collect();
    let lines = lines.join("\n  ");
    if outcome.replicas.iter().any(|replica| !replica.verified) {
        return Err(Error::command(format!(
            "the backup is restored and served from zxid {} on, but not every replica is known to have it:\n  {lines}",
            outcome.zxid
        )));
    }
    output.text = format!("{}\n  goes on   from zxid {}\n  {lines}", output.text, outcome.zxid);
    output.json["goes_on_from"] = json!(outcome.zxid.to_string());
    output.json["replicas"] = outcome
        .replicas
        .iter()
        .map(|replica| json!({"id": replica.id.0, "verified": replica.verified}))
        .collect::<Vec<_>>()
        .into();
    Ok(output)
}

async fn abort(admin: &Admin) -> Result<Output> {
    let (server, store, _) = stores::find(admin, |_| Ok(())).await?;
    let aborted =
        store.abort_restore().await.map_err(|error| Error::command(format!("{server}: {error}")))?;
    let text = if aborted {
        "the unfinished restore is given up; the cluster is empty"
    } else {
        "no restore is unfinished; nothing was changed"
    };
    Ok(Output { text: text.into(), json: json!({"aborted": aborted}) })
}
