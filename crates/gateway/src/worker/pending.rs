//! Reads that the replica has queued.

use std::collections::BTreeMap;

use bytes::Bytes;
use menagerie_types::command::Command;
use menagerie_types::{OpCode, SessionId};

use super::core::Target;

/// A read that the replica has queued, kept so that it can be asked again over another link.
#[derive(Debug)]
pub struct PendingRead {
    pub target: Target,
    pub op: OpCode,
    pub session: SessionId,
    pub xid: i32,
    pub auth: Bytes,
    pub body: Box<[u8]>,
}

impl PendingRead {
    /// As it is asked.
    pub fn command(&self) -> Command<'_> {
        Command { op: self.op, session: self.session, xid: self.xid, auth: &self.auth, body: &self.body }
    }
}

/// Queued reads by their tokens, which rise: their order is that in which they were asked.
#[derive(Debug, Default)]
pub struct PendingReads {
    by_token: BTreeMap<u64, PendingRead>,
    last_token: u64,
}

impl PendingReads {
    /// A token that no read has had.
    pub fn next_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    /// Keeps a read until its answer comes.
    pub fn insert(&mut self, token: u64, read: PendingRead) {
        self.by_token.insert(token, read);
    }

    /// The read that was answered.
    pub fn take(&mut self, token: u64) -> Option<PendingRead> {
        self.by_token.remove(&token)
    }

    /// All of them, in the order in which they were asked.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &PendingRead)> {
        self.by_token.iter().map(|(token, read)| (*token, read))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_token.len()
    }

    /// Nobody waits for them any more.
    pub fn clear(&mut self) {
        self.by_token.clear();
    }
}
