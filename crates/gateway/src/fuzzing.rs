//! A worker's state for the fuzzer: bytes of connections in, bytes to send out, no sockets. Compiled for fuzzing only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use menagerie_link::{Ensemble, LogMember, Proposer, Stores};
use menagerie_proto::session_tracker::{Attempt, Established};
use menagerie_proto::tree_store::{LinkItem, LinkQueue, StoreLink};
use menagerie_types::{IncarnationId, LogIndex};

use crate::worker::fuzzed::{Conn, ConnToken, Identities};
use crate::worker::{Core, Peer};
use crate::{GatewayOptions, Shared, Trackers};

/// A worker without tasks.
pub struct Harness {
    core: Core,
    shared: Shared,
}

impl Harness {
    /// A worker without connections. The members are never called.
    pub fn new(options: GatewayOptions, members: Vec<LogMember>, incarnation: IncarnationId) -> Self {
        let policy = options.policy();
        let shared =
            Shared::new(options, Ensemble::new(members), Stores::new(Vec::new()), Trackers::default());
        let core = Core::new(&shared, Proposer::with_policy(incarnation, policy), Instant::now());
        Self { core, shared }
    }

    /// Uses a link to a replica.
    pub fn link(&mut self, link: Box<dyn StoreLink>) -> Arc<LinkQueue> {
        self.core.relink(link)
    }

    /// A client connects.
    pub fn accept(&mut self) -> u64 {
        let address = SocketAddr::from(([127, 0, 0, 1], 7));
        let peer = menagerie_auth::Peer { address, certificate: None };
        let identities = Identities::of_peer(&self.shared.options, &peer).expect("an address is enough");
        let now = self.core.now;
        self.core.conns.insert(|token| Conn::new(token, Peer::Socket(address), identities, now)).0
    }

    /// Bytes of a client.
    pub fn receive(&mut self, conn: u64, bytes: &[u8]) {
        let Some(at) = self.core.conns.get_mut(ConnToken(conn)) else { return };
        at.input.extend_from_slice(bytes);
        self.core.advance(ConnToken(conn));
    }

    /// What is to be sent to a client, and whether the connection goes on. `None` when it has ended.
    pub fn sent(&mut self, conn: u64) -> Option<Bytes> {
        let at = self.core.conns.get_mut(ConnToken(conn))?;
        let bytes = at.output.split().freeze();
        let ended = at.dead || at.draining;
        if ended {
            self.core.disconnect(ConnToken(conn));
        }
        (!ended || !bytes.is_empty()).then_some(bytes)
    }

    /// A client goes.
    pub fn disconnect(&mut self, conn: u64) {
        self.core.disconnect(ConnToken(conn));
    }

    /// Answers those who wait for a session.
    pub fn establish(&mut self, mut answer: impl FnMut(&Attempt) -> Option<Established>) {
        for (target, attempt) in std::mem::take(&mut self.core.establishing.waiting) {
            let answered = answer(&attempt);
            self.core.granted(target, attempt.session.0 == 0, answered);
        }
    }

    /// Answers syncs: everything up to `index` was committed when they were asked.
    pub fn sync(&mut self, index: LogIndex) {
        for sync in &mut self.core.syncs {
            sync.index = Some(index);
        }
        self.core.synced_up_to(index);
    }

    /// What the replica delivers.
    pub fn deliver(&mut self, item: LinkItem) {
        self.core.deliver(item);
    }

    /// Goes on with connections that waited.
    pub fn go_on(&mut self) {
        for token in std::mem::take(&mut self.core.ready) {
            self.core.advance(token);
        }
        self.core.dirty.clear();
    }

    /// Commands on their way to the log.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        self.core.proposer.next_chunk()
    }
}
