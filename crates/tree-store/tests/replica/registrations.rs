//! The replica's own entry in the directory.

use std::sync::Arc;
use std::time::Duration;

use menagerie_proto::tree_store::{Registered, TreeStore};
use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, LogIndex, NodeId};

use crate::bench::{Bench, Gateway, options, soon};
use crate::log::FakeLog;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Waits until the directory has the replica, as of this time or later.
async fn when_known(bench: &Bench, seen_ms: i64) {
    let known = async {
        while bench.store.known().of(Role::TreeStore).all(|store| store.seen_ms < seen_ms) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon("the directory has the replica", known).await;
}

/// Whoever registers makes the log forget those that have been silent for too long.
async fn somebody_registers(bench: &Bench) {
    let gateway = Registered {
        role: Role::Gateway,
        id: NodeId(7),
        address: String::new(),
        life: IncarnationId(7),
        seen_ms: 0,
        checkpoint: LogIndex(0),
    };
    bench.store.register(gateway).await.expect("registered");
}

/// Found by simulation: it ended as if it had been removed.
#[tokio::test]
async fn a_store_that_a_leaping_clock_made_look_silent_registers_again() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    gateway.create("/a");
    gateway.commit();
    let dir = Arc::new(tempfile::tempdir().expect("temporary directory"));
    let bench = Bench::start_with(&log, Arc::clone(&dir), options(1, &dir), vec![]).await;
    when_known(&bench, 0).await;
    log.leap(2 * HOUR_MS);
    somebody_registers(&bench).await;
    when_known(&bench, 2 * HOUR_MS).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_store_that_was_removed_ends() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    gateway.create("/a");
    gateway.commit();
    let bench = Bench::start(&log).await;
    when_known(&bench, 0).await;
    let store = bench.store.clone();
    let removed = async {
        // It may not have seen its entry yet, and then makes another, which it is given the time to see.
        loop {
            let _ = store.unregister(Role::TreeStore, NodeId(1)).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        () = removed => {}
        () = soon("it ends", bench.ended()) => {}
    }
}
