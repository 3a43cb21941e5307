//! Reads that wait at the replica.

use std::collections::BTreeMap;

use bytes::Bytes;
use menagerie_types::command::Command;
use menagerie_types::{OpCode, SessionId};

use super::core::Target;

/// A read that the replica has not answered, kept so that it can be asked again over another link.
#[derive(Debug)]
pub struct PendingRead {
    pub target: Target,
    pub op: OpCode,
    pub session: SessionId,
    pub xid: i32,
    pub auth: Bytes,
    pub body: Box<[u8]>,
    /// The write of its session that it comes after, unless that was answered before.
    pub after: Option<u64>,
    /// It has its place there: the session's writes go on.
    pub placed: bool,
}

impl PendingRead {
    /// As it is asked.
    pub fn command(&self) -> Command<'_> {
        Command { op: self.op, session: self.session, xid: self.xid, auth: &self.auth, body: &self.body }
    }
}

/// Such reads by their tokens, which rise: their order is that in which they were asked.
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
    pub fn take_all(&mut self) -> impl Iterator<Item = (u64, PendingRead)> + use<> {
        std::mem::take(&mut self.by_token).into_iter()
    }

    /// The oldest.
    #[cfg(test)]
    pub fn first_token(&self) -> Option<u64> {
        self.by_token.keys().next().copied()
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
