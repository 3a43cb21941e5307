//! A member of the log.

use std::path::PathBuf;
use std::sync::Arc;

use menagerie_consensus::{ConsensusError, ConsensusOptions, LocalConsensus, RaftService};
use menagerie_proto::consensus::{Consensus, ConsensusServer, ConsensusStatus, Member};
use menagerie_types::NodeId;
use serde_json::{Value, json};
use tracing::warn;

use crate::board::{Condition, unknown};
use crate::error::{Error, Result};
use crate::grpc::GrpcServer;
use crate::process::Process;
use crate::threads::RuntimeThread;

const NAME: &str = "consensus";

/// A member that runs on a thread of its own.
pub struct ConsensusPart {
    /// The member.
    pub local: LocalConsensus,
    raft: RaftService,
}

/// Who a member is when it starts for the first time.
pub struct Founding {
    /// Its id.
    pub id: NodeId,
    /// The ensemble as it begins.
    pub members: Vec<Member>,
    /// If it is not among them it waits to be added to one that exists.
    pub joins: bool,
    /// Where its log is.
    pub dir: PathBuf,
}

/// Starts a member. It need not have a leader yet.
pub async fn start(
    process: &mut Process,
    thread: &RuntimeThread,
    founding: Founding,
) -> Result<ConsensusPart> {
    let Founding { id, members, joins, dir } = founding;
    let options = ConsensusOptions { joins, ..ConsensusOptions::new(id, dir, members) };
    let started = thread.run(menagerie_consensus::start(options)).await?;
    let (local, raft) = started.map_err(|error| Error::component(NAME, advice(&error)))?;
    let looked_at = local.clone();
    process.board.add(NAME, move || look(looked_at.clone()));
    let (watched, fatal) = (local.clone(), process.fatal());
    tokio::spawn(async move {
        let why = watched.ended().await;
        let advice = "; look at the disk and start this process again; `menagerie admin check` tells whether the log is damaged";
        // Nobody listens any more when the process is stopping anyway.
        let _ = fatal.send(Error::component(NAME, format!("{why}{advice}"))).await;
    });
    let stopped = local.clone();
    let thread = thread.handle().clone();
    process.on_stop(NAME, async move {
        let _ = thread.spawn(async move { stopped.shutdown().await }).await;
    });
    Ok(ConsensusPart { local, raft })
}

impl ConsensusPart {
    /// Adds this member's services to the port that the other components call.
    pub fn serve_on(&self, server: GrpcServer) -> GrpcServer {
        server.with(self.raft.clone()).with(ConsensusServer::service(Arc::new(self.local.clone())))
    }

    /// Before the member stops, another one leads: clients wait for no election.
    pub fn hand_over_on_stop(&self, process: &mut Process, thread: &RuntimeThread) {
        let (local, thread) = (self.local.clone(), thread.handle().clone());
        process.on_stop("leadership", async move {
            let transfer = thread.spawn(async move { local.transfer_leadership(None).await });
            if let Ok(Err(error)) = transfer.await {
                warn!(%error, "stopping without handing over; the others elect a leader");
            }
        });
    }
}

/// The error, and what to do about it.
fn advice(error: &ConsensusError) -> String {
    match error {
        ConsensusError::Corrupt(what) => format!(
            "{what}; nothing was changed. `menagerie admin check --data-dir DIR` looks at all of it, and `menagerie admin \
             rebuild --data-dir DIR` has this member rebuilt from the others"
        ),
        other => other.to_string(),
    }
}

async fn look(local: LocalConsensus) -> Condition {
    match local.status().await {
        Ok(status) => Condition { ready: is_ready(&status), status: shown(&status) },
        Err(error) => unknown(error),
    }
}

fn shown(status: &ConsensusStatus) -> Value {
    let member = |m: &Member| json!({"id": m.id.0, "address": m.address, "voter": m.voter});
    json!({
        "id": status.id.0,
        "state": status.state,
        "term": status.term,
        "leader": status.leader.map(|leader| leader.0),
        "first_index": status.first_index.0,
        "last_index": status.last_index.0,
        "commit_index": status.commit_index.0,
        "members": status.members.iter().map(member).collect::<Vec<_>>(),
    })
}

/// Whoever takes members away one after the other waits until the last one counts again.
fn is_ready(status: &ConsensusStatus) -> bool {
    status.leader.is_some() && status.state != "rejoining"
}
