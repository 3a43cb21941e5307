//! A lock by ZooKeeper's recipe: the ephemeral sequence znode with the lowest number holds it, and the number is the
//! fencing token. What is guarded is a znode that the holder writes only if its own znode is still there.

use std::time::Duration;

use menagerie_types::CreateMode;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::sleep;

use super::request::Request;
use super::session::Session;
use super::{ROOT, pause};
use crate::history::Line;

const PACE: Duration = Duration::from_millis(50);
const POLL: Duration = Duration::from_millis(40);
const HOLD: Duration = Duration::from_millis(200);
/// What the lock guards.
pub(super) const GUARDED: &str = "/chaos/guarded";

pub(super) fn parent() -> String {
    format!("{ROOT}/lock")
}

/// Until the run ends.
pub(super) async fn run(mut session: Session, mut random: StdRng) {
    let mut number = 0;
    while !session.shared.is_stopping() {
        pause(&mut random, PACE).await;
        number += 1;
        let mark = format!("{}-{number}-", session.number);
        let Some(path) = enter(&mut session, &mark).await else { continue };
        if wait_turn(&mut session, &path).await {
            let from = session.shared.history.now();
            hold(&mut session, &mut random, &path, from).await;
        }
        leave(&mut session, &path).await;
    }
    session.close().await;
}

/// Gets in line. If the answer is lost the znode may be there; then it is found by its mark.
async fn enter(session: &mut Session, mark: &str) -> Option<String> {
    let request = Request::Create {
        path: format!("{}/{mark}", parent()),
        value: String::new(),
        mode: CreateMode::EphemeralSequential,
    };
    let done = session.one(request).await?;
    if let Some(answer) = &done.answer {
        return answer.name.clone();
    }
    let id = session.id();
    while !session.shared.is_stopping() && session.id() == id {
        // Asked until it is answered: a znode that is forgotten stays first in line as long as its session lives.
        let line = session.synced(Request::Children(parent())).await;
        if let Some(answer) = line.as_ref().and_then(|done| done.good()) {
            let own = answer.children.iter().find(|child| child.starts_with(mark));
            return own.map(|child| format!("{}/{child}", parent()));
        }
    }
    None
}

/// True once the znode is the first in line, false if it is not in line any more.
async fn wait_turn(session: &mut Session, path: &str) -> bool {
    let own = path.rsplit('/').next().unwrap_or_default().to_owned();
    while !session.shared.is_stopping() {
        let id = session.id();
        let done = session.one(Request::Children(parent())).await;
        // With a new session, the znode is the old one's.
        if session.id() != id {
            return false;
        }
        if let Some(answer) = done.as_ref().and_then(|done| done.good()) {
            if !answer.children.contains(&own) {
                return false;
            }
            let first = answer.children.iter().min_by_key(|child| token(child));
            if first == Some(&own) {
                return true;
            }
        }
        sleep(POLL).await;
    }
    false
}

/// Believes that it holds the lock until it lets go, or has reason to doubt.
async fn hold(session: &mut Session, random: &mut StdRng, path: &str, from: u64) {
    let (id, token) = (session.id(), token(path));
    let value = token.to_string();
    session.one(Request::SetIf { exists: path.to_owned(), path: GUARDED.to_owned(), value }).await;
    // The valid time is that of this session only as long as it is still connected.
    let lost = session.id() != id || session.lost_within(HOLD.mul_f64(random.random_range(0.1..2.0))).await;
    let (now, valid_until) = (session.shared.history.now(), session.valid_until());
    let until = if session.id() == id { now.min(valid_until) } else { from };
    let why = if lost { "lost" } else { "released" };
    session.shared.history.write(&Line::Lock {
        client: session.number,
        session: id,
        token,
        from,
        until,
        why,
    });
}

/// Gets out of line, however often that must be tried.
async fn leave(session: &mut Session, path: &str) {
    let id = session.id();
    while !session.shared.is_stopping() {
        let done = session.one(Request::Delete { path: path.to_owned(), version: -1 }).await;
        if session.id() != id || done.is_some_and(|done| done.answer.is_some()) {
            return;
        }
    }
}

/// The sequence number at the end of a name.
fn token(name: &str) -> i64 {
    name.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(i64::MAX)
}
