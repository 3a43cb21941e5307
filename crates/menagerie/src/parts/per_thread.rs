//! Connections that live on the thread that uses them.
//!
//! A channel's connection is driven by the runtime it was made on. Gateway workers and apply loops have runtimes of
//! their own; through a shared channel every message would wake another thread, which costs more than the message.

use std::collections::HashMap;
use std::thread::ThreadId;

use async_trait::async_trait;
use menagerie_proto::ServiceResult;
use menagerie_proto::channel;
use menagerie_proto::consensus::{
    Consensus, ConsensusClient, ConsensusStatus, Leaders, Member, Proposals, Tail,
};
use menagerie_proto::tree_store::{
    CheckpointStream, Directory, LinkHello, Registered, StoreLink, TreeStore, TreeStoreClient,
    TreeStoreStatus,
};
use menagerie_types::command::registration::Role;
use menagerie_types::{LogIndex, NodeId};
use parking_lot::Mutex;
use tonic::transport::{Channel, Error};

/// One client of `address` for each thread that calls; threads of a process are few and live as long as it does.
pub struct PerThread<C> {
    address: String,
    wrap: fn(Channel) -> C,
    clients: Mutex<HashMap<ThreadId, C>>,
}

impl<C: Clone> PerThread<C> {
    /// Clients of `address`, made by `wrap` when first used. Fails on an address that is no authority.
    pub fn new(address: &str, wrap: fn(Channel) -> C) -> Result<Self, Error> {
        let this = Self { address: address.to_owned(), wrap, clients: Mutex::default() };
        this.client().map(|_| this)
    }

    /// The calling thread's.
    fn client(&self) -> Result<C, Error> {
        let mut clients = self.clients.lock();
        let thread = std::thread::current().id();
        if let Some(client) = clients.get(&thread) {
            return Ok(client.clone());
        }
        let client = (self.wrap)(channel::lazy(&self.address)?);
        clients.insert(thread, client.clone());
        Ok(client)
    }

    /// As [`Self::client`], within a call.
    fn here(&self) -> ServiceResult<C> {
        self.client().map_err(|error| menagerie_proto::ServiceError::Invalid(error.to_string()))
    }
}

#[async_trait]
impl Consensus for PerThread<ConsensusClient> {
    async fn propose(&self) -> ServiceResult<Proposals> {
        self.here()?.propose().await
    }

    async fn tail(&self, from: LogIndex) -> ServiceResult<Tail> {
        self.here()?.tail(from).await
    }

    async fn barrier(&self) -> ServiceResult<LogIndex> {
        self.here()?.barrier().await
    }

    async fn truncate(&self, index: LogIndex) -> ServiceResult<LogIndex> {
        self.here()?.truncate(index).await
    }

    async fn change_membership(&self, expected: LogIndex, members: Vec<Member>) -> ServiceResult<LogIndex> {
        self.here()?.change_membership(expected, members).await
    }

    async fn leaders(&self) -> ServiceResult<Leaders> {
        self.here()?.leaders().await
    }

    async fn transfer_leadership(&self, to: Option<NodeId>) -> ServiceResult<NodeId> {
        self.here()?.transfer_leadership(to).await
    }

    async fn status(&self) -> ServiceResult<ConsensusStatus> {
        self.here()?.status().await
    }
}

#[async_trait]
impl TreeStore for PerThread<TreeStoreClient> {
    async fn link(&self, hello: LinkHello) -> ServiceResult<Box<dyn StoreLink>> {
        self.here()?.link(hello).await
    }

    async fn fetch_checkpoint(&self) -> ServiceResult<CheckpointStream> {
        self.here()?.fetch_checkpoint().await
    }

    async fn status(&self) -> ServiceResult<TreeStoreStatus> {
        self.here()?.status().await
    }

    async fn directory(&self) -> ServiceResult<Directory> {
        self.here()?.directory().await
    }

    async fn register(&self, component: Registered) -> ServiceResult<()> {
        self.here()?.register(component).await
    }

    async fn unregister(&self, role: Role, id: NodeId) -> ServiceResult<bool> {
        self.here()?.unregister(role, id).await
    }
}
