//! ReadIndex for many callers at once.

use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::LogIndex;
use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use tokio::sync::{mpsc, oneshot};

use crate::proposer::forwarded;
use crate::types::{Raft, TypeConfig, outer_index};

/// Callers that may wait; more are turned away.
pub(crate) const CALLERS: usize = 4096;

/// Told the index.
pub(crate) type Caller = oneshot::Sender<ServiceResult<LogIndex>>;

/// Answers all who wait with one round to the majority; who comes during a round waits for the next. Returns when
/// nobody can ask any more.
pub(crate) async fn run(raft: Raft, mut callers: mpsc::Receiver<Caller>) {
    let mut waiting = Vec::new();
    while callers.recv_many(&mut waiting, CALLERS).await > 0 {
        let round = raft.get_read_log_id(ReadPolicy::ReadIndex).await;
        let result = round.map(|(id, _)| outer_index(id.index())).map_err(refused);
        for caller in waiting.drain(..) {
            // A caller that gave up does not mind.
            let _ = caller.send(result.clone());
        }
    }
}

fn refused(error: RaftError<TypeConfig, LinearizableReadError<TypeConfig>>) -> ServiceError {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => forwarded(&forward),
        other => ServiceError::Unavailable(other.to_string()),
    }
}
