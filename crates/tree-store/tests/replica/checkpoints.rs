//! Restarts, damage and bootstraps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use menagerie_link::Stores;
use menagerie_proto::tree_store::{TreeStore, TreeStoreStatus};
use menagerie_tree_store::{TreeStoreError, TreeStoreOptions, open};
use menagerie_types::command::internal::RegisterReplica;
use menagerie_types::{LogIndex, NodeId, OpCode, SessionId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bench::{Bench, Gateway, create, options, soon};
use crate::log::FakeLog;

/// Random creates, sets and deletes, with sessions and ephemerals, some of them failing.
pub fn write(gateway: &mut Gateway, entries: usize, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..entries {
        for _ in 0..random.random_range(1..5) {
            let path = format!("/{}", random.random_range(0..40));
            let child = format!("{path}/{}", random.random_range(0..10));
            let session = SessionId(random.random_range(1..4));
            match random.random_range(0..8) {
                0 => gateway.create(&path),
                1 | 2 => gateway.create(&child),
                3 => gateway.set(&child),
                4 => gateway.delete(&child),
                5 => gateway.open_session(session),
                6 => gateway.push(OpCode::Create, session, &create(&child, 1)),
                _ => gateway.push(OpCode::CloseSession, session, &[]),
            }
        }
        gateway.commit();
    }
}

fn tree(status: &TreeStoreStatus) -> (u64, u64, u64, u64, u64) {
    (status.digest, status.znode_count, status.session_count, status.ephemeral_count, status.data_bytes)
}

/// Registrations go on being applied: both are compared as soon as they stand at the same entry.
async fn same_tree(one: &Bench, other: &Bench, last: LogIndex) {
    let same = async {
        loop {
            let (a, b) = (one.reach(last).await, other.reach(last).await);
            if a.applied_index == b.applied_index {
                return assert_eq!(tree(&a), tree(&b));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon("both at the same entry", same).await;
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make directory");
    for entry in fs::read_dir(from).expect("list") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy");
        }
    }
}

pub fn temporary() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::tempdir().expect("temporary directory"))
}

#[tokio::test]
async fn checkpoint_and_log_together_equal_the_whole_log() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    let mut dir = temporary();
    for round in 0..4 {
        write(&mut gateway, 100, round);
        let bench = Bench::start_in(&log, dir, vec![]).await;
        bench.reach(log.last()).await;
        bench.store.checkpoint().await.expect("checkpoint");
        write(&mut gateway, 20, round + 100);
        bench.reach(log.last()).await;
        dir = bench.stop().await;
    }
    let restarted = Bench::start_in(&log, dir, vec![]).await;
    let checkpoint = restarted.status().await.checkpoint_index;
    assert!(checkpoint > LogIndex(400), "loaded, not replayed");
    let replayed = Bench::start_with(&log, temporary(), options(1, &temporary()), vec![]).await;
    let last = log.last();
    same_tree(&restarted, &replayed, last).await;
}

#[tokio::test]
async fn a_checkpoint_taken_while_entries_are_applied_is_the_state_at_its_index() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    write(&mut gateway, 500, 1);
    let bench = Bench::start(&log).await;
    bench.reach(log.last()).await;
    let mut taken = LogIndex(0);
    for round in 0..5 {
        let (checkpoint, ()) = tokio::join!(bench.store.checkpoint(), async {
            for step in 0..20 {
                write(&mut gateway, 10, 1000 + round * 100 + step);
                tokio::task::yield_now().await;
            }
        });
        checkpoint.expect("checkpoint");
        let copied = temporary();
        copy(bench.dir.path(), copied.path());
        // Loading verifies counts and digest; the log it gets has nothing that follows.
        let empty = FakeLog::new();
        let loaded = Bench::start_in(&empty, copied, vec![]).await.status().await;
        assert!(loaded.checkpoint_index > taken && loaded.applied_index == loaded.checkpoint_index);
        taken = loaded.checkpoint_index;
    }
    assert!(!fs::exists(bench.dir.path().join("checkpoint.bad-1")).expect("look"));
}

/// Under load a checkpoint would follow the other, each with the same few znodes.
#[tokio::test]
async fn the_growth_of_the_log_brings_no_checkpoint_right_after_another() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    let dir = temporary();
    let hour = Duration::from_secs(3600);
    let options = TreeStoreOptions {
        checkpoint_bytes: 1,
        checkpoint_interval: hour,
        checkpoint_pause: hour,
        ..options(1, &dir)
    };
    let bench = Bench::start_with(&log, dir, options, vec![]).await;
    write(&mut gateway, 10, 1);
    let first = bench.status_when("the first", |status| status.checkpoint_index > LogIndex(0)).await;
    for round in 2..30 {
        write(&mut gateway, 10, round);
        let status = bench.reach(log.last()).await;
        assert_eq!(status.checkpoint_index, first.checkpoint_index);
    }
    bench.store.checkpoint().await.expect("checkpoint");
    let asked_for = bench.status().await.checkpoint_index;
    assert!(asked_for > first.checkpoint_index, "whoever asks for one gets it");
}

fn damage(dir: &Path) -> PathBuf {
    let db = dir.join("checkpoint-1").join("db");
    let mut bytes = fs::read(&db).expect("sled's file");
    let len = bytes.len();
    for at in (len / 16..len).step_by(97) {
        bytes[at] ^= 0x55;
    }
    fs::write(&db, bytes).expect("damage it");
    db
}

#[tokio::test]
async fn a_damaged_checkpoint_is_set_aside_and_rebuilt_from_the_log() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    write(&mut gateway, 300, 1);
    let bench = Bench::start(&log).await;
    bench.reach(log.last()).await;
    let dir = bench.stop().await;
    damage(dir.path());
    let bench = Bench::start_in(&log, dir, vec![]).await;
    assert!(fs::exists(bench.dir.path().join("checkpoint.bad-1")).expect("look"));
    let status = bench.reach(log.last()).await;
    assert!(status.znode_count > 10);
    let dir = bench.stop().await;
    let bench = Bench::start_in(&log, dir, vec![]).await;
    assert!(bench.status().await.checkpoint_index >= log.last(), "the new one is good");
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused_and_left_alone() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    bench.reach(LogIndex(1)).await;
    let dir = bench.stop().await;
    let manifest = dir.path().join("MANIFEST");
    let text = fs::read_to_string(&manifest).expect("manifest").replace("format=2", "format=9");
    fs::write(&manifest, &text).expect("pretend");
    let error =
        open(options(1, &dir), log.ensemble(), Stores::new(vec![])).await.map(drop).expect_err("newer");
    assert!(matches!(error, TreeStoreError::NewerFormat { found: 9, .. }), "{error}");
    assert_eq!(fs::read_to_string(&manifest).expect("manifest"), text);
    assert!(fs::exists(dir.path().join("checkpoint-1")).expect("look"));
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let log = FakeLog::new();
    let bench = Bench::start(&log).await;
    let error = open(options(2, &bench.dir), log.ensemble(), Stores::new(vec![]))
        .await
        .map(drop)
        .expect_err("in use");
    assert!(matches!(error, TreeStoreError::InUse(_)));
}

#[tokio::test]
async fn an_empty_replica_gets_the_state_from_a_peer_when_the_log_begins_too_late() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    write(&mut gateway, 400, 3);
    let peer = Bench::start(&log).await;
    peer.reach(log.last()).await;
    log.truncate(LogIndex(350));
    let options = options(2, &temporary());
    let dir = temporary();
    let options = TreeStoreOptions { data_dir: dir.path().into(), ..options };
    let peers: Vec<Arc<dyn TreeStore>> = vec![Arc::new(peer.store.clone())];
    let bench = Bench::start_with(&log, dir, options.clone(), peers).await;
    write(&mut gateway, 50, 4);
    let last = log.last();
    same_tree(&bench, &peer, last).await;
    // Its own registration is the first entry that tells it that it has caught up.
    bench.status_when("serving", |status| status.serving).await;
    let dir = bench.stop().await;
    let bench = Bench::start_with(&log, dir, options, vec![]).await;
    assert!(bench.status().await.checkpoint_index >= last, "what came from the peer is on disk");
}

#[tokio::test]
async fn the_log_is_truncated_behind_a_registered_checkpoint() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    write(&mut gateway, 2500, 5);
    let dir = temporary();
    let options = TreeStoreOptions { truncate_margin: 500, ..options(1, &dir) };
    let bench = Bench::start_with(&log, dir, options, vec![]).await;
    bench.reach(log.last()).await;
    assert_eq!(log.first(), LogIndex(1), "no checkpoint yet");
    bench.store.checkpoint().await.expect("checkpoint");
    let truncated = async {
        while log.first() == LogIndex(1) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("truncation", truncated).await;
    assert!(log.first() > LogIndex(1900) && log.first() < LogIndex(2100), "first is {}", log.first());
    assert_eq!(bench.status().await.id, NodeId(1));
}

#[tokio::test]
async fn a_checkpoint_that_has_grown_is_written_anew_and_is_the_same() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    let dir = temporary();
    let options = TreeStoreOptions { checkpoint_disk_min: 1, checkpoint_disk_factor: 1, ..options(1, &dir) };
    let bench = Bench::start_with(&log, dir, options.clone(), vec![]).await;
    for round in 0..5 {
        write(&mut gateway, 60, round);
        bench.reach(log.last()).await;
        bench.store.checkpoint().await.expect("checkpoint");
    }
    let numbered = |dir: &Path| {
        let names = fs::read_dir(dir).expect("list").map(|entry| entry.expect("entry").file_name());
        let names = names.filter_map(|name| name.to_str()?.strip_prefix("checkpoint-")?.parse::<u32>().ok());
        names.collect::<Vec<_>>()
    };
    let numbers = numbered(bench.dir.path());
    assert!(numbers.len() == 1 && numbers[0] > 1, "one, and another than the first: {numbers:?}");
    let before = bench.status().await;
    let dir = bench.stop().await;
    let empty = FakeLog::new();
    let options = TreeStoreOptions { checkpoint_disk_min: 1 << 30, ..options };
    let loaded = Bench::start_with(&empty, dir, options, vec![]).await.status().await;
    assert!(loaded.checkpoint_index >= before.applied_index && loaded.znode_count == before.znode_count);
}

/// Damage that is found while the state is still in memory costs nothing.
#[tokio::test]
async fn a_run_that_is_found_damaged_while_runs_are_merged_is_written_anew() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    let bench = Bench::start(&log).await;
    for round in 0..8 {
        (0..600).for_each(|n| gateway.create(&format!("/{round}-{n}")));
        gateway.commit();
        bench.reach(log.last()).await;
        if round == 7 {
            let first = bench.dir.path().join("checkpoint-1");
            let run = fs::read_dir(first).expect("list").map(|entry| entry.expect("entry").path());
            let run = run.filter(|path| path.to_string_lossy().contains("run-")).min().expect("a run");
            let mut bytes = fs::read(&run).expect("readable");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            fs::write(&run, bytes).expect("damaged");
        }
        bench.store.checkpoint().await.expect("checkpoint");
    }
    let znodes = bench.status().await.znode_count;
    assert!(znodes > 4800);
    let dir = bench.stop().await;
    assert!(dir.path().join("checkpoint-2").exists() && !dir.path().join("checkpoint-1").exists());
    let loaded = Bench::start_in(&FakeLog::new(), dir, vec![]).await;
    assert_eq!(loaded.status().await.znode_count, znodes);
}

fn manifest(dir: &Path) -> PathBuf {
    dir.join("MANIFEST")
}

#[tokio::test]
async fn whatever_bit_of_the_manifest_flips_the_checkpoint_is_found() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    write(&mut gateway, 100, 1);
    let bench = Bench::start(&log).await;
    bench.reach(log.last()).await;
    let znodes = bench.status().await.znode_count;
    let dir = bench.stop().await;
    let whole = fs::read(manifest(dir.path())).expect("manifest");
    // A log that would not give the state back.
    let empty = FakeLog::new();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        let copied = temporary();
        copy(dir.path(), copied.path());
        fs::write(manifest(copied.path()), &damaged).expect("damage it");
        match open(options(1, &copied), empty.ensemble(), Stores::new(vec![])).await.map(|(store, _)| store) {
            Ok(store) => {
                assert_eq!(store.status().await.expect("status").znode_count, znodes, "byte {at}");
                store.shutdown().await.expect("stops");
            }
            Err(TreeStoreError::NewerFormat { .. }) => {}
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

#[tokio::test]
async fn only_the_last_few_of_what_was_set_aside_are_kept() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    write(&mut gateway, 50, 1);
    let mut dir = temporary();
    for _ in 0..5 {
        let bench = Bench::start_in(&log, dir, vec![]).await;
        bench.reach(log.last()).await;
        dir = bench.stop().await;
        let current = fs::read_dir(dir.path()).expect("list").map(|entry| entry.expect("entry").path());
        let current = current.filter(|path| path.to_string_lossy().contains("checkpoint-"));
        let db = current.map(|path| path.join("db")).next().expect("a checkpoint");
        let len = fs::metadata(&db).expect("sled's file").len();
        fs::write(&db, vec![0x55; len as usize]).expect("damage it");
    }
    let names = fs::read_dir(dir.path()).expect("list").map(|entry| entry.expect("entry").file_name());
    let bad: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("checkpoint.bad-")).collect();
    assert!((1..=3).contains(&bad.len()), "{bad:?}");
}

#[tokio::test]
async fn the_log_is_not_kept_for_an_absent_replica_beyond_its_bound() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    // Another replica, which has registered and is never heard of again: a majority of two is both.
    let absent = RegisterReplica { replica: NodeId(2), checkpoint: LogIndex(0) }.encode();
    gateway.push(OpCode::RegisterReplica, SessionId::NONE, &absent);
    gateway.commit();
    let dir = temporary();
    let options = TreeStoreOptions { truncate_margin: 10, truncate_step: 10, ..options(1, &dir) };
    let options = TreeStoreOptions { log_bytes_max: 40_000, ..options };
    let bench = Bench::start_with(&log, dir, options, vec![]).await;
    // Counted from when the replica stands at the beginning.
    bench.reach(LogIndex(1)).await;
    write(&mut gateway, 100, 1);
    bench.reach(log.last()).await;
    let before = log.last();
    bench.store.checkpoint().await.expect("checkpoint");
    bench.status_when("the checkpoint is registered", |status| status.applied_index > before).await;
    assert_eq!(log.first(), LogIndex(1), "it is kept for the other one");
    let truncated = async {
        let mut seed = 2;
        while log.first() == LogIndex(1) {
            write(&mut gateway, 50, seed);
            seed += 1;
            bench.reach(log.last()).await;
            bench.store.checkpoint().await.expect("checkpoint");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("truncation", truncated).await;
}
