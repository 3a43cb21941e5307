//! Looks at the components from where their callers stand: the log's tails, and what each says of itself.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use menagerie_consensus::LocalConsensus;
use menagerie_proto::ServiceResult;
use menagerie_proto::consensus::{Consensus, ConsensusStatus, Leaders, LogEntry, Member, Proposals, Tail};
use menagerie_proto::tree_store::TreeStore;
use menagerie_tree_store::LocalTreeStore;
use menagerie_types::command::internal::ExpireSession;
use menagerie_types::command::read_chunk;
use menagerie_types::{LogIndex, NodeId, OpCode};

use super::{Machine, Surroundings};
use crate::event::{EntryId, Event};
use crate::world::World;

/// How often a member of the log is looked at. No term is shorter.
const LOOK_AT_LOG: Duration = Duration::from_millis(5);
/// How often a store is looked at; it remembers its digests for much longer.
const LOOK_AT_STORE: Duration = Duration::from_millis(50);

/// Reports who leads, and where logs begin.
pub fn consensus(member: LocalConsensus, machine: Arc<Machine>, around: Surroundings) {
    tokio::spawn(async move {
        let (mut led, mut first) = (0, 0);
        loop {
            if let Ok(status) = member.status().await {
                let node = machine.spec.name;
                if status.state == "leader" && status.term != led {
                    led = status.term;
                    around.world.emit(Event::Leads { node, term: led });
                }
                if status.first_index.0 > first {
                    first = status.first_index.0;
                    let checkpoints = around.layout.checkpoints();
                    around.world.emit(Event::LogBegins { node, first, checkpoints });
                }
            }
            tokio::time::sleep(LOOK_AT_LOG).await;
        }
    });
}

/// Reports the digest after every entry that a store applies.
pub fn store(store: LocalTreeStore, id: NodeId, world: World) {
    tokio::spawn(async move {
        let mut seen = 0;
        loop {
            if let Ok(status) = store.status().await {
                for index in seen + 1..=status.applied_index.0 {
                    // A state that came from a peer has no history.
                    if let Some(digest) = store.digest_at(LogIndex(index)) {
                        world.emit(Event::Applied { store: id.0, index, digest });
                    }
                }
                seen = status.applied_index.0;
            }
            tokio::time::sleep(LOOK_AT_STORE).await;
        }
    });
}

/// `member`, with every entry reported that `store` tails from it.
pub fn tail(member: Arc<dyn Consensus>, store: NodeId, id: NodeId, world: World) -> Arc<dyn Consensus> {
    Arc::new(Watched { member, store: store.0, id: id.0, world })
}

struct Watched {
    member: Arc<dyn Consensus>,
    store: u64,
    id: u64,
    world: World,
}

#[async_trait]
impl Consensus for Watched {
    async fn propose(&self) -> ServiceResult<Proposals> {
        self.member.propose().await
    }

    async fn tail(&self, from: LogIndex) -> ServiceResult<Tail> {
        let tail = self.member.tail(from).await?;
        let (world, store, from) = (self.world.clone(), self.store, self.id);
        let watched = tail.inspect(move |batch| {
            for entry in batch.iter().flat_map(|batch| &batch.entries) {
                world.emit(Event::Committed { store, from, entry: entry_id(entry) });
                expiries(entry).for_each(|session| world.emit(Event::ExpiryInLog { session }));
            }
        });
        Ok(watched.boxed())
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        self.member.barrier().await
    }

    async fn truncate(&self, index: LogIndex) -> ServiceResult<LogIndex> {
        self.member.truncate(index).await
    }

    async fn change_membership(&self, expected: LogIndex, members: Vec<Member>) -> ServiceResult<LogIndex> {
        self.member.change_membership(expected, members).await
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        self.member.leaders().await
    }

    async fn transfer_leadership(&self, to: Option<NodeId>) -> ServiceResult<NodeId> {
        self.member.transfer_leadership(to).await
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        self.member.status().await
    }
}

/// The sessions that the entry says have expired.
fn expiries(entry: &LogEntry) -> impl Iterator<Item = i64> {
    let commands = entry.chunks.iter().filter_map(|chunk| read_chunk(chunk).ok());
    let commands = commands.flat_map(|(_, commands)| commands.filter_map(Result::ok));
    let expiries = commands.filter(|command| command.op == OpCode::ExpireSession);
    expiries.filter_map(|command| ExpireSession::decode(command.body).ok()).map(|body| body.session.0)
}

fn entry_id(entry: &LogEntry) -> EntryId {
    let mut hash = DefaultHasher::new();
    entry.time_ms.hash(&mut hash);
    for chunk in &entry.chunks {
        chunk[..].hash(&mut hash);
    }
    EntryId { index: entry.index.0, term: entry.term, hash: hash.finish() }
}
