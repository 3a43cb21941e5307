//! An ensemble of members in one process, each on a thread of its own, over loopback.
#![allow(dead_code)] // each test binary uses a part

pub mod gate;

use std::future::Future;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use menagerie_consensus::{ConsensusOptions, LocalConsensus, start};
use menagerie_proto::channel;
use menagerie_proto::consensus::{Consensus, ConsensusServer, ConsensusStatus, LogEntry, Member, Proposals};
use menagerie_types::{LogIndex, NodeId};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;

/// No condition may take longer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Waits until `check` gives something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A running member.
pub struct Running {
    pub consensus: LocalConsensus,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    pub async fn status(&self) -> ConsensusStatus {
        self.consensus.status().await.expect("a running member tells its status")
    }
}

/// A set of members and their directories.
pub struct Ensemble {
    pub members: Vec<Member>,
    pub running: Vec<Option<Running>>,
    dirs: TempDir,
    pub tune: Arc<dyn Fn(&mut ConsensusOptions) + Send + Sync>,
}

impl Ensemble {
    /// Starts `size` members.
    pub fn start(size: u64) -> Self {
        Self::start_tuned(size, |_| {})
    }

    pub fn start_tuned(size: u64, tune: impl Fn(&mut ConsensusOptions) + Send + Sync + 'static) -> Self {
        let listeners = (0..size).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        Self::start_on(listeners, tune)
    }

    /// Starts all but one of `size` members.
    pub fn start_without(size: u64, absent: u64) -> Self {
        let listeners: Vec<_> =
            (0..size).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let mut ensemble = Self::prepare(&listeners, |_| {});
        for (listener, id) in listeners.into_iter().zip(1..) {
            let member = (id != absent).then(|| ensemble.launch(id, listener));
            ensemble.running.push(member);
        }
        ensemble
    }

    fn start_on(
        listeners: Vec<TcpListener>,
        tune: impl Fn(&mut ConsensusOptions) + Send + Sync + 'static,
    ) -> Self {
        let mut ensemble = Self::prepare(&listeners, tune);
        for (listener, id) in listeners.into_iter().zip(1..) {
            let member = ensemble.launch(id, listener);
            ensemble.running.push(Some(member));
        }
        ensemble
    }

    fn prepare(
        listeners: &[TcpListener],
        tune: impl Fn(&mut ConsensusOptions) + Send + Sync + 'static,
    ) -> Self {
        let members = listeners.iter().zip(1..).map(|(listener, id)| Member {
            id: NodeId(id),
            address: listener.local_addr().expect("bound").to_string(),
            voter: true,
            info: String::new(),
        });
        Self {
            members: members.collect(),
            running: Vec::new(),
            dirs: tempfile::tempdir().expect("a temporary directory"),
            tune: Arc::new(tune),
        }
    }

    /// Starts three members; the third can be reached through a gate only.
    pub async fn start_gated() -> (Self, gate::Gate) {
        let listeners: Vec<TcpListener> =
            (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let gate = gate::Gate::to(listeners[2].local_addr().expect("bound").to_string()).await;
        let address = gate.address.to_string();
        let ensemble = Self::start_on(listeners, move |options| options.members[2].address = address.clone());
        (ensemble, gate)
    }

    pub fn dir(&self, id: u64) -> PathBuf {
        self.dirs.path().join(id.to_string())
    }

    fn launch(&self, id: u64, listener: TcpListener) -> Running {
        let mut options = ConsensusOptions::new(NodeId(id), self.dir(id), self.members.clone());
        options.heartbeat = Duration::from_millis(50);
        options.election_timeout = (Duration::from_millis(250), Duration::from_millis(500));
        options.segment_bytes = 1 << 20;
        (self.tune)(&mut options);
        let (ready, started) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let (consensus, raft) = start(options).await.expect("the member starts");
                ready.send(consensus.clone()).expect("the test waits");
                let server = channel::server()
                    .add_service(raft)
                    .add_service(ConsensusServer::service(Arc::new(consensus.clone())));
                listener.set_nonblocking(true).expect("a listener");
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    served = server.serve_with_incoming(TcpListenerStream::new(listener)) => served.expect("serves"),
                    _ = stopped => {}
                }
                consensus.shutdown().await;
            });
        };
        let thread = std::thread::spawn(run);
        Running { consensus: started.recv().expect("the member starts"), stop, thread }
    }

    pub fn member(&self, id: u64) -> &Running {
        self.running[id as usize - 1].as_ref().expect("the member runs")
    }

    pub fn alive(&self) -> impl Iterator<Item = &Running> {
        self.running.iter().flatten()
    }

    /// Stops a member; its connections break.
    pub fn stop(&mut self, id: u64) {
        let Running { stop, thread, consensus } =
            self.running[id as usize - 1].take().expect("the member runs");
        drop(consensus);
        stop.send(()).expect("the member runs");
        thread.join().expect("the member ends in order");
    }

    /// Starts one more member, which nobody else knows yet.
    pub fn add_stranger(&mut self) -> Member {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let id = self.members.len() as u64 + 1;
        let address = listener.local_addr().expect("bound").to_string();
        let member = Member { id: NodeId(id), address, voter: true, info: format!("server.{id}") };
        self.members.push(member.clone());
        let running = self.launch(id, listener);
        self.running.push(Some(running));
        member
    }

    /// Starts a stopped member again where it was.
    pub async fn restart(&mut self, id: u64) {
        let address = self.members[id as usize - 1].address.clone();
        let listener = until("the port is free", || async { TcpListener::bind(&address).ok() }).await;
        self.running[id as usize - 1] = Some(self.launch(id, listener));
    }

    pub fn wipe(&self, id: u64) {
        std::fs::remove_dir_all(self.dir(id)).expect("the directory exists");
    }

    /// The id of a leader that the majority agrees on.
    pub async fn leader(&self) -> u64 {
        until("a leader", || async {
            let mut votes = std::collections::BTreeMap::new();
            for member in self.alive() {
                let status = member.status().await;
                let known = status.leader.filter(|leader| self.running[leader.0 as usize - 1].is_some());
                *votes.entry(known).or_insert(0) += 1;
                if status.state == "leader" {
                    *votes.entry(Some(status.id)).or_insert(0) += 0;
                }
            }
            let (leader, count) = votes.into_iter().max_by_key(|(_, count)| *count)?;
            let leader = leader?.0;
            let leads = self.member(leader).status().await.state == "leader";
            (leads && count * 2 > self.members.len()).then_some(leader)
        })
        .await
    }

    /// A stream of proposals to whoever leads.
    pub async fn propose(&self) -> (u64, Proposals) {
        until("a stream of proposals", || async {
            let leader = self.leader().await;
            Some((leader, self.member(leader).consensus.propose().await.ok()?))
        })
        .await
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for running in self.running.iter_mut().filter_map(Option::take) {
            let _ = running.stop.send(());
            let _ = running.thread.join();
        }
    }
}

pub async fn send(proposals: &Proposals, chunk: impl Into<String>) {
    proposals.chunks.send(Bytes::from(chunk.into())).await.expect("the stream is open");
}

/// Reads a tail from `from` until `done` says so; checks that indexes are gapless and time never goes back.
pub async fn read_until(
    consensus: &LocalConsensus,
    from: u64,
    done: impl Fn(&[LogEntry]) -> bool,
) -> Vec<LogEntry> {
    let mut tail = consensus.tail(LogIndex(from)).await.expect("the log holds it");
    let mut entries: Vec<LogEntry> = Vec::new();
    let read = async {
        while !done(&entries) {
            let batch = tail.next().await.expect("a tail has no end").expect("a tail goes on");
            assert!(!batch.entries.is_empty());
            assert!(batch.entries.iter().all(|entry| entry.index <= batch.commit_index));
            entries.extend(batch.entries);
        }
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    assert!(read.is_ok(), "tail of {} waits behind {:?}", consensus.id(), entries.last());
    for (entry, index) in entries.iter().zip(from..) {
        assert_eq!(entry.index, LogIndex(index), "no gaps");
    }
    assert!(entries.is_sorted_by_key(|entry| entry.time_ms), "time never decreases");
    entries
}

/// All chunks as text.
pub fn texts(entries: &[LogEntry]) -> Vec<String> {
    let chunks = entries.iter().flat_map(|entry| &entry.chunks);
    chunks.map(|chunk| String::from_utf8_lossy(chunk).into_owned()).collect()
}

/// Reads from `from` until the chunk `last` has come.
pub async fn read_to(consensus: &LocalConsensus, from: u64, last: &str) -> Vec<LogEntry> {
    let found = |entries: &[LogEntry]| {
        entries.iter().any(|entry| entry.chunks.iter().any(|chunk| chunk == last.as_bytes()))
    };
    read_until(consensus, from, found).await
}
