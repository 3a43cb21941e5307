//! Watches: one client writes numbers that only grow, the others read them when a watch tells them to.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::request::Request;
use super::session::Session;
use super::{POLL, ROOT, pause};

const PACE: Duration = Duration::from_millis(120);
const WAIT: Duration = Duration::from_millis(200);
const WATCHERS: usize = 3;
pub(super) const ZNODES: usize = 4;

/// The path of a watched znode.
pub(super) fn path(n: usize) -> String {
    format!("{ROOT}/watch/{n}")
}

/// What was written, and what each watcher knows of it.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Nothing is to be written.
    hold: AtomicBool,
    /// Nothing is being written.
    held: AtomicBool,
    written: [AtomicU64; ZNODES],
    known: [[AtomicU64; ZNODES]; WATCHERS],
}

impl Board {
    /// Holds the writer, and waits until every watcher knows what it wrote.
    pub(super) async fn wait_same(&self, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        self.hold.store(true, Ordering::SeqCst);
        let result = loop {
            let held = self.held.load(Ordering::SeqCst);
            let behind = if held { self.behind() } else { "the writer does not come to an end".to_owned() };
            if behind.is_empty() {
                break Ok(());
            }
            if Instant::now() > deadline {
                break Err(behind);
            }
            sleep(POLL).await;
        };
        self.hold.store(false, Ordering::SeqCst);
        if let Err(behind) = result {
            bail!("watchers were not told within {} s: {behind}", within.as_secs());
        }
        Ok(())
    }

    fn behind(&self) -> String {
        let mut behind = Vec::new();
        for (watcher, known) in self.known.iter().enumerate() {
            for (znode, known) in known.iter().enumerate() {
                let (written, known) = (&self.written[znode], known.load(Ordering::SeqCst));
                let written = written.load(Ordering::SeqCst);
                if known < written {
                    behind.push(format!("watcher {watcher} knows {known} of {written} of {}", path(znode)));
                }
            }
        }
        behind.join(", ")
    }
}

/// Writes numbers until the run ends.
pub(super) async fn write(mut session: Session, mut random: StdRng) {
    let mut next = [0; ZNODES];
    while !session.shared.is_stopping() {
        pause(&mut random, PACE).await;
        let hold = session.shared.board.hold.load(Ordering::SeqCst);
        session.shared.board.held.store(hold, Ordering::SeqCst);
        if hold {
            // The connection is kept, and nothing else is done.
            session.lost_within(POLL).await;
            continue;
        }
        let znode = random.random_range(0..ZNODES);
        next[znode] += 1;
        let request = Request::Set { path: path(znode), value: next[znode].to_string(), version: -1 };
        // Once more until it is known to be done; numbers that were lost are not missed.
        while session.one(request.clone()).await.is_none_or(|done| done.good().is_none()) {
            if session.shared.is_stopping() {
                break;
            }
        }
        session.shared.board.written[znode].store(next[znode], Ordering::SeqCst);
    }
    session.close().await;
}

/// Watches until the run ends, and looks at random, too: what it sees that way it must have been told of first.
pub(super) async fn watch(mut session: Session, mut random: StdRng, watcher: usize) {
    let all = || (0..ZNODES).map(path).collect::<BTreeSet<_>>();
    let (mut due, mut id) = (all(), session.id());
    while !session.shared.is_stopping() {
        if session.id() != id {
            (due, id) = (all(), session.id());
        }
        while let Some(path) = due.pop_first() {
            let done = session.one(Request::Get { path: path.clone(), watch: true }).await;
            let got = done.as_ref().and_then(|done| done.good()).and_then(|answer| answer.got.clone());
            match got {
                Some(got) => know(&session, watcher, &path, &got),
                None => {
                    due.insert(path);
                    break;
                }
            }
        }
        if random.random_ratio(1, 3) {
            let path = path(random.random_range(0..ZNODES));
            session.one(Request::Get { path, watch: false }).await;
        }
        session.wait_event(WAIT.mul_f64(random.random_range(0.1..1.0))).await;
        due.extend(session.events().into_iter().map(|event| event.path));
    }
    session.close().await;
}

fn know(session: &Session, watcher: usize, path: &str, got: &str) {
    let znode = path.rsplit('/').next().and_then(|n| n.parse::<usize>().ok());
    let known = &session.shared.board.known[watcher];
    if let (Some(known), Ok(value)) = (znode.and_then(|n| known.get(n)), got.parse()) {
        known.store(value, Ordering::SeqCst);
    }
}
