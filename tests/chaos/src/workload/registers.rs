//! Registers with compare-and-set: znodes that are made, written, read and deleted by all at once.
//!
//! Synced reads and writes must be linearizable; plain reads must keep what a session is promised.

use std::collections::HashMap;
use std::time::Duration;

use menagerie_types::CreateMode;
use rand::Rng;
use rand::rngs::StdRng;

use super::request::Request;
use super::session::Session;
use super::{ROOT, pause};

const PACE: Duration = Duration::from_millis(40);
const KEYS: usize = 4;

/// Until the run ends.
pub(super) async fn run(mut session: Session, mut random: StdRng) {
    // The version that this client saw last, for compare-and-set.
    let mut versions: HashMap<String, i32> = HashMap::new();
    let mut written = 0;
    while !session.shared.is_stopping() {
        pause(&mut random, PACE).await;
        let key = random.random_range(0..KEYS);
        let path = format!("{ROOT}/register/{}-{key}", session.shared.cycle());
        let version = versions.get(&path).copied().unwrap_or(0);
        written += 1;
        let value = format!("{}-{written}", session.number);
        let read = Request::Get { path: path.clone(), watch: false };
        let done = match random.random_range(0..100) {
            0..35 => session.synced(read).await,
            35..50 => session.one(read).await,
            50..62 => session.one(Request::Set { path: path.clone(), value, version: -1 }).await,
            62..80 => session.one(Request::Set { path: path.clone(), value, version }).await,
            80..95 => {
                let mode = CreateMode::Persistent;
                session.one(Request::Create { path: path.clone(), value, mode }).await
            }
            _ => session.one(Request::Delete { path: path.clone(), version }).await,
        };
        if let Some(stat) = done.as_ref().and_then(|done| done.good()).and_then(|answer| answer.stat) {
            versions.insert(path, stat.version);
        }
    }
    session.close().await;
}
