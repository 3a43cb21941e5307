//! One member over a disk that fails.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use menagerie_log::faulty::{Crash, FaultyFs};
use menagerie_proto::consensus::{Consensus, LogEntry, Member, Proposals};
use menagerie_types::NodeId;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

async fn member(fs: &FaultyFs) -> LocalConsensus {
    let member = Member { id: NodeId(1), address: "127.0.0.1:1".into(), voter: true, info: String::new() };
    let options = ConsensusOptions::new(NodeId(1), PathBuf::from("/log"), vec![member]);
    let options = ConsensusOptions { segment_bytes: 64 << 10, spare_segments: 1, ..options };
    start(ConsensusOptions { fs: Arc::new(fs.clone()), ..options }).await.expect("starts").0
}

async fn stream(consensus: &LocalConsensus) -> Proposals {
    let open = async {
        loop {
            match consensus.propose().await {
                Ok(proposals) => return proposals,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, open).await.expect("it leads in time")
}

/// Entries from the first one to the one with `chunk`.
async fn read_to(consensus: &LocalConsensus, chunk: &'static [u8]) -> Vec<LogEntry> {
    let mut tail = consensus.tail(LogIndex(1)).await.expect("the whole log is there");
    let mut entries: Vec<LogEntry> = Vec::new();
    let read = async {
        while !entries.iter().any(|entry| entry.chunks.iter().any(|found| found == chunk)) {
            entries.extend(tail.next().await.expect("no end").expect("goes on").entries);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the chunk comes in time");
    entries
}

#[tokio::test]
async fn a_failed_sync_ends_the_member_and_nothing_of_it_is_committed() {
    let fs = FaultyFs::new(11);
    let consensus = member(&fs).await;
    let proposals = stream(&consensus).await;
    proposals.chunks.send(Bytes::from_static(b"kept")).await.expect("open");
    read_to(&consensus, b"kept").await;
    let committed = consensus.status().await.expect("a status").commit_index;

    fs.fail_syncs_after(0);
    proposals.chunks.send(Bytes::from_static(b"lost")).await.expect("open");
    let why = tokio::time::timeout(PATIENCE, consensus.ended()).await.expect("the member ends");
    assert!(matches!(why, ConsensusError::Stopped(_)), "{why}");
    assert!(proposals.ended.await.is_ok(), "the stream says that it ended");
    assert_eq!(consensus.status().await.expect("a status").commit_index, committed);
    consensus.shutdown().await;

    fs.crash(Crash::LoseAll);
    let consensus = member(&fs).await;
    let proposals = stream(&consensus).await;
    proposals.chunks.send(Bytes::from_static(b"next")).await.expect("open");
    let entries = read_to(&consensus, b"next").await;
    let chunks: Vec<_> = entries.iter().flat_map(|entry| &entry.chunks).collect();
    assert_eq!(chunks, [&b"kept"[..], &b"next"[..]]);
}

#[tokio::test]
async fn what_is_acknowledged_survives_a_power_cut() {
    let fs = FaultyFs::new(12);
    for (at, chunk) in [&b"one"[..], b"two", b"three"].into_iter().enumerate() {
        let consensus = member(&fs).await;
        let proposals = stream(&consensus).await;
        proposals.chunks.send(Bytes::from_static(chunk)).await.expect("open");
        let entries = read_to(&consensus, chunk).await;
        assert_eq!(entries.iter().flat_map(|entry| &entry.chunks).count(), at + 1);
        fs.crash(Crash::Tear);
        consensus.shutdown().await;
    }
}

#[tokio::test]
async fn a_chunk_beyond_the_bound_ends_its_stream_alone() {
    let fs = FaultyFs::new(13);
    let consensus = member(&fs).await;
    let (bad, good) = (stream(&consensus).await, stream(&consensus).await);
    bad.chunks.send(Bytes::from(vec![0; (32 << 20) + 1])).await.expect("open");
    assert!(matches!(bad.ended.await, Ok(menagerie_proto::ServiceError::Invalid(_))));
    good.chunks.send(Bytes::from_static(b"good")).await.expect("open");
    read_to(&consensus, b"good").await;
}

#[tokio::test]
async fn contradictory_options_are_refused() {
    let member = |id| Member { id: NodeId(id), address: "a:1".into(), voter: true, info: String::new() };
    let options = |members| ConsensusOptions::new(NodeId(1), PathBuf::from("/log"), members);
    let mut slow = options(vec![member(1)]);
    slow.heartbeat = slow.election_timeout.0;
    for options in [options(vec![]), options(vec![member(2)]), options(vec![member(1), member(1)]), slow] {
        let refused = start(ConsensusOptions { fs: Arc::new(FaultyFs::new(1)), ..options }).await.err();
        assert!(matches!(refused, Some(ConsensusError::Options(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_snapshot_ends_where_the_log_is_truncated() {
    let fs = FaultyFs::new(13);
    let consensus = member(&fs).await;
    let proposals = stream(&consensus).await;
    for chunk in [&b"one"[..], b"two", b"three", b"four"] {
        proposals.chunks.send(Bytes::from_static(chunk)).await.expect("open");
        read_to(&consensus, chunk).await;
    }
    let entries = read_to(&consensus, b"four").await;
    let two = entries.iter().find(|entry| entry.chunks.iter().any(|chunk| &chunk[..] == b"two"));
    let two = two.expect("committed").index;
    let first = consensus.truncate(two).await.expect("truncates");
    assert_eq!(first, two.next());
    let (snapshot, time_ms) = consensus.inner.store.snapshot().expect("a snapshot");
    assert_eq!(crate::types::outer_id(snapshot.last_log_id.as_ref()), two);
    assert!(snapshot.last_membership.log_id().is_some_and(|at| at.index < two.0));
    assert!(time_ms > 0);
}
