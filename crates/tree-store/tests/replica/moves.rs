//! Moving a link from one replica to another.

use std::sync::Arc;

use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{LinkHello, LinkItem, TreeStore};
use menagerie_tree_store::TreeStoreOptions;
use menagerie_types::{EventType, WatchKind, WatchKinds, Zxid};

use crate::bench::{Bench, Gateway, Linked, options, results, soon};
use crate::log::FakeLog;

#[tokio::test]
async fn a_moved_link_gets_exactly_the_results_it_has_not_had() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    for n in 0..30 {
        gateway.create(&format!("/a{n}"));
        gateway.create(&format!("/b{n}"));
        gateway.create(&format!("/c{n}"));
        gateway.commit();
    }
    let (first, second) = (Bench::start(&log).await, Bench::start(&log).await);
    let items = gateway.link(&first.store).await.until_result(90).await;
    let all = results(&items);
    for acked in [0, 1, 2, 3, 44, 88, 89] {
        gateway.outbox.acknowledge(acked);
        second.reach(log.last()).await;
        let linked = gateway.link(&second.store).await;
        assert_eq!(results(&linked.items), all[acked as usize..], "after {acked}");
    }
    gateway.outbox.acknowledge(90);
    assert_eq!(gateway.link(&second.store).await.items, []);
}

#[tokio::test]
async fn acknowledged_results_are_forgotten() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    gateway.create("/a");
    gateway.create("/b");
    gateway.commit();
    gateway.outbox.acknowledge(2);
    gateway.create("/c");
    let index = gateway.commit();
    let bench = Bench::start(&log).await;
    bench.reach(index).await;
    let hello = LinkHello { acked_seq: 0, ..gateway.hello() };
    assert!(matches!(bench.store.link(hello).await.err(), Some(ServiceError::HistoryGone(_))));
    assert_eq!(results(&gateway.link(&bench.store).await.items).len(), 1);
}

#[tokio::test]
async fn results_from_before_a_checkpoint_are_gone_after_a_restart() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    gateway.create("/a");
    let index = gateway.commit();
    let bench = Bench::start(&log).await;
    bench.reach(index).await;
    let dir = bench.stop().await;
    gateway.create("/b");
    let index = gateway.commit();
    let bench = Bench::start_in(&log, dir, vec![]).await;
    bench.reach(index).await;
    assert!(matches!(bench.store.link(gateway.hello()).await.err(), Some(ServiceError::HistoryGone(_))));
    gateway.outbox.acknowledge(1);
    assert_eq!(results(&gateway.link(&bench.store).await.items).len(), 1);
}

#[tokio::test]
async fn too_many_results_are_not_kept() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    for n in 0..100 {
        gateway.create(&format!("/n{n}"));
        gateway.commit();
    }
    let dir = Arc::new(tempfile::tempdir().expect("temporary directory"));
    let options = TreeStoreOptions { result_bytes_max: 2000, ..options(1, &dir) };
    let bench = Bench::start_with(&log, dir, options, vec![]).await;
    bench.reach(log.last()).await;
    assert!(matches!(bench.store.link(gateway.hello()).await.err(), Some(ServiceError::HistoryGone(_))));
    gateway.outbox.acknowledge(95);
    assert_eq!(results(&gateway.link(&bench.store).await.items).len(), 5);
}

#[tokio::test]
async fn what_happened_during_the_move_fires_and_the_rest_is_registered() {
    for history in [0, 1 << 20] {
        missed_events_fire(history).await;
    }
}

async fn missed_events_fire(event_history_bytes: usize) {
    let log = FakeLog::new();
    let mut writer = Gateway::new(&log, 1);
    for path in ["/changed", "/deleted", "/same", "/parent"] {
        writer.create(path);
    }
    writer.commit();
    let seen = Zxid(4);
    writer.set("/changed");
    writer.delete("/deleted");
    writer.create("/made");
    writer.create("/parent/child");
    writer.commit();
    let bench = start_remembering(&log, event_history_bytes).await;
    bench.reach(log.last()).await;
    let watch = |kind, path: &str| (kind, path.to_owned());
    let watches = vec![
        watch(WatchKind::Data, "/changed"),
        watch(WatchKind::Data, "/deleted"),
        watch(WatchKind::Child, "/deleted"),
        watch(WatchKind::Data, "/same"),
        watch(WatchKind::Exist, "/made"),
        watch(WatchKind::Exist, "/never"),
        watch(WatchKind::Child, "/parent"),
        watch(WatchKind::Data, "/parent"),
    ];
    let hello = LinkHello { zxid: seen, watches, ..Gateway::new(&log, 2).hello() };
    let mut linked = Linked::open(&bench.store, hello).await;
    let missed = [
        (EventType::NodeDataChanged, "/changed".to_owned()),
        (EventType::NodeDeleted, "/deleted".to_owned()),
        (EventType::NodeCreated, "/made".to_owned()),
        (EventType::NodeChildrenChanged, "/parent".to_owned()),
    ];
    assert_eq!(events(&std::mem::take(&mut linked.items)), missed, "each once");
    assert_eq!(bench.status().await.watch_count, 3);
    writer.set("/same");
    writer.create("/never");
    writer.set("/parent");
    writer.set("/changed");
    writer.commit();
    let items = linked.until("events", |items| items.len() >= 3).await;
    let expected = [
        (EventType::NodeDataChanged, "/same".to_owned()),
        (EventType::NodeCreated, "/never".to_owned()),
        (EventType::NodeDataChanged, "/parent".to_owned()),
    ];
    assert_eq!(events(&items), expected);
}

#[tokio::test]
async fn a_replica_that_forgot_says_so_to_persistent_watches_alone() {
    let log = FakeLog::new();
    let mut writer = Gateway::new(&log, 1);
    writer.create("/a");
    writer.create("/a/b");
    writer.set("/a/b");
    writer.set("/a/b");
    writer.commit();
    let all = (WatchKind::PersistentRecursive, "/a".to_owned());
    let children = (WatchKind::Persistent, "/a".to_owned());
    let changed = (WatchKind::Data, "/a/b".to_owned());
    for (history, since, watches, complete, told) in [
        (1 << 20, 1, vec![all.clone(), children.clone(), changed.clone()], true, 4),
        (1 << 20, 3, vec![all.clone(), children.clone(), changed.clone()], true, 1),
        (0, 3, vec![all, children, changed.clone()], false, 1),
        (0, 3, vec![changed], true, 1),
    ] {
        let bench = start_remembering(&log, history).await;
        bench.reach(log.last()).await;
        let registered = watches.len();
        let hello = LinkHello { zxid: Zxid(since), watches, ..Gateway::new(&log, 2).hello() };
        let link = bench.store.link(hello).await.expect("link");
        let mut items = Vec::new();
        link.queue().take(&mut items).expect("link stands");
        assert!(
            matches!(items[0], LinkItem::Start { events_complete, .. } if events_complete == complete),
            "{items:?}"
        );
        assert_eq!(events(&items).len(), told, "{items:?}");
        let left = registered - usize::from(told > 0);
        assert_eq!(bench.status().await.watch_count, left as u64, "only the one-shot watch is gone");
    }
}

#[tokio::test]
async fn persistent_watches_fire_again_and_again_and_end_when_asked() {
    let log = FakeLog::new();
    let mut writer = Gateway::new(&log, 1);
    writer.create("/a");
    writer.commit();
    let bench = Bench::start(&log).await;
    let kinds = [WatchKind::Persistent, WatchKind::PersistentRecursive, WatchKind::Data, WatchKind::Child];
    let watches = kinds.map(|kind| (kind, "/a".to_owned())).to_vec();
    let hello = LinkHello { zxid: Zxid(1), watches, ..Gateway::new(&log, 2).hello() };
    let mut linked = Linked::open(&bench.store, hello).await;
    let mut writing = writer.link(&bench.store).await;
    let mut seq = 1;
    let mut after = async |path: &str, linked: &mut Linked| {
        writer.create(path);
        writer.commit();
        seq += 1;
        writing.until_result(seq).await;
        linked.take();
        events(&std::mem::take(&mut linked.items))
    };
    let created = |path: &str| (EventType::NodeCreated, path.to_owned());
    let children = (EventType::NodeChildrenChanged, "/a".to_owned());
    assert_eq!(
        after("/a/b", &mut linked).await,
        [created("/a/b"), children.clone()],
        "each once for all kinds"
    );
    assert_eq!(bench.status().await.watch_count, 3);
    assert_eq!(after("/a/b/c", &mut linked).await, [created("/a/b/c")]);
    linked.link.unwatch("/a", WatchKinds(WatchKind::PersistentRecursive as u8));
    assert_eq!(after("/a/d", &mut linked).await, [children]);
    linked.link.unwatch("/a", WatchKinds::PERSISTENT);
    assert_eq!(after("/a/e", &mut linked).await, []);
    assert_eq!(bench.status().await.watch_count, 1, "the data watch waits on");
}

#[tokio::test]
async fn a_link_that_hears_of_nothing_can_say_so_after_a_restart() {
    let log = FakeLog::new();
    let mut writer = Gateway::new(&log, 1);
    writer.create("/a");
    writer.commit();
    let bench = Bench::start(&log).await;
    let watches = vec![(WatchKind::PersistentRecursive, "/a".to_owned())];
    let hello = LinkHello { zxid: Zxid(1), watches, ..Gateway::new(&log, 2).hello() };
    let mut idle = Linked::open(&bench.store, hello.clone()).await;
    let mut writing = writer.link(&bench.store).await;
    for round in 0..2 {
        writer.create(&format!("/other{round}"));
        writer.commit();
        writing.until_result(2 + round).await;
        let written = bench.status().await.zxid;
        if round == 0 {
            let told = async {
                while idle.told < written {
                    idle.queue.ready().await;
                    idle.take();
                }
            };
            soon("the idle link is told", told).await;
        }
    }
    let dir = bench.stop().await;
    idle.take();
    assert_eq!(idle.items, []);
    writer.outbox.acknowledge(3);
    writer.create("/a/b");
    writer.commit();
    let bench = Bench::start_in(&log, dir, vec![]).await;
    let link = bench.store.link(LinkHello { zxid: idle.told, ..hello }).await.expect("link");
    let mut items = Vec::new();
    while events(&items).is_empty() {
        soon("the event", link.queue().ready()).await;
        link.queue().take(&mut items).expect("link stands");
    }
    assert!(matches!(items[0], LinkItem::Start { events_complete: true, .. }), "{items:?}");
    assert_eq!(events(&items), [(EventType::NodeCreated, "/a/b".to_owned())]);
}

async fn start_remembering(log: &Arc<FakeLog>, event_history_bytes: usize) -> Bench {
    let dir = Arc::new(tempfile::tempdir().expect("temporary directory"));
    let options = TreeStoreOptions { event_history_bytes, ..options(1, &dir) };
    Bench::start_with(log, dir, options, vec![]).await
}

fn events(items: &[LinkItem]) -> Vec<(EventType, String)> {
    let event = |item: &LinkItem| match item {
        LinkItem::Event { event, path, .. } => Some((*event, path.to_string())),
        _ => None,
    };
    items.iter().filter_map(event).collect()
}
