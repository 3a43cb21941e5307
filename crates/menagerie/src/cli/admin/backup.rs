//! `menagerie admin backup`: the whole state as of one transaction, in a file.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use futures::StreamExt;
use menagerie_backup::{BackupReader, BackupWriter, Header, is_there, verify};
use menagerie_proto::tree_store::{TreeStore, TreeStoreStatus};
use menagerie_tree_store::{CheckpointReader, StreamItem};
use serde_json::{Value, json};

use super::Admin;
use super::output::Output;
use super::progress::{Meter, size};
use super::stores::{self, failed};
use crate::error::{Error, Result};

/// A replica that sends nothing for this long has gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// `menagerie admin backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    /// Take what the replica has, even if nobody can say whether that is the last: for when the log has no leader
    #[arg(long)]
    pub stale_ok: bool,
    /// Make no backup: read the file and check all of it
    #[arg(long, conflicts_with_all = ["force", "stale_ok", "inspect"])]
    pub verify: bool,
    /// Make no backup: show what the file's header says
    #[arg(long, conflicts_with_all = ["force", "stale_ok"])]
    pub inspect: bool,
}

impl BackupArgs {
    /// Makes a backup, or looks at one.
    pub async fn run(self, admin: &Admin) -> Result<Output> {
        if self.inspect {
            let reader = BackupReader::open(&self.file).map_err(failed)?;
            return Ok(shown("backup", &self.file, reader.header()));
        }
        if self.verify {
            let mut meter = Meter::new("verify");
            let verified = verify(&self.file, |bytes| meter.tick(bytes, || "reading".into()));
            let verified = verified.map_err(failed)?;
            meter.done(verified.file_len, "all of it read");
            return Ok(shown("verified", &self.file, &verified.header));
        }
        self.make(admin).await
    }

    async fn make(&self, admin: &Admin) -> Result<Output> {
        // Before anybody is asked for anything.
        is_there(&self.file, self.force).map_err(failed)?;
        let (server, store, status) = stores::find(admin, usable).await?;
        let mut stream = store.backup(self.stale_ok).await.map_err(|error| refused(&server, &error))?;
        let mut writer = BackupWriter::create(&self.file, self.force).map_err(failed)?;
        let mut meter = Meter::new("backup");
        let (mut reader, mut meta) = (CheckpointReader::default(), None);
        loop {
            let piece = tokio::time::timeout(PATIENCE, stream.next()).await;
            let silent = |_| Error::command(format!("{server} sent nothing for {} s", PATIENCE.as_secs()));
            let Some(piece) = piece.map_err(silent)? else { break };
            reader.push(&piece.map_err(|error| refused(&server, &error))?);
            while let Some(item) = reader.next_item().map_err(failed)? {
                match item {
                    StreamItem::Record(key, value) => writer.record(&key, &value).map_err(failed)?,
                    StreamItem::Meta(last) => meta = Some(last),
                }
            }
            let progress = writer.progress();
            meter.tick(progress.bytes, || {
                let (znodes, of) = (progress.znodes, status.znode_count);
                format!("{znodes} of about {of} znodes ({} %)", progress.percent(of))
            });
        }
        let meta = meta.ok_or_else(|| Error::command(format!("{server} ended the stream too early")))?;
        let progress = writer.progress();
        let note = format!("replica {} at {server}, menagerie {}", status.id, env!("CARGO_PKG_VERSION"));
        let header = writer.finish(&meta, now_ms(), &note).map_err(failed)?;
        meter.done(progress.bytes, &format!("{} znodes", progress.znodes));
        let mut output = shown("backup", &self.file, &header);
        output.json["seconds"] = json!(meter.elapsed().as_secs_f64());
        Ok(output)
    }
}

fn usable(status: &TreeStoreStatus) -> std::result::Result<(), String> {
    if status.restoring_id != 0 {
        return Err("a backup is being restored there".into());
    }
    if status.serving { Ok(()) } else { Err(format!("it does not serve {}", status.fault)) }
}

fn refused(server: &str, error: &dyn std::fmt::Display) -> Error {
    Error::command(format!("{server}: {error}"))
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What a header says.
pub fn shown(what: &str, file: &Path, header: &Header) -> Output {
    let meta = &header.meta;
    let bytes = header.body_len + menagerie_backup::HEADER_LEN as u64;
    let digest = format!("0x{:016x}", meta.digest);
    let sha256: String = header.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        "{what} {}\n  zxid      {}\n  index     {}\n  digest    {digest}\n  znodes    {} ({} ephemeral)\n  sessions  {}\n  \
         size      {}\n  made      {} ms since 1970\n  sha256    {sha256}\n  from      {}",
        file.display(),
        meta.zxid,
        meta.index,
        meta.znodes,
        header.ephemerals,
        meta.sessions,
        size(bytes as f64),
        header.made_ms,
        header.note,
    );
    let json: Value = json!({
        "file": file.display().to_string(),
        "format": menagerie_backup::FORMAT,
        "zxid": meta.zxid.to_string(),
        "index": meta.index.0,
        "time_ms": meta.time_ms,
        "made_ms": header.made_ms,
        "digest": digest,
        "znodes": meta.znodes,
        "ephemerals": header.ephemerals,
        "sessions": meta.sessions,
        "records": header.records,
        "blocks": header.blocks,
        "bytes": bytes,
        "sha256": sha256,
        "note": header.note,
    });
    Output { text, json }
}
