//! Makes entries of what is proposed: up to a size, what is queued becomes one, as long as only some are on their way.
//! Raft appends together what has come together, so several cost one sync; but each is applied and told by itself, and
//! clients who were told first are heard again while the others' results are still being made.
//!
//! All open streams belong to one term of this member's leadership. When it ends, or when an entry fails, all of
//! them end together: nothing of a stream can enter the log behind something of it that did not.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use menagerie_proto::ServiceError;
use menagerie_types::NodeId;
use openraft::ReadPolicy;
use openraft::errors::{ClientWriteError, ForwardReason, ForwardToLeader};
use openraft::impls::ProgressResponder;
use openraft::raft::ClientWriteResult;
use tokio::sync::{mpsc, oneshot};

use crate::leadership::Leadership;
use crate::options::Clock;
use crate::storage::Store;
use crate::types::{Batch, Raft, TypeConfig};

/// Streams that may wait to be taken up.
pub(crate) const OPENINGS: usize = 64;
/// An entry takes no further chunk at this size.
const ENTRY_BYTES: usize = 256 << 10;
/// The same while this member is the only voter: an entry then costs no messages.
const ENTRY_BYTES_ALONE: usize = 64 << 10;
/// Chunks of one stream taken at a time, so that none is starved.
const CHUNKS_PER_TURN: usize = 256;
/// Own entries on their way at most: then load makes entries larger, not more numerous.
const IN_FLIGHT: usize = 8;
/// Between two attempts to hear from a majority after an election.
const CONFIRM_RETRY: Duration = Duration::from_millis(10);
/// Largest chunk. With an entry's own bound it keeps any entry well below what one message may carry.
const CHUNK_BYTES: usize = 32 << 20;

/// A stream of proposals, as opened by a caller on any thread.
pub(crate) struct Opening {
    /// The term in which this member led then.
    pub term: u64,
    pub chunks: mpsc::Receiver<Bytes>,
    pub ended: oneshot::Sender<ServiceError>,
}

type Written = ClientWriteResult<TypeConfig>;

/// Runs beside Raft, on its thread.
pub(crate) struct Proposer {
    raft: Raft,
    store: Arc<Store>,
    clock: Clock,
    leadership: Leadership,
    /// The term that everything below belongs to; none while this member does not lead.
    term: Option<u64>,
    /// Resolves when a majority has confirmed this term: before that Raft refuses what is proposed.
    confirming: Option<BoxFuture<'static, ()>>,
    openings: mpsc::Receiver<Opening>,
    streams: Vec<Opening>,
    queue: VecDeque<Bytes>,
    in_flight: VecDeque<oneshot::Receiver<Written>>,
    /// Where the next turn begins among the streams.
    turn: usize,
    last_time: i64,
}

/// What the proposer acts on.
enum Event {
    LeadershipChanged,
    Opened(Opening),
    Confirmed,
    Written(Option<Written>),
    /// There is something in the queue.
    Queued,
    Stopped,
}

impl Proposer {
    pub(crate) fn new(
        raft: Raft,
        store: Arc<Store>,
        clock: Clock,
        openings: mpsc::Receiver<Opening>,
    ) -> Self {
        let leadership = Leadership::new(&raft);
        Self {
            raft,
            store,
            clock,
            leadership,
            term: None,
            confirming: None,
            openings,
            streams: Vec::new(),
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            turn: 0,
            last_time: 0,
        }
    }

    /// Returns when Raft has ended or nobody can open a stream any more.
    pub(crate) async fn run(mut self) {
        loop {
            match self.next().await {
                Event::LeadershipChanged => self.check_term(),
                Event::Opened(opening) => self.open(opening),
                Event::Confirmed => self.confirming = None,
                Event::Written(Some(Ok(_))) => {
                    self.in_flight.pop_front();
                }
                Event::Written(Some(Err(error))) => self.end(failure(error)),
                Event::Written(None) => self.end(ServiceError::Unavailable("raft has stopped".into())),
                Event::Queued => {
                    if !self.submit().await {
                        break;
                    }
                }
                Event::Stopped => break,
            }
        }
        self.openings.close();
        while let Some(opening) = self.openings.recv().await {
            self.streams.push(opening);
        }
        self.end(ServiceError::Unavailable("shutting down".into()));
    }

    /// Ends before beginnings: what tells that streams are over comes first.
    async fn next(&mut self) -> Event {
        let Self { leadership, confirming, openings, streams, queue, in_flight, turn, .. } = self;
        let room = confirming.is_none() && in_flight.len() < IN_FLIGHT;
        tokio::select! {
            biased;
            changed = leadership.changed() => if changed { Event::LeadershipChanged } else { Event::Stopped },
            written = async { in_flight.front_mut()?.await.ok() }, if !in_flight.is_empty() => Event::Written(written),
            () = async { if let Some(confirming) = confirming { confirming.await } }, if confirming.is_some() => {
                Event::Confirmed
            }
            opening = openings.recv() => opening.map_or(Event::Stopped, Event::Opened),
            () = poll_fn(|cx| poll_queue(streams, queue, turn, cx)), if room => Event::Queued,
        }
    }

    /// Ends everything that belongs to an earlier term.
    fn check_term(&mut self) {
        let leading = self.leadership.term();
        if leading != self.term {
            self.end(ServiceError::NotLeader { leader: self.leadership.leader() });
            self.term = leading;
            self.confirming = leading.map(|_| confirm(self.raft.clone()).boxed());
        }
    }

    fn open(&mut self, opening: Opening) {
        self.check_term();
        if Some(opening.term) == self.term {
            self.streams.push(opening);
        } else {
            finish(opening, ServiceError::NotLeader { leader: self.leadership.leader() });
        }
    }

    fn end(&mut self, why: ServiceError) {
        self.queue.clear();
        self.in_flight.clear();
        for stream in self.streams.drain(..) {
            finish(stream, why.clone());
        }
    }

    /// Proposes one entry of what is queued; false when Raft has ended.
    async fn submit(&mut self) -> bool {
        let Some(term) = self.term else {
            self.queue.clear();
            return true;
        };
        let mut chunks = Vec::new();
        let mut bytes = 0;
        let enough = if self.store.is_inline() { ENTRY_BYTES_ALONE } else { ENTRY_BYTES };
        while bytes < enough
            && let Some(chunk) = self.queue.pop_front()
        {
            bytes += chunk.len();
            chunks.push(chunk);
        }
        self.last_time = (self.clock)().max(self.store.last_time()).max(self.last_time);
        metrics::histogram!("menagerie_consensus_append_chunks").record(chunks.len() as f64);
        let batch = Batch { time_ms: self.last_time, chunks: Arc::new(chunks) };
        let (responder, written) = ProgressResponder::complete_only();
        self.in_flight.push_back(written);
        self.raft.write(batch).responder(responder).with_leader(term).await.is_ok()
    }
}

/// Returns when a majority follows this member.
async fn confirm(raft: Raft) {
    while raft.get_read_log_id(ReadPolicy::ReadIndex).await.is_err() {
        tokio::time::sleep(CONFIRM_RETRY).await;
    }
}

/// Ready when the queue holds something. Takes from the streams only when the queue is empty, so that what waits,
/// waits at the proposers'. Drops streams that were let go, and ends those with a chunk above [`CHUNK_BYTES`].
fn poll_queue(
    streams: &mut Vec<Opening>,
    queue: &mut VecDeque<Bytes>,
    turn: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if !queue.is_empty() {
        return Poll::Ready(());
    }
    let mut taken = Vec::new();
    let mut over = Vec::new();
    let count = streams.len();
    *turn = turn.wrapping_add(1);
    for at in 0..count {
        let at = turn.wrapping_add(at) % count;
        let before = taken.len();
        let polled = streams[at].chunks.poll_recv_many(cx, &mut taken, CHUNKS_PER_TURN);
        let fit = taken[before..].iter().take_while(|chunk| chunk.len() <= CHUNK_BYTES).count();
        if polled == Poll::Ready(0) {
            over.push((at, ServiceError::Unavailable("the proposer let go".into())));
        } else if before + fit < taken.len() {
            over.push((at, ServiceError::Invalid(format!("a chunk exceeds {CHUNK_BYTES} bytes"))));
        }
        taken.truncate(before + fit);
    }
    over.sort_unstable_by_key(|(at, _)| *at);
    for (at, why) in over.into_iter().rev() {
        finish(streams.swap_remove(at), why);
    }
    queue.extend(taken);
    if queue.is_empty() { Poll::Pending } else { Poll::Ready(()) }
}

fn finish(stream: Opening, why: ServiceError) {
    // Nobody listens to the end of a stream that was let go.
    let _ = stream.ended.send(why);
}

fn failure(error: ClientWriteError<TypeConfig>) -> ServiceError {
    let forward = match error {
        ClientWriteError::ForwardToLeader(forward) | ClientWriteError::LogEntryDiscarded(forward) => forward,
        other => return ServiceError::Unavailable(other.to_string()),
    };
    forwarded(&forward)
}

/// What a caller is told that came to the wrong member.
pub(crate) fn forwarded(forward: &ForwardToLeader<TypeConfig>) -> ServiceError {
    match forward.reason {
        ForwardReason::LeaseExpired => ServiceError::Unavailable("the leader hears no majority".into()),
        _ => ServiceError::NotLeader { leader: forward.leader_id.map(NodeId) },
    }
}
