//! Sequence znodes, created several at a time without waiting: no number twice, none left out, in the order sent.

use std::time::Duration;

use menagerie_types::CreateMode;
use rand::Rng;
use rand::rngs::StdRng;

use super::request::Request;
use super::session::Session;
use super::{ROOT, pause};

const PACE: Duration = Duration::from_millis(150);
const AT_ONCE: usize = 8;

/// The znode below which those of a cycle are.
pub(super) fn parent(cycle: u64) -> String {
    format!("{ROOT}/sequence/{cycle}")
}

/// Until the run ends.
pub(super) async fn run(mut session: Session, mut random: StdRng) {
    let (mut number, mut made) = (0, None);
    while !session.shared.is_stopping() {
        pause(&mut random, PACE).await;
        let parent = parent(session.shared.cycle());
        if made.as_ref() != Some(&parent) {
            let request =
                Request::Create { path: parent.clone(), value: String::new(), mode: CreateMode::Persistent };
            if session.one(request).await.is_none_or(|done| done.answer.is_none()) {
                continue;
            }
            made = Some(parent.clone());
        }
        let mut requests = Vec::new();
        for _ in 0..random.random_range(1..=AT_ONCE) {
            number += 1;
            let value = format!("{}-{number}", session.number);
            let mode = CreateMode::PersistentSequential;
            requests.push(Request::Create { path: format!("{parent}/n-"), value, mode });
        }
        let done = session.batch(&requests).await;
        for (request, done) in requests.iter().zip(&done) {
            session.record(request, done, false);
        }
    }
    session.close().await;
}
