//! The task at the edge: proposals out, a link followed, and the clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use menagerie_link::{Backoff, Ensemble, Stores};
use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{ReadOutcome, StoreLink};
use tracing::{info, warn};

use crate::core::{Core, LinkFault, Question};
use crate::service::Shared;

const RELINK_MIN: Duration = Duration::from_millis(5);
const RELINK_MAX: Duration = Duration::from_millis(100);
/// The longest sleep of the timer, so that gauges stay true when nothing is due.
const TICK_MAX_MS: u64 = 1_000;

/// Runs until dropped.
pub(crate) async fn drive(shared: Arc<Shared>, ensemble: Ensemble, stores: Stores) {
    let _stop = StopOnDrop(Arc::clone(&shared));
    loop {
        let proposer = shared.core.lock().proposer().clone();
        tokio::select! {
            () = proposer.run(ensemble.clone()) => {}
            () = keep_time(&shared) => {}
            () = follow(&shared, &stores) => {}
        }
        // A replica that says so every time must not make this a busy loop.
        tokio::time::sleep(RELINK_MAX).await;
        let mut core = shared.core.lock();
        core.begin_anew(shared.now_ms());
        info!(incarnation = %core.proposer().incarnation(), "goes on as a new incarnation");
    }
}

/// Calls that wait must not wait for a driver that is gone.
struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.core.lock().stop();
    }
}

/// Ticks when something is due; never ends.
async fn keep_time(shared: &Shared) {
    loop {
        let pause_ms = {
            let mut core = shared.core.lock();
            let now_ms = shared.now_ms();
            core.tick(now_ms);
            if core.has_question() {
                shared.asked.notify_one();
            }
            let due_ms = core.next_wake_ms(now_ms).unwrap_or(u64::MAX);
            due_ms.saturating_sub(now_ms).clamp(1, TICK_MAX_MS)
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
            () = shared.rescheduled.notified() => {}
        }
    }
}

/// Follows one replica after another. Ends when the results of what this incarnation proposed cannot be had any more.
async fn follow(shared: &Shared, stores: &Stores) {
    let mut backoff = Backoff::new(RELINK_MIN, RELINK_MAX);
    let mut lost = None;
    let mut reported = false;
    loop {
        let hello = shared.core.lock().hello();
        match stores.link(lost, &hello).await {
            Ok((store, link)) => {
                info!(%store, "following a tree store");
                reported = false;
                match follow_link(shared, link, &mut backoff).await {
                    LinkEnd::Forgotten => return,
                    LinkEnd::Closed(reason) => warn!(%store, reason, "link ended, looking for another"),
                }
                lost = Some(store);
            }
            Err(ServiceError::HistoryGone(reason)) => {
                warn!(reason, "the results of earlier proposals are gone");
                return;
            }
            Err(error) if !reported => {
                info!(%error, "no tree store to follow yet");
                reported = true;
            }
            Err(_) => {}
        }
        backoff.pause().await;
    }
}

enum LinkEnd {
    Closed(String),
    Forgotten,
}

async fn follow_link(shared: &Shared, mut link: Box<dyn StoreLink>, backoff: &mut Backoff) -> LinkEnd {
    let queue = Arc::clone(link.queue());
    loop {
        tokio::select! {
            () = queue.ready() => {}
            () = shared.asked.notified() => {}
        }
        let mut items = Vec::new();
        let taken = queue.take(&mut items);
        // Locked first: nobody's time may be earlier than what the tracker was told before.
        let mut core = shared.core.lock();
        if let Err(error) = taken {
            core.question_lost(shared.now_ms());
            return LinkEnd::Closed(error.to_string());
        }
        let delivered = core.deliver(shared.now_ms(), items);
        if let Some(question) = core.take_question() {
            ask(&mut core, shared.now_ms(), &mut *link, &question);
        }
        drop(core);
        shared.rescheduled.notify_one();
        match delivered {
            Ok(()) => backoff.reset(),
            Err(LinkFault::Forgotten) => return LinkEnd::Forgotten,
            Err(LinkFault::Replica(reason)) => return LinkEnd::Closed(reason.into()),
        }
    }
}

/// Answers come at once or through the link's queue.
fn ask(core: &mut Core, now_ms: u64, link: &mut dyn StoreLink, question: &Question) {
    let mut out = BytesMut::new();
    match link.read(question.token, &question.command(), &mut out) {
        ReadOutcome::Answered(_) => core.candidates(now_ms, question.token, out.freeze()),
        ReadOutcome::Queued => link.flush(),
        ReadOutcome::Closed => core.question_lost(now_ms),
    }
}
