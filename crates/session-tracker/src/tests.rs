//! The component against an in-memory log and replica, on tokio's paused clock.

mod fake;
mod reaping;
mod sessions;
mod takeover;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use menagerie_link::{Ensemble, Stores};
use menagerie_proto::session_tracker::{Attempt, Established, SessionTracker};
use menagerie_proto::tree_store::TreeStore;
use menagerie_types::{IncarnationId, NodeId, SessionId};
use tokio::task::JoinHandle;

use self::fake::Fake;
use crate::{LocalSessionTracker, SessionTrackerOptions, start};

const TICK: Duration = Duration::from_millis(2_000);
/// Two ticks: the smallest timeout.
const TIMEOUT_MS: u64 = 4_000;
const OWNER: IncarnationId = IncarnationId(77);

/// A running tracker whose driver can be stopped for a while, or for good.
struct Running {
    tracker: LocalSessionTracker,
    paused: Arc<AtomicBool>,
    driver: JoinHandle<()>,
}

impl Running {
    fn start(id: u64, fake: &Fake) -> Self {
        Self::start_with_tick(id, fake, TICK)
    }

    fn start_with_tick(id: u64, fake: &Fake, tick: Duration) -> Self {
        Self::start_with(SessionTrackerOptions::new(NodeId(id), tick), fake)
    }

    fn start_with(options: SessionTrackerOptions, fake: &Fake) -> Self {
        let log = (NodeId(1), Arc::new(fake.clone()) as Arc<_>);
        let store = |id| (NodeId(id), Arc::new(fake.clone()) as Arc<dyn TreeStore>);
        let stores = Stores::new(vec![store(1), store(2)]);
        let (tracker, driver) = start(options, Ensemble::new(vec![log]), stores);
        let paused = Arc::new(AtomicBool::new(false));
        let driver = tokio::spawn(pausable(Arc::clone(&paused), driver));
        Self { tracker, paused, driver }
    }

    async fn start_active(id: u64, fake: &Fake) -> Self {
        let running = Self::start(id, fake);
        running.until_active().await;
        running
    }

    async fn until_active(&self) {
        until(async || self.is_active().await).await;
    }

    async fn is_active(&self) -> bool {
        self.tracker.status().await.expect("a tracker always says what it is").active
    }

    fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::SeqCst);
    }

    /// As kill -9 does: nothing is said to anyone.
    async fn kill(self) {
        self.driver.abort();
        assert!(self.driver.await.is_err());
    }

    async fn open(&self) -> Established {
        let opened = self.tracker.establish(OWNER, vec![new_session()]).await.expect("it is active");
        opened[0].expect("new sessions are not refused")
    }

    /// Whether the session is confirmed alive; None while not active.
    async fn touch(&self, session: SessionId) -> Option<bool> {
        let touched = self.tracker.touch(OWNER, vec![session]).await.ok()?;
        Some(touched.unknown.is_empty())
    }
}

/// Polls `inner` except while paused.
async fn pausable(paused: Arc<AtomicBool>, inner: impl Future<Output = ()>) {
    let mut inner = std::pin::pin!(inner);
    std::future::poll_fn(move |cx| {
        if !paused.load(Ordering::SeqCst) {
            return inner.as_mut().poll(cx);
        }
        let waker = cx.waker().clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            waker.wake();
        });
        Poll::Pending
    })
    .await;
}

/// Waits, on the paused clock, until the condition holds.
async fn until(condition: impl AsyncFn() -> bool) {
    let search = async {
        while !condition().await {
            advance(5).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), search).await.expect("it comes about in the end");
}

/// Lets the others run until the paused clock shows `ms` more.
async fn advance(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn new_session() -> Attempt {
    Attempt { session: SessionId::NONE, password: Vec::new(), timeout_ms: TIMEOUT_MS as i32 }
}

fn again(session: &Established) -> Attempt {
    Attempt { session: session.session, password: session.password.to_vec(), timeout_ms: TIMEOUT_MS as i32 }
}
