//! openraft's suite over our storage, and the bytes on disk.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use menagerie_log::faulty::{Crash, FaultyFs};
use menagerie_log::{Fs, LogOptions, OsFs, Record};
use menagerie_types::LogIndex;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::{BasicNode, EntryPayload, RaftLogReader, StorageError};
use proptest::prelude::*;
use tokio::sync::watch;

use super::encoding::{HardState, decode, encode};
use super::{LogStorage, Store, StoreOptions};
use crate::state_machine::StateMachine;
use crate::types::{Batch, Entry, Membership, SnapshotMeta, StoredMembership, TypeConfig, Vote, log_id};

fn open(fs: Arc<dyn Fs>, dir: &Path, inline: bool) -> Arc<Store> {
    let log = LogOptions {
        segment_bytes: 64 << 10,
        spare_segments: 1,
        background_fill: false,
        cache_bytes: 1 << 10,
        inline,
    };
    Store::open(fs, dir, StoreOptions { id: 1, log }).expect("a sound log opens")
}

fn both(store: Arc<Store>) -> (LogStorage, StateMachine) {
    let (committed, _) = watch::channel(LogIndex(0));
    (LogStorage(Arc::clone(&store)), StateMachine::new(store, committed))
}

struct OnDisk {
    inline: bool,
}

impl StoreBuilder<TypeConfig, LogStorage, StateMachine, tempfile::TempDir> for OnDisk {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStorage, StateMachine), StorageError<TypeConfig>> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (log, machine) = both(open(Arc::new(OsFs), dir.path(), self.inline));
        Ok((dir, log, machine))
    }
}

struct InMemory;

impl StoreBuilder<TypeConfig, LogStorage, StateMachine, ()> for InMemory {
    async fn build(&self) -> Result<((), LogStorage, StateMachine), StorageError<TypeConfig>> {
        let (log, machine) = both(open(Arc::new(FaultyFs::new(7)), Path::new("/log"), true));
        Ok(((), log, machine))
    }
}

#[tokio::test]
async fn openrafts_suite_passes_on_disk_inline() {
    Suite::test_all(OnDisk { inline: true }).await.expect("the suite passes");
}

#[tokio::test]
async fn openrafts_suite_passes_on_disk_with_a_writer_thread() {
    Suite::test_all(OnDisk { inline: false }).await.expect("the suite passes");
}

#[tokio::test]
async fn openrafts_suite_passes_in_memory() {
    Suite::test_all(InMemory).await.expect("the suite passes");
}

fn batch(term: u64, index: u64, time_ms: i64, chunks: &[&'static str]) -> Entry {
    let chunks = Arc::new(chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect());
    Entry { log_id: log_id(term, index), payload: EntryPayload::Normal(Batch { time_ms, chunks }) }
}

fn blank(term: u64, index: u64) -> Entry {
    Entry { log_id: log_id(term, index), payload: EntryPayload::Blank }
}

fn membership() -> Membership {
    let node = |port: u16| BasicNode { addr: format!("a:{port}") };
    let voters = vec![[1, 2].into_iter().collect()];
    Membership::new(
        voters,
        [(1, node(1)), (2, node(2))].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    )
    .expect("a sound membership")
}

fn in_one_part(record: Record) -> Record {
    Record { payload: vec![record.payload.concat().into()], ..record }
}

#[test]
fn bytes_of_entries_stay_what_they_are() {
    let bytes = |entry| encode(entry, 5).0.payload.concat();
    assert_eq!(bytes(blank(1, 2)), [1, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    let expected = b"\x01\x01\0\0\0\0\0\0\x01\x02\0\0\0\x02\0\0\0\x02\0\0\0\x01abc";
    assert_eq!(bytes(batch(1, 2, 0x102, &["ab", "c"])), expected);
    let entry = Entry { log_id: log_id(1, 2), payload: EntryPayload::Membership(membership()) };
    let expected = b"\x01\x02\0\0\0\0\0\0\0\x05\n\x04\n\x02\x01\x02\x12\x07\x08\x01\x12\x03a:1\x12\x07\x08\x02\x12\x03a:2";
    assert_eq!(bytes(entry), expected);
}

#[test]
fn bytes_of_vote_and_snapshot_stay_what_they_are() {
    let meta = SnapshotMeta {
        last_log_id: Some(log_id(3, 9)),
        last_membership: StoredMembership::new(Some(log_id(0, 0)), membership()),
    };
    let state = HardState { vote: Some(Vote::new_committed(3, 1)), snapshot: Some((meta, 7)) };
    let expected = b"\x08\x01\x12\x06\x08\x03\x10\x01\x18\x01\x1a\x24\n\x04\x08\x03\x10\t\x12\0\x1a\x18\
        \n\x04\n\x02\x01\x02\x12\x07\x08\x01\x12\x03a:1\x12\x07\x08\x02\x12\x03a:2\x20\x07";
    assert_eq!(&state.encode()[..], &expected[..]);
    assert_eq!(HardState::decode(state.encode()).expect("own bytes"), state);
}

proptest! {
    #[test]
    fn entries_survive_encoding_in_parts_and_in_one(
        time_ms: i64,
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let chunks = Arc::new(chunks.into_iter().map(Bytes::from).collect());
        let payload = EntryPayload::Normal(Batch { time_ms, chunks });
        let entry = Entry { log_id: log_id(4, 8), payload };
        let (record, time) = encode(entry.clone(), 0);
        prop_assert_eq!(time, time_ms);
        prop_assert_eq!(&decode(in_one_part(record.clone())).expect("own bytes").entry, &entry);
        prop_assert_eq!(&decode(record).expect("own bytes").entry, &entry);
    }

    #[test]
    fn foreign_bytes_are_refused_or_read_but_never_panic(
        kind in 0u8..4,
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let payload = vec![Bytes::from([&[1, kind][..], &bytes].concat())];
        let _ = decode(Record { index: 1, term: 1, payload });
        let _ = HardState::decode(Bytes::from(bytes));
    }
}

#[tokio::test]
async fn vote_log_snapshot_and_time_survive_a_crash() {
    let fs = FaultyFs::new(1);
    let dir = Path::new("/log");
    let store = open(Arc::new(fs.clone()), dir, true);
    let (mut log, _) = both(Arc::clone(&store));
    log.save_vote(&Vote::new_committed(2, 1)).await.expect("saved");
    let entries = vec![blank(2, 0), batch(2, 1, 100, &["a"]), blank(2, 2)];
    log.append(entries, IOFlushed::noop()).await.expect("appended");
    log.save_committed(Some(log_id(2, 1))).await.expect("saved");
    let meta = SnapshotMeta { last_log_id: Some(log_id(2, 1)), last_membership: StoredMembership::default() };
    store.save_snapshot(meta.clone(), 100).await.expect("saved");
    fs.crash(Crash::LoseAll);
    drop((log, store));

    let store = open(Arc::new(fs), dir, true);
    assert_eq!(store.vote(), Some(Vote::new_committed(2, 1)));
    assert_eq!(store.snapshot(), Some((meta, 100)));
    assert_eq!(store.committed(), Some(log_id(2, 1)), "written along with the snapshot");
    assert_eq!(store.last_id(), Some(log_id(2, 2)));
    assert_eq!(store.last_time(), 100, "a blank entry repeats the time before it");
}

#[tokio::test]
async fn the_last_time_follows_truncation_and_purge() {
    let store = open(Arc::new(FaultyFs::new(2)), Path::new("/log"), true);
    let (mut log, _) = both(Arc::clone(&store));
    let entries = vec![batch(1, 0, 10, &["a"]), batch(1, 1, 20, &["b"]), batch(1, 2, 30, &["c"])];
    log.append(entries, IOFlushed::noop()).await.expect("appended");
    log.truncate_after(Some(log_id(1, 1))).await.expect("truncated");
    assert_eq!(store.last_time(), 20);
    let meta = SnapshotMeta { last_log_id: Some(log_id(1, 1)), last_membership: StoredMembership::default() };
    store.save_snapshot(meta, 20).await.expect("saved");
    log.purge(log_id(1, 1)).await.expect("purged");
    log.truncate_after(Some(log_id(1, 1))).await.expect("nothing to truncate");
    assert_eq!(store.last_time(), 20, "known from the snapshot");
}

#[tokio::test]
async fn a_message_is_cut_by_bytes_but_never_empty() {
    let store = open(Arc::new(FaultyFs::new(3)), Path::new("/log"), true);
    let (mut log, _) = both(Arc::clone(&store));
    let big = || Bytes::from(vec![7; 5 << 20]);
    let entry = |index| Entry {
        log_id: log_id(1, index),
        payload: EntryPayload::Normal(Batch { time_ms: 1, chunks: Arc::new(vec![big(), big()]) }),
    };
    log.append((0..3).map(entry), IOFlushed::noop()).await.expect("appended");
    let mut reader = log.get_log_reader().await;
    assert_eq!(reader.limited_get_log_entries(0, 3).await.expect("readable").len(), 1);
    assert_eq!(reader.try_get_log_entries(0..3).await.expect("readable").len(), 3);
}

#[tokio::test]
async fn a_failed_sync_reaches_the_callback_and_every_later_call() {
    let fs = FaultyFs::new(4);
    let store = open(Arc::new(fs.clone()), Path::new("/log"), false);
    let (mut log, _) = both(Arc::clone(&store));
    fs.fail_syncs_after(0);
    log.save_vote(&Vote::new(1, 1)).await.expect_err("the vote is not durable");
    let (sender, result) = tokio::sync::oneshot::channel();
    // In either mode the callback hears of it; the call itself may too.
    let _ = store.append([blank(1, 0)].into_iter(), Box::new(move |result| drop(sender.send(result))));
    result.await.expect("called").expect_err("nothing is durable any more");
}

/// Found by simulation: the leader ended when a follower came back without its disk; a former one when it learned of its
/// successor while it still sent what that one does not have.
#[tokio::test]
async fn a_message_of_entries_that_are_no_more_is_empty() {
    let store = open(Arc::new(FaultyFs::new(3)), Path::new("/log"), true);
    let (mut log, _) = both(Arc::clone(&store));
    let entries = (0..10).map(|index| Entry { log_id: log_id(1, index), payload: EntryPayload::Blank });
    log.append(entries.collect::<Vec<_>>(), IOFlushed::noop()).await.expect("appended");
    log.purge(log_id(1, 5)).await.expect("purged");
    let mut reader = log.get_log_reader().await;
    assert!(reader.limited_get_log_entries(3, 9).await.expect("no error").is_empty());
    assert_eq!(reader.limited_get_log_entries(6, 9).await.expect("there").len(), 3);
    log.truncate_after(Some(log_id(1, 7))).await.expect("truncated");
    assert_eq!(reader.limited_get_log_entries(6, 9).await.expect("there").len(), 2);
    assert!(reader.limited_get_log_entries(8, 9).await.expect("no error").is_empty());
}
