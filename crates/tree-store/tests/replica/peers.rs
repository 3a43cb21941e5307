//! Comparing digests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use menagerie_proto::tree_store::{
    CheckpointStream, Directory, LinkHello, Registered, StoreLink, TreeStore, TreeStoreStatus,
};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree_store::{LocalTreeStore, TreeStoreOptions};
use menagerie_types::NodeId;
use menagerie_types::command::registration::Role;
use parking_lot::Mutex;

use crate::bench::{Bench, Gateway, options};
use crate::log::FakeLog;

/// A peer that says of itself what the replica under test says, with another digest.
struct Wrong {
    of: Arc<Mutex<Option<LocalTreeStore>>>,
    flip: u64,
}

#[async_trait]
impl TreeStore for Wrong {
    async fn link(&self, _: LinkHello) -> ServiceResult<Box<dyn StoreLink>> {
        Err(ServiceError::Unavailable("no links".into()))
    }

    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream> {
        Err(ServiceError::Unavailable("no checkpoint".into()))
    }

    async fn directory(&self) -> ServiceResult<Directory> {
        Ok(Directory::default())
    }

    async fn register(&self, _: Registered) -> ServiceResult<()> {
        Ok(())
    }

    async fn unregister(&self, _: Role, _: NodeId) -> ServiceResult<bool> {
        Ok(false)
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        let of = self.of.lock().clone();
        let status = of.ok_or(ServiceError::Unavailable("not yet".into()))?.status().await?;
        Ok(TreeStoreStatus { id: NodeId(8), digest: status.digest ^ self.flip, ..status })
    }
}

async fn start(log: &Arc<FakeLog>, flips: &[u64]) -> Bench {
    let of = Arc::default();
    let wrong = |flip: &u64| Arc::new(Wrong { of: Arc::clone(&of), flip: *flip }) as Arc<dyn TreeStore>;
    let dir = Arc::new(tempfile::tempdir().expect("temporary directory"));
    let options = TreeStoreOptions { digest_interval: Duration::from_millis(5), ..options(1, &dir) };
    let bench = Bench::start_with(log, dir, options, flips.iter().map(wrong).collect()).await;
    *of.lock() = Some(bench.store.clone());
    bench
}

#[tokio::test]
async fn a_replica_in_the_minority_stops_serving_and_its_checkpoint_is_set_aside() {
    let log = FakeLog::new();
    let mut gateway = Gateway::new(&log, 9);
    gateway.create("/a");
    gateway.commit();
    let bench = start(&log, &[1, 1]).await;
    bench.status_when("out of service", |status| !status.serving && status.applied_index == log.last()).await;
    let refused = bench.store.link(gateway.hello()).await.err();
    assert!(matches!(refused, Some(ServiceError::Unavailable(_))), "{refused:?}");
    assert!(bench.store.fetch_checkpoint().await.is_err(), "nor does it hand its state on");
    assert!(bench.store.checkpoint().await.is_err(), "nor save it");
    assert!(std::fs::exists(bench.dir.path().join("checkpoint.bad-1")).expect("look"));
}

#[tokio::test]
async fn a_replica_that_agrees_with_most_or_checks_out_goes_on() {
    for flips in [&[0, 1][..], &[1], &[0, 0]] {
        let log = FakeLog::new();
        let mut gateway = Gateway::new(&log, 9);
        gateway.create("/a");
        gateway.commit();
        let bench = start(&log, flips).await;
        bench.status_when("serving", |status| status.serving).await;
        // The comparison runs several times meanwhile; an undecided one ends in a checkpoint that is verified.
        if flips == [1] {
            bench.status_when("verified", |status| status.checkpoint_index.0 > 0).await;
        }
        for n in 0..20 {
            gateway.create(&format!("/n{n}"));
            bench.reach(gateway.commit()).await;
        }
        assert!(bench.status().await.serving, "{flips:?}");
    }
}
