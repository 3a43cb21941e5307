//! Putting a backup into an empty cluster: its records go through the log, in parts, and this replica follows what
//! becomes of them as every other one does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, stream};
use menagerie_link::Stores;
use menagerie_proto::tree_store::{
    BackupRecords, RestoreBegin, RestoreOutcome, RestoreStep, RestoreSteps, RestoredReplica, TreeStore,
};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree::{Restored, Restoring};
use menagerie_types::command::Command;
use menagerie_types::command::internal::{self, FinishRestore, RestoreRecords};
use menagerie_types::{LogIndex, OpCode, SessionId};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::replica::Replica;

/// Bytes of records that may be on their way through the log.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// Steps that may wait for whoever asked.
const STEPS_MAX: usize = 16;
/// How long the other replicas may take to apply what this one has.
const PEERS_PATIENCE: Duration = Duration::from_secs(30);
const PEERS_PAUSE: Duration = Duration::from_millis(100);

/// One restore, driven by this replica.
struct Driver {
    replica: Arc<Replica>,
    peers: Stores,
    id: u64,
}

/// Begins a restore; the rest happens as the steps are taken.
pub(crate) async fn begin(
    replica: Arc<Replica>,
    peers: Stores,
    begin: RestoreBegin,
    records: BackupRecords,
) -> ServiceResult<RestoreSteps> {
    replica.check_fault()?;
    if !replica.is_caught_up() {
        return Err(ServiceError::Unavailable("this replica has not caught up with the log yet".into()));
    }
    let replaces = check_free(&replica, begin.start_over)?;
    let driver = Driver { replica, peers, id: menagerie_link::new_incarnation().0 };
    let body = internal::RestoreBegin { id: driver.id, replaces, meta: begin.meta }.encode();
    driver.propose(OpCode::RestoreBegin, &body).await?;
    if driver.restoring().is_none() {
        check_free(&driver.replica, false)?;
        return Err(ServiceError::Invalid("the backup's header is not one that this version reads".into()));
    }
    info!(id = driver.id, "a backup is being restored");
    let (steps, receiver) = mpsc::channel(STEPS_MAX);
    tokio::spawn(async move {
        let last = match driver.run(records, &steps).await {
            Ok(outcome) => Ok(RestoreStep::Done(outcome)),
            Err(error) => {
                warn!(id = driver.id, %error, "the restore is not finished");
                Err(error)
            }
        };
        // Whoever asked may have gone.
        let _gone = steps.send(last).await;
    });
    let next = |mut receiver: mpsc::Receiver<_>| async { Some((receiver.recv().await?, receiver)) };
    Ok(stream::unfold(receiver, next).boxed())
}

/// Gives the unfinished restore up, whoever began it.
pub(crate) async fn abort(replica: Arc<Replica>) -> ServiceResult<bool> {
    replica.check_fault()?;
    let Some(restoring) = replica.state.read().restoring() else { return Ok(false) };
    let driver = Driver { replica, peers: Stores::new(Vec::new()), id: restoring.id };
    driver.propose(OpCode::RestoreAbort, &FinishRestore { id: restoring.id }.encode()).await?;
    // Its end may have been on its way.
    let finished = driver.replica.state.read().restored().is_some_and(|restored| restored.id == restoring.id);
    if !finished {
        info!(id = restoring.id, "the unfinished restore is given up");
    }
    Ok(!finished && driver.restoring().is_none())
}

/// Refuses with what there is; returns the restore to be replaced, or 0. What counts is what the log says later: this
/// is for a message that helps.
fn check_free(replica: &Replica, start_over: bool) -> ServiceResult<u64> {
    let state = replica.state.read();
    if !state.is_empty() {
        let (znodes, sessions) = (state.znode_count(), state.session_count());
        return Err(ServiceError::Invalid(format!(
            "the cluster is not empty: it has {znodes} znodes (ZooKeeper's own 4 among them) and {sessions} sessions"
        )));
    }
    match state.restoring() {
        Some(unfinished) if !start_over => Err(ServiceError::Invalid(format!(
            "a restore is unfinished ({} records of it are there{}): begin again with --start-over, or give it up with --abort",
            unfinished.records,
            unfinished.failed.map_or_else(String::new, |error| format!("; {error}")),
        ))),
        unfinished => Ok(unfinished.map_or(0, |unfinished| unfinished.id)),
    }
}

impl Driver {
    async fn run(
        &self,
        mut records: BackupRecords,
        steps: &mpsc::Sender<ServiceResult<RestoreStep>>,
    ) -> ServiceResult<RestoreOutcome> {
        let (mut part, mut sent) = (0, 0);
        while let Some(piece) = records.next().await {
            let piece: Bytes = piece?;
            self.wait_for_room().await?;
            sent += piece.len() as u64;
            self.push(OpCode::RestoreRecords, &RestoreRecords { id: self.id, part, records: piece }.encode());
            part += 1;
            self.check()?;
            let applied = sent.saturating_sub(self.replica.proposer.unacknowledged_bytes() as u64);
            if steps.send(Ok(RestoreStep::Applied(applied))).await.is_err() {
                return Err(ServiceError::Unavailable("whoever asked for the restore has gone".into()));
            }
        }
        self.propose(OpCode::RestoreEnd, &FinishRestore { id: self.id }.encode()).await?;
        let restored = self.replica.state.read().restored().filter(|restored| restored.id == self.id);
        let Some(restored) = restored else {
            self.check()?;
            return Err(ServiceError::Unavailable("the restore was given up meanwhile".into()));
        };
        let zxid = self.replica.state.read().zxid();
        info!(id = self.id, index = %restored.index, %zxid, digest = restored.digest, "the backup is restored");
        let own =
            RestoredReplica { id: self.replica.options.id, verified: true, ..RestoredReplica::default() };
        let mut replicas = vec![own];
        replicas.extend(join_all(self.peers.list().iter().map(|(_, peer)| verified(peer, restored))).await);
        Ok(RestoreOutcome { id: self.id, zxid, digest: restored.digest, replicas })
    }

    fn push(&self, op: OpCode, body: &[u8]) -> u64 {
        let command = Command { op, session: SessionId::NONE, xid: 0, auth: &[], body };
        let seq = self.replica.proposer.push(&command);
        self.replica.proposer.wake();
        seq
    }

    /// Returns when the command has been applied here.
    async fn propose(&self, op: OpCode, body: &[u8]) -> ServiceResult<()> {
        let seq = self.push(op, body);
        let proposer = &self.replica.proposer;
        self.replica.wait_until(|_| (proposer.acked_seq() >= seq).then_some(())).await
    }

    async fn wait_for_room(&self) -> ServiceResult<()> {
        let proposer = &self.replica.proposer;
        self.replica.wait_until(|_| (proposer.unacknowledged_bytes() < WINDOW_BYTES).then_some(())).await
    }

    fn restoring(&self) -> Option<Restoring> {
        self.replica.state.read().restoring().filter(|restoring| restoring.id == self.id)
    }

    /// An error if the restore can no longer be finished.
    fn check(&self) -> ServiceResult<()> {
        match self.restoring() {
            Some(Restoring { failed: Some(error), .. }) => {
                Err(ServiceError::Invalid(format!("the backup cannot be restored: {error}")))
            }
            Some(_) => Ok(()),
            None => Err(ServiceError::Unavailable("the restore was given up meanwhile".into())),
        }
    }
}

/// Waits until a peer has what was restored. It has verified it: what does not add up puts a replica out of service.
async fn verified(peer: &Arc<dyn TreeStore>, restored: Restored) -> RestoredReplica {
    let mut last = RestoredReplica { problem: "it does not answer".into(), ..RestoredReplica::default() };
    let wait = async {
        loop {
            match peer.status().await {
                Ok(status) => {
                    last.id = status.id;
                    let has = status.restored_id == restored.id
                        || (status.restored_id == 0 && status.applied_index > restored.index);
                    if has && status.fault.is_empty() {
                        return;
                    }
                    last.problem = match status.fault.as_str() {
                        "" => format!("it is at entry {} of {}", status.applied_index, restored.index),
                        fault => format!("it is out of service: {fault}"),
                    };
                }
                Err(error) => last.problem = error.to_string(),
            }
            tokio::time::sleep(PEERS_PAUSE).await;
        }
    };
    if tokio::time::timeout(PEERS_PATIENCE, wait).await.is_ok() {
        (last.verified, last.problem) = (true, String::new());
    }
    last
}

/// How far a replica must be for a backup to hold what was acknowledged before.
pub(crate) async fn reached(replica: &Replica, index: LogIndex) -> ServiceResult<()> {
    replica.wait_until(|state| (state.index() >= index).then_some(())).await
}
