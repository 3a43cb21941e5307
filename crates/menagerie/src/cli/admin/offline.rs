//! Data directories of processes that do not run.

use std::path::Path;

use menagerie_consensus::LogSurvey;
use menagerie_tree_store::{CHECKPOINT_THREAD, TreeStoreOptions, TreeSurvey};
use menagerie_types::NodeId;
use serde_json::{Value, json};

use super::progress::size;
use crate::data_dir::{DataDir, LOG_DIR, TREE_DIR};
use crate::error::{Error, Result};

/// What a data directory holds, and what is wrong with it. Its parts may be missing: each process has those it needs.
#[derive(Debug)]
pub struct Survey {
    /// What is wrong with the file VERSION.
    pub version: Option<String>,
    /// The log.
    pub log: Option<LogSurvey>,
    /// The checkpoint of the tree.
    pub tree: Option<TreeSurvey>,
}

/// Takes possession of the directory and looks at all of it. Nothing is changed. An error if a process uses it, or if the
/// data is of a newer version.
pub fn look(path: &Path) -> Result<(DataDir, Survey)> {
    let (data, version) = DataDir::seize(path)?;
    let log = match data.log().is_dir() {
        true => Some(menagerie_consensus::survey(&data.log()).map_err(|error| fail(path, &error))?),
        false => None,
    };
    if let Some(LogSurvey { is_newer: true, damage: Some(newer), .. }) = &log {
        return Err(Error::data_dir(path, format!("{newer}; nothing was changed")));
    }
    let tree = match data.tree().is_dir() {
        true => Some(look_at_tree(path, &data)?),
        false => None,
    };
    Ok((data, Survey { version, log, tree }))
}

/// On a thread whose panics end nothing: sled may panic on damaged files.
fn look_at_tree(path: &Path, data: &DataDir) -> Result<TreeSurvey> {
    let options = TreeStoreOptions::new(NodeId(0), data.tree());
    let looking = std::thread::Builder::new()
        .name(CHECKPOINT_THREAD.into())
        .spawn(move || menagerie_tree_store::survey(&options))
        .map_err(|source| Error::System { what: "a thread", source })?;
    match looking.join() {
        Ok(found) => found.map_err(|error| fail(path, &error)),
        Err(_) => {
            let damage = format!("{} cannot be read: sled panicked", data.tree().display());
            Ok(TreeSurvey { checkpoint: None, damage: Some(damage) })
        }
    }
}

fn fail(path: &Path, error: &dyn std::error::Error) -> Error {
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    Error::data_dir(path, format!("{error}{cause}"))
}

impl Survey {
    /// Everything that is wrong.
    pub fn damage(&self) -> Vec<&str> {
        let log = self.log.as_ref().and_then(|log| log.damage.as_deref());
        let tree = self.tree.as_ref().and_then(|tree| tree.damage.as_deref());
        [self.version.as_deref(), log, tree].into_iter().flatten().collect()
    }

    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let verdict =
            |damage: &Option<String>| damage.clone().map_or("whole".into(), |d| format!("DAMAGED: {d}"));
        lines.push(format!("VERSION  {}", verdict(&self.version)));
        if let Some(log) = &self.log {
            let entries = log.entries.map_or("no entries".into(), |(a, b)| format!("entries {a} to {b}"));
            let members: Vec<_> = log.members.iter().map(|member| member.id.to_string()).collect();
            let members = if members.is_empty() { "?".into() } else { members.join(" ") };
            let (segments, bytes) = (log.segments, size(log.bytes as f64));
            lines.push(format!(
                "{LOG_DIR}      {segments} segments, {bytes}, {entries}, members {members}: {}",
                verdict(&log.damage)
            ));
        }
        if let Some(tree) = &self.tree {
            let covers = tree.checkpoint.map_or("no checkpoint".into(), |(index, _, znodes)| {
                format!("checkpoint of entry {index}, {znodes} znodes")
            });
            lines.push(format!("{TREE_DIR}     {covers}: {}", verdict(&tree.damage)));
        }
        lines
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        json!({
            "version": {"damage": self.version},
            "log": self.log.as_ref().map(|log| json!({
                "segments": log.segments,
                "bytes": log.bytes,
                "first": log.entries.map(|(first, _)| first.0),
                "last": log.entries.map(|(_, last)| last.0),
                "members": log.members.iter().map(|member| member.id.0).collect::<Vec<_>>(),
                "damage": log.damage,
            })),
            "tree": self.tree.as_ref().map(|tree| json!({
                "index": tree.checkpoint.map(|(index, ..)| index.0),
                "znodes": tree.checkpoint.map(|(.., znodes)| znodes),
                "damage": tree.damage,
            })),
        })
    }
}
