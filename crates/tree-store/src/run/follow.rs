//! Following the log: every committed entry is applied, in order, once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use menagerie_link::Backoff;
use menagerie_proto::ServiceError;
use menagerie_proto::consensus::{Tail, TailBatch};
use menagerie_proto::tree_store::LinkQueue;
use menagerie_types::{LogIndex, NodeId};
use tokio::task::JoinSet;
use tracing::{debug, error, info, warn};

use super::{Context, bootstrap};

const RETRY_MIN: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// How long the loop applies before other tasks of the thread get their turn.
const TURN: Duration = Duration::from_millis(2);
/// A tail that is silent for this long is held against what the other members say.
const SILENCE: Duration = Duration::from_secs(3);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Tails one member after the other, for as long as each of them delivers. Ends only when the replica has failed.
pub(super) async fn run(context: &Context) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
    let mut at = context.ensemble.nearest().await;
    let mut alarm = bootstrap::Alarm::default();
    while context.replica.fault().is_none() {
        let from = context.replica.state.read().index().next();
        match context.ensemble.tail(from, at).await {
            Ok((member, tail)) => match drain(context, tail, member, (&mut backoff, &mut alarm)).await {
                End::Moved(nearest) => {
                    at = nearest;
                    continue;
                }
                End::Failed(error) => debug!(%error, "tail ended"),
            },
            Err(ServiceError::Truncated { first }) => {
                if bootstrap::run(context, first, &mut alarm).await {
                    backoff.reset();
                    continue;
                }
            }
            Err(error) => debug!(%error, %from, "no tail"),
        }
        at += 1;
        backoff.pause().await;
    }
}

/// Why a tail is given up.
enum End {
    /// Another member is nearer now.
    Moved(usize),
    Failed(ServiceError),
}

/// Applies what a tail delivers until it ends, until others are further and it is silent, or until another member is
/// the one to tail.
async fn drain(
    context: &Context,
    mut tail: Tail,
    member: NodeId,
    (backoff, alarm): (&mut Backoff, &mut bootstrap::Alarm),
) -> End {
    let mut applier = Applier::new(context);
    // A task, so that not every batch polls what waits for a leader; it ends with the set.
    let ensemble = context.ensemble.clone();
    let mut nearer = JoinSet::new();
    nearer.spawn(async move { ensemble.nearer(member).await });
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, tail.next()) => next,
            Some(Ok(nearest)) = nearer.join_next() => return End::Moved(nearest),
        };
        match next {
            Ok(Some(Ok(batch))) => {
                backoff.reset();
                if context.replica.fault().is_some() || !applier.apply(batch).await {
                    return End::Failed(ServiceError::Internal("out of service".into()));
                }
            }
            Ok(Some(Err(error))) => return End::Failed(error),
            Ok(None) => return End::Failed(ServiceError::Unavailable("the tail ended".into())),
            Err(_) => match compare(context).await {
                Compared::Same => {}
                Compared::Behind => {
                    return End::Failed(ServiceError::Unavailable(
                        "other members have committed more".into(),
                    ));
                }
                Compared::Ahead(last) if alarm.is_due() => {
                    let applied = context.replica.state.read().index();
                    error!(%applied, %last, "the log ends before what this replica has applied: it is another log, or has lost its end; nothing is served before `menagerie admin rebuild` has been run on the data directory");
                }
                Compared::Ahead(_) => {}
            },
        }
    }
}

/// Applies batches and gives way to other tasks in between.
struct Applier<'a> {
    context: &'a Context,
    queues: Vec<Arc<LinkQueue>>,
    turn_began: Instant,
    reported: Instant,
}

impl<'a> Applier<'a> {
    fn new(context: &'a Context) -> Self {
        let now = Instant::now();
        Self { context, queues: Vec::new(), turn_began: now, reported: now }
    }

    /// False if the replica cannot go on.
    async fn apply(&mut self, batch: TailBatch) -> bool {
        let replica = &self.context.replica;
        let mut applied = LogIndex(0);
        self.turn_began = Instant::now();
        for entry in batch.entries {
            if let Err(error) = replica.apply(&entry, &mut self.queues) {
                replica.fail(error.to_string());
                return false;
            }
            applied = entry.index;
            if replica.has_new_tree() {
                self.context.checkpointer.checkpoint_soon();
            }
            if replica.count_log_bytes(entry.chunks.iter().map(|chunk| chunk.len() as u64).sum()) {
                self.context.checkpointer.checkpoint_soon();
            }
            if self.turn_began.elapsed() > TURN {
                self.report(applied, batch.commit_index);
                tokio::task::yield_now().await;
                self.turn_began = Instant::now();
            }
        }
        if applied >= batch.commit_index {
            replica.set_caught_up();
        }
        true
    }

    fn report(&mut self, applied: LogIndex, commit: LogIndex) {
        if !self.context.replica.is_caught_up() && self.reported.elapsed() > PROGRESS_INTERVAL {
            self.reported = Instant::now();
            info!(%applied, %commit, "catching up with the log");
        }
    }
}

/// How far this replica is, by what the members of the log say.
enum Compared {
    Same,
    /// Some member says that more is committed: the one that is tailed may be cut off.
    Behind,
    /// All members say that their logs end earlier, here at the latest.
    Ahead(LogIndex),
}

async fn compare(context: &Context) -> Compared {
    let applied = context.replica.state.read().index();
    let members = context.ensemble.members();
    let ask = members.iter().map(|(_, member)| member.status());
    let answers = join_all(ask).await;
    if answers.iter().flatten().any(|status| status.commit_index > applied) {
        warn!(%applied, "the log's tail is silent although more is committed, asking another member");
        return Compared::Behind;
    }
    let ends: Vec<_> = answers.iter().flatten().map(|status| status.last_index).collect();
    match ends.iter().max() {
        Some(last) if ends.len() == members.len() && *last < applied => Compared::Ahead(*last),
        _ => Compared::Same,
    }
}
