//! Keeps a stream of proposals to the leader open and the outbox flowing through it.

use std::sync::Arc;
use std::time::Duration;

use menagerie_proto::ServiceError;
use menagerie_proto::consensus::Proposals;
use menagerie_types::IncarnationId;
use menagerie_types::command::{Command, Policy};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info};

use crate::{Backoff, Ensemble, Outbox};

const RETRY_MIN: Duration = Duration::from_millis(5);
const RETRY_MAX: Duration = Duration::from_millis(50);

/// A shared outbox with the task that empties it. Cheap to clone.
#[derive(Clone)]
pub struct Proposer {
    shared: Arc<Shared>,
}

struct Shared {
    incarnation: IncarnationId,
    outbox: Mutex<Outbox>,
    work: Notify,
    again: Notify,
}

impl Proposer {
    /// A proposer with nothing to say yet, of a component whose configuration decides nothing.
    pub fn new(incarnation: IncarnationId) -> Self {
        Self::with_policy(incarnation, Policy::NONE)
    }

    /// A proposer whose commands are judged by `policy`.
    pub fn with_policy(incarnation: IncarnationId, policy: Policy) -> Self {
        let outbox = Mutex::new(Outbox::new(incarnation, policy));
        Self { shared: Arc::new(Shared { incarnation, outbox, work: Notify::new(), again: Notify::new() }) }
    }

    /// Whose commands these are.
    pub fn incarnation(&self) -> IncarnationId {
        self.shared.incarnation
    }

    /// Queues a command and returns its number. It leaves with the next [`Self::wake`].
    pub fn push(&self, command: &Command<'_>) -> u64 {
        self.shared.outbox.lock().push(command)
    }

    /// Sends what is queued.
    pub fn wake(&self) {
        self.shared.work.notify_one();
    }

    /// Takes the next chunk, as a stream to the leader would.
    #[cfg(fuzzing)]
    pub fn next_chunk(&self) -> Option<bytes::Bytes> {
        self.shared.outbox.lock().next_chunk()
    }

    /// The results up to `seq` are known.
    pub fn acknowledge(&self, seq: u64) {
        self.shared.outbox.lock().acknowledge(seq);
    }

    /// The last number whose result is known.
    pub fn acked_seq(&self) -> u64 {
        self.shared.outbox.lock().acked_seq()
    }

    /// The number of the last command; 0 if there was none.
    pub fn last_seq(&self) -> u64 {
        self.shared.outbox.lock().next_seq() - 1
    }

    /// True when commands wait for their results.
    pub fn has_unacknowledged(&self) -> bool {
        let outbox = self.shared.outbox.lock();
        outbox.acked_seq() + 1 < outbox.next_seq()
    }

    /// Bytes of commands not acknowledged.
    pub fn unacknowledged_bytes(&self) -> usize {
        self.shared.outbox.lock().unacknowledged_bytes()
    }

    /// The state machine refused a gap: open a new stream and send everything unacknowledged again.
    pub fn send_again(&self) {
        self.shared.again.notify_one();
    }

    /// Runs until dropped: finds the leader, sends, and sends again whatever a lost leader may not have taken.
    pub async fn run(self, ensemble: Ensemble) {
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        let mut reported = false;
        loop {
            // Before the attempt: what it learns must not be waited for.
            let term = ensemble.term();
            match ensemble.propose().await {
                Ok(proposals) => {
                    let (opened, term) = (Instant::now(), proposals.term);
                    if reported {
                        info!(incarnation = %self.shared.incarnation, "proposals flow again");
                        reported = false;
                    }
                    self.shared.outbox.lock().resend();
                    let end = self.send(proposals, &ensemble).await;
                    debug!(incarnation = %self.shared.incarnation, %end, "proposal stream ended");
                    if opened.elapsed() > RETRY_MAX {
                        backoff.reset();
                    }
                    // A leader that is about to lose its office may open streams only to end them at once.
                    tokio::select! {
                        _ = ensemble.successor(term) => {}
                        () = backoff.pause() => {}
                    }
                }
                Err(error) => {
                    if !reported && !matches!(error, ServiceError::NotLeader { .. }) {
                        info!(incarnation = %self.shared.incarnation, %error, "looking for the leader");
                        reported = true;
                    }
                    tokio::select! {
                        _ = ensemble.successor(term) => {}
                        () = backoff.pause() => {}
                    }
                }
            }
        }
    }

    /// Sends until the stream is of no more use.
    async fn send(&self, proposals: Proposals, ensemble: &Ensemble) -> ServiceError {
        // A task, so that not every chunk polls what waits for a leader; it ends with the set.
        let (ensemble, term) = (ensemble.clone(), proposals.term);
        let mut successor = JoinSet::new();
        successor.spawn(async move { ensemble.successor(term).await.id });
        tokio::select! {
            biased;
            end = self.send_on(proposals) => end,
            Some(leader) = successor.join_next() => ServiceError::NotLeader { leader: leader.ok() },
        }
    }

    async fn send_on(&self, mut proposals: Proposals) -> ServiceError {
        let gone = || ServiceError::Unavailable("the leader let go".into());
        loop {
            loop {
                let Some(chunk) = self.shared.outbox.lock().next_chunk() else { break };
                tokio::select! {
                    biased;
                    end = &mut proposals.ended => return end.unwrap_or_else(|_| gone()),
                    sent = proposals.chunks.send(chunk) => if sent.is_err() {
                        return (&mut proposals.ended).await.unwrap_or_else(|_| gone());
                    },
                }
            }
            tokio::select! {
                () = self.shared.work.notified() => {}
                () = self.shared.again.notified() => return ServiceError::Unavailable("a gap was refused".into()),
                end = &mut proposals.ended => return end.unwrap_or_else(|_| gone()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use menagerie_proto::ServiceResult;
    use menagerie_proto::consensus::{Consensus, ConsensusStatus, Leaders, Member, Tail};
    use menagerie_types::{LogIndex, NodeId};
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    /// Opens every stream and ends it at once.
    #[derive(Default)]
    struct Wavering(AtomicUsize);

    #[async_trait::async_trait]
    impl Consensus for Wavering {
        async fn propose(&self) -> ServiceResult<Proposals> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let (end, ended) = oneshot::channel();
            let _ = end.send(ServiceError::NotLeader { leader: None });
            Ok(Proposals { chunks: mpsc::channel(1).0, ended, term: 1 })
        }
        async fn tail(&self, _: LogIndex) -> ServiceResult<Tail> {
            Err(ServiceError::Deadline)
        }
        async fn barrier(&self) -> ServiceResult<LogIndex> {
            Err(ServiceError::Deadline)
        }
        async fn truncate(&self, _: LogIndex) -> ServiceResult<LogIndex> {
            Err(ServiceError::Deadline)
        }
        async fn change_membership(&self, _: LogIndex, _: Vec<Member>) -> ServiceResult<LogIndex> {
            Err(ServiceError::Deadline)
        }
        async fn leaders(&self) -> ServiceResult<Leaders> {
            Err(ServiceError::Deadline)
        }
        async fn transfer_leadership(&self, _: Option<NodeId>) -> ServiceResult<NodeId> {
            Err(ServiceError::Deadline)
        }
        async fn status(&self) -> ServiceResult<ConsensusStatus> {
            Err(ServiceError::Deadline)
        }
    }

    /// Found by simulation: it spun.
    #[tokio::test(start_paused = true)]
    async fn streams_that_end_at_once_are_opened_with_pauses() {
        let member = Arc::new(Wavering::default());
        let ensemble = Ensemble::new(vec![(NodeId(1), Arc::clone(&member) as Arc<dyn Consensus>)]);
        let proposer = Proposer::new(IncarnationId(1));
        let second = tokio::time::timeout(Duration::from_secs(1), proposer.run(ensemble));
        assert!(second.await.is_err(), "it runs until it is dropped");
        let opened = member.0.load(Ordering::Relaxed);
        assert!((10..100).contains(&opened), "{opened} streams in a second");
    }
}
