//! Finding a replica of the tree among the servers that were given.

use std::time::Duration;

use menagerie_proto::channel;
use menagerie_proto::tree_store::{TreeStore, TreeStoreClient, TreeStoreStatus};

use super::Admin;
use crate::error::{Error, Result};

/// A replica that takes longer to say how it is counts as not answering.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The replica that is furthest, among those that answer and are fit for it.
pub async fn find(
    admin: &Admin,
    fit: impl Fn(&TreeStoreStatus) -> std::result::Result<(), String>,
) -> Result<(String, TreeStoreClient, TreeStoreStatus)> {
    let mut found: Option<(String, TreeStoreClient, TreeStoreStatus)> = None;
    let mut problems = Vec::new();
    for server in &admin.servers {
        let channel = channel::lazy(server).map_err(|error| Error::command(format!("{server}: {error}")))?;
        let client = TreeStoreClient::new(channel);
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.status()).await;
        let problem = match answer.map_err(|_| "no answer".to_owned()) {
            Ok(Ok(status)) => match fit(&status) {
                Ok(()) => {
                    if found.as_ref().is_none_or(|(_, _, best)| best.applied_index < status.applied_index) {
                        found = Some((server.clone(), client, status));
                    }
                    continue;
                }
                Err(problem) => problem,
            },
            Ok(Err(error)) => error.to_string(),
            Err(problem) => problem,
        };
        problems.push(format!("{server}: {problem}"));
    }
    found.ok_or_else(|| {
        Error::command(format!(
            "no replica of the tree can be used ({}); give one with --server HOST:PORT: the address of a tree store, in \
             a classic ensemble the first port of server.N, of a standalone server its --listen address",
            problems.join("; ")
        ))
    })
}

/// A command that failed for a reason that says what to do.
pub fn failed(reason: impl std::fmt::Display) -> Error {
    Error::command(reason.to_string())
}
