//! Moving a link from one replica to another.

use std::sync::Arc;

use menagerie_proto::ServiceError;
use menagerie_proto::tree_store::{LinkHello, LinkItem, TreeStore};
use menagerie_types::{EventType, WatchKind, Zxid};

use crate::bench::{Bench, Gateway, Linked, options, results};
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
    let options = menagerie_tree_store::TreeStoreOptions { result_bytes_max: 2000, ..options(1, &dir) };
    let bench = Bench::start_with(&log, dir, options, vec![]).await;
    bench.reach(log.last()).await;
    assert!(matches!(bench.store.link(gateway.hello()).await.err(), Some(ServiceError::HistoryGone(_))));
    gateway.outbox.acknowledge(95);
    assert_eq!(results(&gateway.link(&bench.store).await.items).len(), 5);
}

#[tokio::test]
async fn what_happened_during_the_move_fires_and_the_rest_is_registered() {
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
    let bench = Bench::start(&log).await;
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
    let events = |items: &[LinkItem]| -> Vec<(EventType, String)> {
        let event = |item: &LinkItem| match item {
            LinkItem::Event { event, path, .. } => Some((*event, path.to_string())),
            _ => None,
        };
        items.iter().filter_map(event).collect()
    };
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
