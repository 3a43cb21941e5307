//! Backups through a replica: out of one log, into another.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{LinkHello, RestoreBegin, RestoreOutcome, RestoreStep, TreeStore};
use menagerie_tree::checkpoint::put_record;
use menagerie_tree_store::{CheckpointReader, StreamItem};
use menagerie_types::LogIndex;

use crate::bench::{Bench, Gateway, soon};
use crate::checkpoints::{temporary, write};
use crate::log::FakeLog;

/// What a backup is: the meta, and the records in pieces.
async fn backup(bench: &Bench) -> (Bytes, Vec<Bytes>) {
    let mut stream = bench.store.backup(false).await.expect("a stream");
    let (mut reader, mut meta, mut pieces) = (CheckpointReader::default(), None, Vec::new());
    while let Some(piece) = stream.next().await {
        reader.push(&piece.expect("a piece"));
        while let Some(item) = reader.next_item().expect("well-formed") {
            match item {
                StreamItem::Record(key, value) => {
                    let mut piece = BytesMut::new();
                    put_record(&mut piece, &key, &value);
                    pieces.push(piece.freeze());
                }
                StreamItem::Meta(last) => meta = Some(last),
            }
        }
    }
    (meta.expect("the stream's end").encode().into(), pieces)
}

async fn restore(
    bench: &Bench,
    begin: RestoreBegin,
    pieces: Vec<Bytes>,
) -> Result<RestoreOutcome, ServiceError> {
    let pieces = stream::iter(pieces.into_iter().map(Ok)).boxed();
    let mut steps = bench.store.restore(begin, pieces).await?;
    let mut outcome = None;
    while let Some(step) = soon("a step", steps.next()).await {
        if let RestoreStep::Done(done) = step? {
            outcome = Some(done);
        }
    }
    Ok(outcome.expect("the last step"))
}

fn begin(meta: &Bytes) -> RestoreBegin {
    RestoreBegin { meta: meta.clone(), start_over: false }
}

async fn source() -> (Bench, Bytes, Vec<Bytes>) {
    let log = FakeLog::new();
    write(&mut Gateway::new(&log, 9), 200, 3);
    let bench = Bench::start(&log).await;
    bench.reach(log.last()).await;
    let (meta, pieces) = backup(&bench).await;
    (bench, meta, pieces)
}

/// A replica of a log without commands, caught up with it. Such a log has the entry of whoever leads first.
async fn empty(log: &Arc<FakeLog>, peers: Vec<Arc<dyn TreeStore>>) -> Bench {
    if log.last() == LogIndex(0) {
        log.append(Vec::new());
    }
    let bench = Bench::start_in(log, temporary(), peers).await;
    bench.status_when("serving", |status| status.serving).await;
    bench
}

#[tokio::test]
async fn every_replica_has_what_was_backed_up_also_after_a_restart() {
    let (from, meta, pieces) = source().await;
    let log = FakeLog::new();
    let peer = empty(&log, vec![]).await;
    let bench = empty(&log, vec![Arc::new(peer.store.clone())]).await;
    let outcome = restore(&bench, begin(&meta), pieces).await.expect("restored");
    assert!(outcome.replicas.len() == 2 && outcome.replicas.iter().all(|replica| replica.verified));
    let expected = from.status().await;
    for bench in [&bench, &peer] {
        let status = bench.status_when("it serves", |status| status.serving).await;
        assert_eq!((status.znode_count, status.data_bytes), (expected.znode_count, expected.data_bytes));
        assert!(status.zxid >= outcome.zxid && status.restoring_id == 0 && status.restored_id == outcome.id);
    }
    assert_ne!(outcome.digest, 0);
    bench.store.checkpoint().await.expect("checkpoint");
    let dir = bench.stop().await;
    let again = Bench::start_in(&log, dir, vec![]).await.status().await;
    assert_eq!(again.znode_count, expected.znode_count);
    assert!(again.checkpoint_index.0 > 0, "loaded");
}

#[tokio::test]
async fn an_unfinished_restore_serves_nobody_and_is_there_after_a_restart() {
    let (_from, meta, pieces) = source().await;
    let log = FakeLog::new();
    let bench = empty(&log, vec![]).await;
    let cut = pieces[..5].iter().cloned().map(Ok).chain([Err(ServiceError::Unavailable("cut".into()))]);
    let cut: Vec<_> = cut.collect();
    let mut steps = bench.store.restore(begin(&meta), stream::iter(cut).boxed()).await.expect("begun");
    let mut last = None;
    while let Some(step) = soon("a step", steps.next()).await {
        last = Some(step);
    }
    assert!(matches!(last, Some(Err(ServiceError::Unavailable(_)))), "{last:?}");
    let status = bench.status_when("all parts are applied", |status| status.restoring_records == 5).await;
    assert!(!status.serving && status.restoring_id != 0);
    assert!(bench.store.link(LinkHello::default()).await.is_err(), "nobody is served");
    bench
        .store
        .fetch_checkpoint()
        .await
        .expect("a stream")
        .next()
        .await
        .expect("an item")
        .expect_err("none yet");
    // Without a checkpoint of half a tree, the restore comes back from the log.
    drop(bench);
    let bench = Bench::start_in(&log, temporary(), vec![]).await;
    bench.status_when("it is there again", |status| status.restoring_records == 5).await;
    bench.status_when("caught up", |status| status.applied_index >= log.last()).await;
    let refused = restore(&bench, begin(&meta), pieces.clone()).await.expect_err("one is unfinished");
    assert!(refused.to_string().contains("--start-over"), "{refused}");
    let again = RestoreBegin { start_over: true, ..begin(&meta) };
    restore(&bench, again, pieces).await.expect("restored");
    bench.status_when("it serves", |status| status.serving).await;
    assert_eq!(bench.store.abort_restore().await, Ok(false), "nothing is unfinished any more");
}

#[tokio::test]
async fn an_unfinished_restore_can_be_given_up() {
    let (_from, meta, pieces) = source().await;
    let log = FakeLog::new();
    let bench = empty(&log, vec![]).await;
    let error = restore(&bench, begin(&meta), pieces[1..].to_vec()).await.expect_err("it does not add up");
    assert!(
        error.to_string().contains("does not add up") || error.to_string().contains("no root"),
        "{error}"
    );
    assert!(!bench.status().await.restoring_problem.is_empty());
    assert_eq!(bench.store.abort_restore().await, Ok(true));
    let status = bench.status_when("it serves", |status| status.serving).await;
    assert_eq!((status.znode_count, status.session_count), (4, 0));
}

#[tokio::test]
async fn a_cluster_that_is_not_empty_takes_no_backup() {
    let (from, meta, pieces) = source().await;
    let error = restore(&from, begin(&meta), pieces).await.expect_err("not empty");
    assert!(error.to_string().contains("not empty"), "{error}");
    assert!(from.status().await.serving);
}
