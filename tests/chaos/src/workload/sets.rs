//! Sets: znodes created and sometimes deleted again by whoever made them. What was acknowledged is there at the end.

use std::time::Duration;

use menagerie_types::CreateMode;
use rand::Rng;
use rand::rngs::StdRng;

use super::request::Request;
use super::session::Session;
use super::{ROOT, pause};

const PACE: Duration = Duration::from_millis(60);

/// The znode below which those of a cycle are.
pub(super) fn parent(cycle: u64) -> String {
    format!("{ROOT}/set/{cycle}")
}

/// Until the run ends.
pub(super) async fn run(mut session: Session, mut random: StdRng) {
    let (mut number, mut made, mut own) = (0, None, Vec::new());
    while !session.shared.is_stopping() {
        pause(&mut random, PACE).await;
        let parent = parent(session.shared.cycle());
        let mode = CreateMode::Persistent;
        if made.as_ref() != Some(&parent) {
            let request = Request::Create { path: parent.clone(), value: String::new(), mode };
            if session.one(request).await.is_none_or(|done| done.answer.is_none()) {
                continue;
            }
            made = Some(parent.clone());
        }
        if random.random_ratio(1, 5) && !own.is_empty() {
            let path: String = own.swap_remove(random.random_range(0..own.len()));
            session.one(Request::Delete { path, version: -1 }).await;
            continue;
        }
        number += 1;
        let value = format!("{}-{number}", session.number);
        let path = format!("{parent}/{value}");
        let done = session.one(Request::Create { path: path.clone(), value, mode }).await;
        if done.is_some_and(|done| done.good().is_some()) {
            own.push(path);
        }
    }
    session.close().await;
}
