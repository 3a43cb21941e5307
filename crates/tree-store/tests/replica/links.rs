//! What a link delivers, and in which order.

use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{LinkHello, LinkItem, ReadOutcome, ReadPlacement, SessionEvent, TreeStore};
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::{EventType, IncarnationId, LogIndex, OpCode, SessionId, WatchKind, WatchKinds, Zxid};

use crate::bench::{Bench, Gateway, Linked, create, results, soon};
use crate::log::FakeLog;

fn event(item: &LinkItem) -> Option<(EventType, &str)> {
    match item {
        LinkItem::Event { event, path, .. } => Some((*event, path)),
        _ => None,
    }
}

#[tokio::test]
async fn results_arrive_in_order_with_their_zxids() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut linked = gateway.link(&bench.store).await;
    for n in 0..50 {
        gateway.create(&format!("/n{n}"));
        gateway.create(&format!("/n{}", n / 2));
        gateway.commit();
    }
    let items = linked.until_result(100).await;
    let seqs: Vec<_> = results(&items).iter().map(|r| (r.0, r.1)).collect();
    assert_eq!(seqs, (1..=100).map(|n| (n as u64, n)).collect::<Vec<_>>());
    let zxids: Vec<_> = results(&items).iter().map(|r| r.2).collect();
    assert!(zxids.windows(2).all(|pair| pair[0] < pair[1]), "one zxid for each, failures included");
    assert_eq!(results(&items).iter().filter(|r| r.3 == 0).count(), 50);
    assert_eq!(items.len(), 50, "one item for each chunk");
}

#[tokio::test]
async fn an_event_comes_before_the_result_that_caused_it_and_after_those_before() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    gateway.create("/a");
    gateway.commit();
    let bench = Bench::start(&log).await;
    let mut linked = gateway.link(&bench.store).await;
    linked.until_result(1).await;
    assert_eq!(linked.watch(OpCode::GetData, "/a"), [(WatchKind::Data, "/a".into())]);
    gateway.create("/b");
    gateway.set("/a");
    gateway.create("/c");
    gateway.set("/a");
    gateway.commit();
    let items = linked.until_result(5).await;
    assert_eq!(results(&items[..1]).iter().map(|r| r.0).collect::<Vec<_>>(), [2]);
    assert_eq!(event(&items[1]), Some((EventType::NodeDataChanged, "/a")));
    assert_eq!(results(&items[2..]).iter().map(|r| r.0).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(items.len(), 3, "the watch fired once, and the results are cut nowhere else");
}

#[tokio::test]
async fn an_event_for_another_link_cuts_no_results() {
    let log = FakeLog::new();
    let (mut writer, watcher) = (Gateway::new(&log, 1), Gateway::new(&log, 2));
    writer.create("/a");
    writer.commit();
    let bench = Bench::start(&log).await;
    let mut writing = writer.link(&bench.store).await;
    let mut watching = watcher.link(&bench.store).await;
    writing.until_result(1).await;
    watching.watch(OpCode::GetChildren, "/a");
    for n in 0..3 {
        writer.create(&format!("/a/{n}"));
    }
    writer.commit();
    assert_eq!(writing.until_result(4).await.len(), 1);
    let items = watching.until("event", |items| !items.is_empty()).await;
    assert_eq!(items.iter().map(event).collect::<Vec<_>>(), [Some((EventType::NodeChildrenChanged, "/a"))]);
    assert_eq!(bench.status().await.watch_count, 0);
}

#[tokio::test]
async fn a_watch_fires_once_for_each_registration() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut linked = gateway.link(&bench.store).await;
    linked.watch(OpCode::Exists, "/a");
    linked.watch(OpCode::Exists, "/a");
    assert_eq!(bench.status().await.watch_count, 1, "one for each link, path and kind");
    gateway.create("/a");
    gateway.set("/a");
    gateway.commit();
    let items = linked.until_result(2).await;
    assert_eq!(items.iter().filter_map(event).collect::<Vec<_>>(), [(EventType::NodeCreated, "/a")]);
    linked.watch(OpCode::Exists, "/a");
    gateway.delete("/a");
    gateway.commit();
    let items = linked.until_result(3).await;
    assert_eq!(items.iter().filter_map(event).collect::<Vec<_>>(), [(EventType::NodeDeleted, "/a")]);
}

#[tokio::test]
async fn watches_nobody_needs_any_more_go() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut linked = Gateway::new(&log, 9).link(&bench.store).await;
    linked.watch(OpCode::Exists, "/a");
    linked.watch(OpCode::Exists, "/b");
    linked.watch(OpCode::GetChildren, "/");
    linked.link.unwatch("/a", WatchKinds(WatchKind::Exist as u8));
    assert_eq!(bench.status().await.watch_count, 2);
    drop(linked);
    assert_eq!(bench.status().await.watch_count, 0);
}

#[tokio::test]
async fn a_read_waits_behind_what_is_queued_and_is_answered_at_once_otherwise() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut linked = gateway.link(&bench.store).await;
    let (out, outcome) = linked.read(OpCode::Exists, "/", false);
    assert_eq!(outcome, ReadOutcome::Answered(vec![]));
    assert!(out.len() > 20);
    gateway.create("/a");
    let index = gateway.commit();
    bench.reach(index).await;
    let (out, outcome) = linked.read(OpCode::GetData, "/a", true);
    assert_eq!(outcome, ReadOutcome::Queued);
    assert!(out.is_empty());
    linked.take();
    let [LinkItem::Results { .. }, LinkItem::ReadReply { token: 5, frames, watches }] = &linked.items[..]
    else {
        panic!("result, then reply: {:?}", linked.items);
    };
    assert_eq!(watches[..], [(WatchKind::Data, "/a".into())]);
    assert!(frames.len() > 20);
    assert!(matches!(linked.read(OpCode::GetData, "/a", false).1, ReadOutcome::Answered(_)), "all taken");
}

#[tokio::test]
async fn an_awaited_index_is_told_when_it_is_applied() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    bench.reach(LogIndex(1)).await;
    let mut linked = Gateway::new(&log, 9).link(&bench.store).await;
    linked.awaits = true;
    linked.link.await_applied(LogIndex(1));
    linked.take();
    assert!(matches!(linked.items[..], [LinkItem::Applied { .. }, ..]), "already there");
    linked.items.clear();
    let index = LogIndex(log.last().0 + 3);
    linked.link.await_applied(index);
    for _ in 0..3 {
        log.append(vec![]);
    }
    let is_there = |item: &LinkItem| matches!(item, LinkItem::Applied { index: told, .. } if *told >= index);
    linked.until("applied", |items| items.iter().any(is_there)).await;
}

#[tokio::test]
async fn session_events_go_to_the_owner_and_to_followers() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let (mut owner, other) = (Gateway::new(&log, 1), Gateway::new(&log, 2));
    let mut owning = owner.link(&bench.store).await;
    let mut others = other.link(&bench.store).await;
    let hello = LinkHello { incarnation: IncarnationId(3), follow_sessions: true, ..Default::default() };
    let mut following = Linked::open(&bench.store, hello.clone()).await;
    assert_eq!(std::mem::take(&mut following.items), [LinkItem::Sessions(vec![])]);
    owner.open_session(SessionId(7));
    owner.push(OpCode::Create, SessionId(7), &create("/e", 1));
    owner.push(OpCode::CloseSession, SessionId(7), &[]);
    owner.commit();
    let kinds = |items: &[LinkItem]| -> Vec<String> {
        let name = |item: &LinkItem| match item {
            LinkItem::Lease(lease) => format!("lease {}", lease.epoch),
            LinkItem::Session(SessionEvent::Attached(info, _)) => format!("attached {}", info.session),
            LinkItem::Session(SessionEvent::Closed { session, expired }) => {
                format!("closed {session} {expired}")
            }
            LinkItem::Results { first_seq, count, .. } => format!("results {first_seq}+{count}"),
            other => format!("{other:?}"),
        };
        items.iter().map(name).collect()
    };
    let items = owning.until_result(4).await;
    let expected =
        ["lease 1", "results 1+1", "attached 0x7", "results 2+2", "closed 0x7 false", "results 4+1"];
    assert_eq!(kinds(&items), expected);
    let items = following.until("closed", |items| items.len() == 3).await;
    assert_eq!(kinds(&items), ["lease 1", "attached 0x7", "closed 0x7 false"]);
    let items = others.until("lease", |items| !items.is_empty()).await;
    assert_eq!(kinds(&items), ["lease 1"]);
    assert_eq!(bench.status().await.session_count, 0);
}

#[tokio::test]
async fn a_newer_link_of_the_same_incarnation_replaces_the_older() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let gateway = Gateway::new(&log, 9);
    let mut older = gateway.link(&bench.store).await;
    older.watch(OpCode::Exists, "/a");
    let mut newer = gateway.link(&bench.store).await;
    assert!(older.queue.is_closed());
    assert_eq!(older.read(OpCode::Exists, "/", false).1, ReadOutcome::Closed);
    assert_eq!(bench.status().await.watch_count, 0);
    newer.watch(OpCode::Exists, "/a");
    drop(older);
    assert_eq!(bench.status().await.watch_count, 1, "the older one takes nothing of the newer one's with it");
}

#[tokio::test]
async fn a_gap_is_refused_and_told_again_to_a_later_link() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut linked = gateway.link(&bench.store).await;
    gateway.create("/a");
    let lost = gateway.outbox.next_chunk().expect("a chunk");
    gateway.create("/b");
    gateway.commit();
    let items = linked.until("refusal", |items| !items.is_empty()).await;
    assert_eq!(items, [LinkItem::Refused { expected_seq: 1 }]);
    let mut linked = gateway.link(&bench.store).await;
    assert_eq!(std::mem::take(&mut linked.items), [LinkItem::Refused { expected_seq: 1 }]);
    log.append(vec![lost]);
    gateway.outbox.resend();
    gateway.commit();
    let items = linked.until_result(2).await;
    assert_eq!(results(&items).iter().map(|r| (r.0, r.3)).collect::<Vec<_>>(), [(1, 0), (2, 0)]);
    assert_eq!(gateway.link(&bench.store).await.items.len(), 2, "both results, no refusal any more");
}

#[tokio::test]
async fn a_replica_that_is_behind_says_so() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let hello = LinkHello { zxid: Zxid(1000), ..Default::default() };
    assert!(matches!(bench.store.link(hello).await.err(), Some(ServiceError::Behind { .. })));
}

#[tokio::test]
async fn the_ensemble_is_published_once() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut linked = Gateway::new(&log, 9).link(&bench.store).await;
    let config = |index, text: &str| PublishConfig { membership_index: LogIndex(index), text: text.into() };
    let shown = |linked: &mut Linked, text: &str| {
        // Reads are answered at once only when nothing waits to be taken.
        linked.take();
        let (out, outcome) = linked.read(OpCode::GetData, "/zookeeper/config", false);
        assert_eq!(outcome, ReadOutcome::Answered(vec![]));
        out.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let published = async {
        while !shown(&mut linked, "server.1=a:1:2") {
            bench.store.publish_config(&config(5, "server.1=a:1:2"));
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    soon("the ensemble is shown", published).await;
    bench.store.publish_config(&config(4, "server.2=b:1:2"));
    let index = log.append(vec![]);
    bench.reach(index).await;
    assert!(shown(&mut linked, "server.1=a:1:2") && !shown(&mut linked, "server.2=b:1:2"));
}

/// What a read that was placed is answered: its token and the error.
fn placed_reply(item: &LinkItem) -> Option<(u64, i32)> {
    let LinkItem::ReadReply { token, frames, .. } = item else { return None };
    Some((*token, i32::from_be_bytes(frames[16..20].try_into().expect("four bytes"))))
}

#[tokio::test]
async fn a_placed_read_is_answered_behind_its_command_and_leaves_its_watch_there() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut linked = gateway.link(&bench.store).await;
    gateway.create("/a");
    for (seq, token, path) in [(1, 11, "/a"), (3, 13, "/b"), (2, 12, "/b"), (1, 14, "/b")] {
        assert_eq!(linked.read_after(seq, token, path), ReadPlacement::Placed);
    }
    linked.take();
    assert_eq!(linked.items, [], "nothing is applied yet");
    gateway.set("/a");
    gateway.create("/b");
    gateway.create("/c");
    gateway.commit();
    let items = linked.until_result(4).await;
    let told: Vec<_> = items
        .iter()
        .map(|item| match (item, event(item), placed_reply(item)) {
            (LinkItem::Results { first_seq, count, .. }, ..) => format!("results {first_seq}+{count}"),
            (_, Some((kind, path)), _) => format!("{kind:?} {path}"),
            (_, _, Some((token, err))) => format!("reply {token}: {err}"),
            (other, ..) => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "results 1+1",
        "reply 11: 0",
        "reply 14: -101",
        "NodeDataChanged /a",
        "results 2+1",
        "reply 12: -101",
        "NodeCreated /b",
        "results 3+1",
        "reply 13: 0",
        "results 4+1",
    ];
    assert_eq!(told, expected, "one chunk, cut where something stands between the results");
    assert_eq!(linked.read_after(2, 15, "/b"), ReadPlacement::Placed);
    linked.take();
    assert_eq!(linked.items.iter().map(placed_reply).collect::<Vec<_>>(), [Some((15, 0))], "long applied");
}

#[tokio::test]
async fn placed_reads_are_bounded_and_go_with_their_link() {
    let log = FakeLog::new();
    log.append(vec![]);
    let bench = Bench::start(&log).await;
    let mut gateway = Gateway::new(&log, 9);
    let mut linked = gateway.link(&bench.store).await;
    let placed = (0..).take_while(|n| linked.read_after(1, *n, "/a") == ReadPlacement::Placed).count();
    assert_eq!(placed, 1 << 16);
    let mut newer = gateway.link(&bench.store).await;
    assert_eq!(linked.read_after(1, 1, "/a"), ReadPlacement::Closed);
    assert_eq!(newer.read_after(1, 1, "/a"), ReadPlacement::Placed);
    gateway.create("/a");
    gateway.commit();
    let items = newer.until("reply", |items| items.len() >= 2).await;
    assert_eq!(items[1..].iter().map(placed_reply).collect::<Vec<_>>(), [Some((1, 0))]);
}
