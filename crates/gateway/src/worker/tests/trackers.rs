//! What a worker does when a session tracker does not answer.

use std::cell::RefCell;
use std::rc::Rc;

use menagerie_proto::session_tracker::{Attempt, SessionTracker, SessionTrackerStatus, Touched};
use tokio::task::LocalSet;

use super::*;
use crate::Trackers;
use crate::worker::Worker;

/// A tracker that answers reports, or never anything. Counts the reports.
struct Tracker {
    answers: bool,
    touched: Arc<Mutex<usize>>,
}

#[async_trait::async_trait]
impl SessionTracker for Tracker {
    async fn establish(
        &self,
        _owner: IncarnationId,
        _attempts: Vec<Attempt>,
    ) -> ServiceResult<Vec<Option<Established>>> {
        std::future::pending().await
    }

    async fn touch(&self, _owner: IncarnationId, _sessions: Vec<SessionId>) -> ServiceResult<Touched> {
        *self.touched.lock() += 1;
        if !self.answers {
            std::future::pending::<()>().await;
        }
        Ok(Touched::default())
    }

    async fn status(&self) -> ServiceResult<SessionTrackerStatus> {
        std::future::pending().await
    }
}

/// Found by simulation: the report to a tracker whose machine was gone held up all reports to its successor for two
/// seconds, and sessions of living clients expired.
#[tokio::test(start_paused = true)]
async fn a_silent_tracker_does_not_keep_reports_from_its_successor() {
    let (silent, successor) = (Arc::default(), Arc::default());
    let tracker = |answers, touched: &Arc<Mutex<usize>>| {
        Arc::new(Tracker { answers, touched: Arc::clone(touched) }) as Arc<dyn SessionTracker>
    };
    let trackers =
        Trackers::new(vec![(NodeId(1), tracker(false, &silent)), (NodeId(2), tracker(true, &successor))]);
    let ensemble = Ensemble::new(vec![(NodeId(1), Arc::new(Unasked) as Arc<dyn Consensus>)]);
    let shared = Arc::new(Shared::new(
        GatewayOptions::default(),
        ensemble,
        menagerie_link::Stores::new(Vec::new()),
        trackers,
    ));
    let mut core = Core::new(&shared, Proposer::new(ME), Instant::now());
    core.lease.holder = Some(NodeId(1));
    let worker = Worker {
        core: Rc::new(RefCell::new(core)),
        sockets: Rc::default(),
        peers: Rc::default(),
        workers: Vec::new().into(),
        shared: Arc::clone(&shared),
    };
    let tasks = LocalSet::new();
    tasks.spawn_local(worker.clone().touch());
    let wait = |ms| tasks.run_until(tokio::time::sleep(Duration::from_millis(ms)));
    wait(10).await;
    assert_eq!((*silent.lock(), *successor.lock()), (1, 0));
    worker.core.borrow_mut().lease.holder = Some(NodeId(2));
    wait(shared.options.challenge_after.as_millis() as u64 + 100).await;
    assert!(*successor.lock() > 0, "the successor hears of the sessions");
}
