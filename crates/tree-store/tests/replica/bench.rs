//! What the tests drive a replica with: gateways that propose and read what their links deliver.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use menagerie_jute::{AclList, CreateRequest, DeleteRequest, PathWatchRequest, SetDataRequest};
use menagerie_link::{Outbox, Stores};
use menagerie_proto::tree_store::{
    LinkHello, LinkItem, LinkQueue, ReadOutcome, ReadPlacement, StoreLink, TreeStore, TreeStoreStatus,
    WatchSet,
};
use menagerie_tree_store::{LocalTreeStore, TreeStoreOptions, open};
use menagerie_types::command::internal::{CreateSession, TrackerLease};
use menagerie_types::command::{Command, Policy};
use menagerie_types::{IncarnationId, LogIndex, NodeId, OpCode, SessionId, Zxid};

use crate::log::FakeLog;

const DEADLINE: Duration = Duration::from_secs(20);

/// Fails the test if it takes too long.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("in time: {what}"))
}

/// A replica with its directory and its running task.
pub struct Bench {
    pub store: LocalTreeStore,
    pub dir: Arc<tempfile::TempDir>,
    task: tokio::task::JoinHandle<()>,
}

pub fn options(id: u64, dir: &tempfile::TempDir) -> TreeStoreOptions {
    TreeStoreOptions {
        link_wait: Duration::from_millis(300),
        checkpoint_cache_bytes: 16 << 20,
        ..TreeStoreOptions::new(NodeId(id), dir.path())
    }
}

impl Bench {
    pub async fn start(log: &Arc<FakeLog>) -> Self {
        let dir = Arc::new(tempfile::tempdir().expect("temporary directory"));
        Self::start_in(log, dir, vec![]).await
    }

    pub async fn start_in(
        log: &Arc<FakeLog>,
        dir: Arc<tempfile::TempDir>,
        peers: Vec<Arc<dyn TreeStore>>,
    ) -> Self {
        let options = options(1, &dir);
        Self::start_with(log, dir, options, peers).await
    }

    pub async fn start_with(
        log: &Arc<FakeLog>,
        dir: Arc<tempfile::TempDir>,
        options: TreeStoreOptions,
        peers: Vec<Arc<dyn TreeStore>>,
    ) -> Self {
        let peers = (100..).map(NodeId).zip(peers).collect();
        let (store, run) = open(options, log.ensemble(), Stores::new(peers)).await.expect("replica opens");
        Self { store, dir, task: tokio::spawn(async { drop(run.await) }) }
    }

    /// Ends the replica in order and gives its directory back.
    pub async fn stop(self) -> Arc<tempfile::TempDir> {
        soon("shutdown", self.store.shutdown()).await.expect("last checkpoint");
        soon("the task ends", self.task).await.expect("no panic");
        self.dir
    }

    /// Waits until the replica has ended by itself.
    pub async fn ended(self) {
        self.task.await.expect("no panic");
    }

    pub async fn status(&self) -> TreeStoreStatus {
        self.store.status().await.expect("status")
    }

    /// Waits until `index` is applied.
    pub async fn reach(&self, index: LogIndex) -> TreeStoreStatus {
        self.status_when("index is applied", |status| status.applied_index >= index).await
    }

    pub async fn status_when(&self, what: &str, holds: impl Fn(&TreeStoreStatus) -> bool) -> TreeStoreStatus {
        let wait = async {
            loop {
                let status = self.status().await;
                if holds(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon(what, wait).await
    }
}

/// A proposer whose chunks go straight into the log, and its link.
pub struct Gateway {
    pub outbox: Outbox,
    log: Arc<FakeLog>,
}

/// One end of a link, with what has been taken from it.
pub struct Linked {
    pub link: Box<dyn StoreLink>,
    pub queue: Arc<LinkQueue>,
    /// Without what was only said about the replica's progress, which comes at any time.
    pub items: Vec<LinkItem>,
    /// How far the replica has said it is.
    pub told: Zxid,
    pub awaits: bool,
}

impl Gateway {
    pub fn new(log: &Arc<FakeLog>, incarnation: u64) -> Self {
        let outbox = Outbox::new(IncarnationId(incarnation), Policy::NONE);
        Self { outbox, log: Arc::clone(log) }
    }

    pub fn incarnation(&self) -> IncarnationId {
        self.outbox.incarnation()
    }

    pub fn push(&mut self, op: OpCode, session: SessionId, body: &[u8]) {
        let xid = self.outbox.next_seq() as i32;
        self.outbox.push(&Command { op, session, xid, auth: &[], body });
    }

    /// What was pushed becomes one chunk in one entry.
    pub fn commit(&mut self) -> LogIndex {
        let chunks: Vec<Bytes> = std::iter::from_fn(|| self.outbox.next_chunk()).collect();
        self.log.append(chunks)
    }

    pub fn create(&mut self, path: &str) {
        self.push(OpCode::Create, SessionId::NONE, &create(path, 0));
    }

    pub fn set(&mut self, path: &str) {
        let mut body = BytesMut::new();
        SetDataRequest { path, data: Some(b"other"), version: -1 }.encode(&mut body);
        self.push(OpCode::SetData, SessionId::NONE, &body);
    }

    pub fn delete(&mut self, path: &str) {
        let mut body = BytesMut::new();
        DeleteRequest { path, version: -1 }.encode(&mut body);
        self.push(OpCode::Delete, SessionId::NONE, &body);
    }

    /// Makes a session owned by this gateway; the lease is acquired first.
    pub fn open_session(&mut self, session: SessionId) {
        let lease = TrackerLease { tracker: NodeId(1), epoch: 0, ttl_ms: 1000 };
        self.push(OpCode::TrackerLease, SessionId::NONE, &lease.encode());
        let owner = self.incarnation();
        let request = CreateSession { session, timeout_ms: 4000, password: [7; 16], owner, epoch: 1 };
        self.push(OpCode::CreateSession, SessionId::NONE, &request.encode());
    }

    pub fn hello(&self) -> LinkHello {
        LinkHello {
            incarnation: self.incarnation(),
            acked_seq: self.outbox.acked_seq(),
            ..Default::default()
        }
    }

    pub async fn link(&self, store: &LocalTreeStore) -> Linked {
        Linked::open(store, self.hello()).await
    }
}

pub fn create(path: &str, flags: i32) -> BytesMut {
    let mut body = BytesMut::new();
    CreateRequest { path, data: Some(b"data"), acl: Some(AclList::open()), flags }.encode(&mut body);
    body
}

impl Linked {
    pub async fn open(store: &LocalTreeStore, hello: LinkHello) -> Self {
        let link = store.link(hello).await.expect("link");
        let queue = Arc::clone(link.queue());
        let mut this = Self { link, queue, items: Vec::new(), told: Zxid(0), awaits: false };
        this.take();
        assert!(matches!(this.items.remove(0), LinkItem::Start { .. }));
        assert!(matches!(this.items.remove(0), LinkItem::Lease(_)));
        this
    }

    /// Takes what is there.
    pub fn take(&mut self) {
        self.queue.take(&mut self.items).expect("link stands");
        let (told, awaits) = (&mut self.told, self.awaits);
        self.items.retain(|item| match item {
            LinkItem::Applied { zxid, .. } => {
                *told = *zxid;
                awaits
            }
            _ => true,
        });
    }

    /// Waits until something in the items satisfies `holds`, then gives all of them.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&[LinkItem]) -> bool) -> Vec<LinkItem> {
        let wait = async {
            self.take();
            while !holds(&self.items) {
                self.queue.ready().await;
                self.take();
            }
        };
        soon(what, wait).await;
        std::mem::take(&mut self.items)
    }

    /// Waits until the result of `seq` is there.
    pub async fn until_result(&mut self, seq: u64) -> Vec<LinkItem> {
        self.until("result", |items| results(items).last().is_some_and(|last| last.0 >= seq)).await
    }

    pub fn read(&mut self, op: OpCode, path: &str, watch: bool) -> (BytesMut, ReadOutcome) {
        let mut body = BytesMut::new();
        PathWatchRequest { path, watch }.encode(&mut body);
        let read = Command { op, session: SessionId(1), xid: 77, auth: &[], body: &body };
        let mut out = BytesMut::new();
        let outcome = self.link.read(5, &read, &mut out);
        (out, outcome)
    }

    /// exists, with a watch, placed after one of the link's own commands.
    pub fn read_after(&mut self, seq: u64, token: u64, path: &str) -> ReadPlacement {
        let mut body = BytesMut::new();
        PathWatchRequest { path, watch: true }.encode(&mut body);
        let read = Command { op: OpCode::Exists, session: SessionId(1), xid: 77, auth: &[], body: &body };
        self.link.read_after(seq, token, &read)
    }

    /// A read that must be answered at once.
    pub fn watch(&mut self, op: OpCode, path: &str) -> WatchSet {
        match self.read(op, path, true).1 {
            ReadOutcome::Answered(watches) => watches,
            other => panic!("answered at once, not {other:?}"),
        }
    }
}

/// `(seq, xid, zxid, err)` of each result, with the frames checked.
pub fn results(items: &[LinkItem]) -> Vec<(u64, i32, Zxid, i32)> {
    let mut all = Vec::new();
    for item in items {
        let LinkItem::Results { first_seq, count, frames } = item else { continue };
        let mut at = 0;
        for seq in *first_seq..first_seq + u64::from(*count) {
            let word = |offset: usize| {
                let bytes = frames[at + offset..at + offset + 4].try_into().expect("four bytes");
                i32::from_be_bytes(bytes)
            };
            let zxid = (i64::from(word(8)) << 32) | i64::from(word(12) as u32);
            all.push((seq, word(4), Zxid(zxid), word(16)));
            at += 4 + word(0) as usize;
        }
        assert_eq!(at, frames.len(), "whole frames and nothing else");
    }
    all
}
