//! The tasks of a worker that talk to the other components.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use menagerie_link::Backoff;
use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{Lease, StoreLink};
use menagerie_types::NodeId;
use tracing::{debug, info, warn};

use super::Worker;
use super::core::{Core, PendingSync, SyncTarget};
use super::picker::TrackerPicker;

const RETRY_MIN: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_millis(250);
/// How often a worker that is linked to another replica than the first one looks whether that one serves.
const LOOK_MIN: Duration = Duration::from_secs(2);
const LOOK_MAX: Duration = Duration::from_secs(60);
const STATUS_TIMEOUT: Duration = Duration::from_millis(500);
/// Attempts for sessions sent to the tracker in one call.
const ATTEMPTS_MAX: usize = 2048;
/// How soon a call to a tracker that hangs is given up once its lease is gone.
const LEASE_LOOK: Duration = Duration::from_millis(50);
/// How long a barrier is looked for before the look starts over.
const BARRIER_DEADLINE: Duration = Duration::from_secs(10);

/// Keeps a link to a replica; ends only when the worker must start anew.
pub fn link_task(worker: &Worker) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(worker.clone().link())
}

impl Worker {
    async fn link(self) {
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        let mut looks = Backoff::new(LOOK_MIN, LOOK_MAX);
        let mut lost = None;
        loop {
            let hello = self.with_core(|core| core.hello());
            match self.shared.stores.link(lost, &hello).await {
                Ok((store, link)) => {
                    backoff.reset();
                    info!(%store, incarnation = %hello.incarnation, "linked to a tree store");
                    let end = self.follow(link, self.preferred_serves(store, &mut looks)).await;
                    if self.with_core(|core| {
                        core.unlink();
                        core.lost
                    }) {
                        return;
                    }
                    lost = match end {
                        LinkEnd::Moves => {
                            info!(%store, "leaving for the preferred tree store");
                            None
                        }
                        LinkEnd::Broke(error) => {
                            warn!(%store, %error, "the link to the tree store broke");
                            Some(store)
                        }
                    };
                }
                Err(ServiceError::HistoryGone(why)) => {
                    warn!(%why, "no tree store can say what became of the outstanding requests");
                    self.with_core(|core| core.abandon());
                    return;
                }
                Err(error) => {
                    debug!(%error, "no tree store to link to");
                    backoff.pause().await;
                }
            }
        }
    }

    /// Resolves when the first of the replicas serves, and is not the linked one: one was added, or has come back. Every
    /// look in vain makes the next one later; a change of the replicas is looked at without delay.
    async fn preferred_serves(&self, linked: NodeId, looks: &mut Backoff) {
        let mut changes = self.shared.stores.changes();
        loop {
            let first = self.shared.stores.list().first().cloned();
            match first.filter(|(id, _)| *id != linked) {
                None => {
                    looks.reset();
                    let _ = changes.changed().await;
                }
                Some((_, preferred)) => {
                    let _ = tokio::time::timeout(looks.step(), changes.changed()).await;
                    let status = tokio::time::timeout(STATUS_TIMEOUT, preferred.status()).await;
                    if matches!(status, Ok(Ok(status)) if status.serving) {
                        return;
                    }
                }
            }
        }
    }

    /// Takes what the replica delivers, until the link breaks or `moves` resolves.
    async fn follow(&self, link: Box<dyn StoreLink>, moves: impl Future<Output = ()>) -> LinkEnd {
        let queue = self.with_core(|core| core.relink(link));
        let mut moves = std::pin::pin!(moves);
        let mut items = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = queue.ready() => {}
                () = &mut moves => return LinkEnd::Moves,
            }
            if let Err(error) = queue.take(&mut items) {
                return LinkEnd::Broke(error);
            }
            let lost = self.with_core(|core| {
                items.drain(..).for_each(|item| core.deliver(item));
                core.has_come();
                core.lost
            });
            self.flush();
            self.with_core(|core| core.serve_streams());
            if lost {
                let forgotten = "this incarnation is forgotten".into();
                return LinkEnd::Broke(ServiceError::HistoryGone(forgotten));
            }
        }
    }

    /// Serves connections that other connections' requests, or the tasks here, have given something to do.
    pub async fn serve_signals(self) {
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        loop {
            signals.serve.notified().await;
            self.flush();
            self.with_core(|core| core.serve_streams());
        }
    }

    /// Hands reads on to the replica, those of all connections that were ready together.
    pub async fn flush_link(self) {
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        loop {
            signals.flush_link.notified().await;
            self.with_core(|core| {
                if let Some(link) = &mut core.link {
                    link.flush();
                }
            });
        }
    }

    /// Asks the tracker for the sessions that wait, all in one call.
    pub async fn establish(self) {
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        let picker = TrackerPicker::default();
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        loop {
            let batch: Vec<_> = self.with_core(|core| {
                let count = core.establishing.waiting.len().min(ATTEMPTS_MAX);
                core.establishing.waiting.drain(..count).collect()
            });
            if batch.is_empty() {
                signals.establish.notified().await;
                continue;
            }
            let attempts: Vec<_> = batch.iter().map(|(_, attempt)| attempt.clone()).collect();
            let (owner, lease) = self.with_core(|core| (core.proposer.incarnation(), core.lease));
            let tracker = picker.pick(&self, &lease);
            let sent = Instant::now();
            let answer = match tracker {
                // The log may be slow to take them, but a tracker that is active no more answers nothing that counts.
                Some(tracker) => tokio::select! {
                    answer = tracker.establish(owner, attempts) => answer,
                    () = self.lease_has_moved(lease) => Err(ServiceError::NotActive { active: None }),
                },
                None => Err(ServiceError::Unavailable("no session tracker is known".into())),
            };
            match answer {
                Ok(answers) => {
                    backoff.reset();
                    picker.answered();
                    self.with_core(|core| {
                        core.heard = Some(core.now);
                        for ((target, attempt), answer) in batch.into_iter().zip(answers) {
                            core.granted(target, attempt.session.0 == 0, answer);
                        }
                    });
                    self.flush();
                }
                Err(error) => {
                    debug!(%error, "no session tracker takes sessions now");
                    picker.failed(&self, &error, (lease.epoch, sent));
                    self.with_core(|core| core.establish_again(batch));
                    backoff.pause().await;
                }
            }
        }
    }

    /// Resolves when whoever held the lease holds it no more.
    async fn lease_has_moved(&self, from: Lease) {
        let stands = |core: &mut Core| (core.lease.epoch, core.lease.holder) == (from.epoch, from.holder);
        while from.holder.is_none() || self.with_core(stands) {
            tokio::time::sleep(LEASE_LOOK).await;
        }
    }

    /// Reports touched sessions, and lets go of connections that no report has vouched for.
    pub async fn touch(self) {
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        let picker = TrackerPicker::default();
        let interval = self.shared.options.touch_interval;
        loop {
            let (sessions, owner, sent, lease) = self
                .with_core(|core| (core.take_touched(), core.proposer.incarnation(), core.now, core.lease));
            let answer = match picker.pick(&self, &lease) {
                // One that hangs must not keep this task from what else it has to do, nor from asking its successor.
                Some(tracker) => tokio::select! {
                    answer = tracker.touch(owner, sessions.clone()) => answer,
                    () = self.lease_has_moved(lease) => Err(ServiceError::NotActive { active: None }),
                    () = tokio::time::sleep(self.shared.options.challenge_after) => Err(ServiceError::Deadline),
                },
                None => Err(ServiceError::Unavailable("no session tracker is known".into())),
            };
            let pause = match answer {
                Ok(touched) => {
                    picker.answered();
                    self.with_core(|core| core.touched(sent, &touched));
                    interval
                }
                Err(error) => {
                    debug!(%error, "touched sessions are not confirmed");
                    picker.failed(&self, &error, (lease.epoch, sent));
                    self.with_core(|core| core.touch_failed(&sessions));
                    interval / 8
                }
            };
            self.with_core(|core| {
                core.let_go();
                core.update_read_only();
                self.shared.stats.set_serving(core.is_serving());
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = signals.touch.notified() => {}
            }
        }
    }

    /// Gets barriers for syncs; those that come while one is under way share the next.
    pub async fn sync(self) {
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        loop {
            signals.sync.notified().await;
            let waiting: Vec<PendingSync> = self.with_core(|core| {
                let (with, without) =
                    std::mem::take(&mut core.syncs).into_iter().partition(|s| s.index.is_some());
                core.syncs = with;
                without
            });
            let waiting: Vec<_> = waiting.into_iter().filter(|sync| is_wanted(&sync.target)).collect();
            if waiting.is_empty() {
                continue;
            }
            let barrier = self.shared.ensemble.barrier(BARRIER_DEADLINE).await;
            self.with_core(|core| {
                let index = barrier.as_ref().ok().copied();
                core.syncs.extend(waiting.into_iter().map(|sync| PendingSync { index, ..sync }));
                match (index, &mut core.link) {
                    (Some(index), Some(link)) => {
                        link.await_applied(index);
                        link.flush();
                    }
                    (Some(_), None) => {}
                    (None, _) => core.signals.sync.notify_one(),
                }
            });
        }
    }
}

/// Why a link is given up.
enum LinkEnd {
    /// Another replica is the one to be linked to.
    Moves,
    Broke(ServiceError),
}

fn is_wanted(target: &SyncTarget) -> bool {
    match target {
        SyncTarget::Conn(..) | SyncTarget::Ahead(..) => true,
        SyncTarget::Api(done) => !done.is_closed(),
    }
}
