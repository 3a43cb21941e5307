//! Counters: read, add one, compare-and-set. Nothing acknowledged may be missing at the end, nothing be counted twice.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::request::Request;
use super::session::Session;
use super::{ROOT, pause};

const PACE: Duration = Duration::from_millis(40);
pub(super) const COUNTERS: usize = 2;

/// The path of a counter.
pub(super) fn path(n: usize) -> String {
    format!("{ROOT}/counter/{n}")
}

/// Until the run ends.
pub(super) async fn run(mut session: Session, mut random: StdRng) {
    while !session.shared.is_stopping() {
        pause(&mut random, PACE).await;
        let path = path(random.random_range(0..COUNTERS));
        let Some(done) = session.one(Request::Get { path: path.clone(), watch: false }).await else {
            continue;
        };
        let Some((answer, stat)) = done.good().and_then(|answer| Some((answer, answer.stat?))) else {
            continue;
        };
        let value: u64 = answer.got.as_deref().and_then(|got| got.parse().ok()).unwrap_or(0);
        let request = Request::Set { path, value: (value + 1).to_string(), version: stat.version };
        session.one(request).await;
    }
    session.close().await;
}
